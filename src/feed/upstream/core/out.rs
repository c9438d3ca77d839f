//! What comes out of the machine, and the values that its parts share.

use std::time::Duration;

use crate::{
    feed::{
        RejectReason, SymbolState,
        upstream::{
            sequence::SequenceCounts,
            venue::{Stream, StreamGroup},
        },
    },
    tick::Tick,
};

/// One connection; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotId(pub u32);

/// What is to be done and delivered.
#[derive(Default, Debug)]
pub struct UpstreamOut {
    /// With the symbols that clients know.
    pub ticks: Vec<Tick>,
    /// Before or after the ticks makes no difference: a state is told with the tick that changes it.
    pub states: Vec<SymbolState>,
    pub actions: Vec<LinkAction>,
    /// Lines for the log.
    pub told: Vec<LogLine>,
    pub rejects: Vec<(RejectReason, String)>,
}

/// What the driver is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkAction {
    Dial { link: LinkId, group: StreamGroup },
    Close { link: LinkId },
    Change { link: LinkId, add: Vec<Stream>, remove: Vec<Stream> },
}

/// A line for the log, by its weight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogLine {
    Info(String),
    Warn(String),
    /// A gap, which may be told with each message.
    Gap(String),
    /// For an operator: the venue is dark, or refuses our key.
    Alert(String),
}

/// Why a link ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkEnd {
    Broken(String),
    /// The venue says for how long it wants no attempts from us, of any connection.
    Refused {
        why: String,
        wait: Duration,
    },
    /// Connecting again is not expected to help.
    Fatal(String),
}

/// Counts since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct UpstreamCounts {
    pub messages: u64,
    /// Links that were made anew after one broke.
    pub reconnects: u64,
    pub rotations: u64,
    pub sequences: SequenceCounts,
    /// Ticks that nobody asked for.
    pub unasked: u64,
    /// Ticks of a history that the venue sends on subscribing.
    pub history: u64,
    /// Streams that were mute and subscribed to anew.
    pub moved: u64,
    /// Now: links that are open, and slots that want one.
    pub open: usize,
    pub wanted: usize,
}

// === impl UpstreamOut ===

impl UpstreamOut {
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.states.clear();
        self.actions.clear();
        self.told.clear();
        self.rejects.clear();
    }
}

// === impl LinkEnd ===

impl LinkEnd {
    pub fn why(&self) -> &str {
        match self {
            LinkEnd::Broken(why) | LinkEnd::Refused { why, .. } | LinkEnd::Fatal(why) => why,
        }
    }
}
