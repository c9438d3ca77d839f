//! From bytes to [`Tick`]s: sources, and decoders that do no I/O.
//!
//! A [`Feed`] runs on a thread of its own and pushes what it decodes into the [`Sink`] that it is given; it knows
//! nothing of topics, sessions or shards. A sink never waits for a client, so a feed is never held up by one.
//!
//! Invariants: bytes from outside never panic; a line that is no tick is counted and never stops the lines after it;
//! the same source with the same options gives the same ticks.

pub mod bundled;
mod complaints;
pub mod formats;
pub mod ndjson;
mod options;
mod pace;
pub mod recording;
pub mod replay;
pub mod sim;
pub mod source;
pub mod stdin;
#[cfg(test)]
pub(crate) mod testing;

use std::{io, sync::Arc, time::Duration};

use crate::{
    bell::Bell,
    clock::Anchor,
    shutdown::Stop,
    tick::{Nanos, Symbol, Tick},
};

pub use pace::{Speed, Timed};
pub use source::{Opened, Source, SourceError};

/// Where a feed's ticks go. `service` gives each feed one; tests give a vector.
pub trait Sink: Send {
    /// Takes the ticks in, in order, and leaves the vector empty. A tick that is refused is counted by the sink and
    /// described in `refused`; the others are taken.
    fn submit(&mut self, ticks: &mut Vec<Tick>, refused: &mut Vec<Refused>);

    /// As [`Self::submit`], with the time of each by the market's clock.
    fn submit_dated(&mut self, ticks: &mut Vec<Tick>, _rx: &[Nanos], refused: &mut Vec<Refused>) {
        self.submit(ticks, refused);
    }

    /// Counts a line or record that never became a tick.
    fn reject(&mut self, reason: RejectReason);

    /// How far this feed is behind its own schedule: a replay its pace, a simulation its rate.
    fn lag(&mut self, behind: Duration);

    /// The time, by the service's clock, for what must be stamped or paced.
    fn now(&self) -> Nanos;

    /// Sets how the market's clock goes on, if the feed is one that [drives](Feed::begins) it.
    fn drive(&mut self, _anchor: Anchor) {}

    /// How the feed stands, whenever that changes; only feeds that may be held say so.
    fn activity(&mut self, _activity: Activity) {}

    /// Whether the feed is going to ask for [`Self::room`] or [`Self::is_taken`]: readers are watched only meanwhile.
    fn watch_readers(&mut self, _watches: bool) {}

    /// Whether every reader that must miss nothing was sent all that was submitted; if not, the bell
    /// [rings](Self::listen) when that may be so.
    fn is_taken(&mut self) -> bool {
        true
    }

    /// How many ticks more may be submitted without a reader that must miss nothing missing one; with 0 the bell
    /// [rings](Self::listen) when there may be room.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Clients that have subscribed to something.
    fn clients(&self) -> usize {
        0
    }

    /// Rings when there is something new to ask the sink for.
    fn listen(&mut self, _bell: &Bell) {}
}

/// How a feed stands that may be held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Activity {
    Playing,
    /// On purpose it gives nothing for now.
    Held,
    /// It has come to its end; it may be asked to begin again.
    Ended,
}

/// A source of ticks, opened and ready to run.
pub trait Feed: Send {
    /// Pushes ticks into `sink` until the source ends or `stop` is set. Blocks; runs on a thread of its own.
    ///
    /// # Errors
    /// When the source breaks in a way that no later line can mend.
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError>;

    /// The handle by which it may be held, if it is a replay.
    fn replay(&self) -> Option<Arc<replay::Control>> {
        None
    }

    /// What it says of the symbols that it has, if it knows them before their first ticks.
    fn listing(&self) -> Option<Arc<dyn Listing>> {
        None
    }

    /// Where the market's clock stands before the feed runs, if the feed drives it.
    fn begins(&self) -> Option<Nanos> {
        None
    }
}

/// Symbols that a feed says it has, before their first ticks. It need not name all of them.
pub trait Listing: Send + Sync {
    fn lists(&self, symbol: &Symbol) -> bool;
}

/// A tick that the sink did not take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Its place in the vector that was submitted.
    pub index: usize,
    pub reason: RejectReason,
    /// For a person: what was wrong, and what to do.
    pub message: String,
}

/// Why something that a feed sent did not become a tick: the label of `tickcast_ticks_rejected_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RejectReason {
    /// No JSON, or no JSON object.
    Syntax,
    /// The line is longer than the limit.
    LineTooLong,
    /// `symbol` is missing or is no symbol.
    Symbol,
    /// A field that a tick does not have.
    UnknownField,
    /// A value of the wrong kind, out of range, or with too many decimal places.
    Value,
    /// A tick without a single field.
    NoFields,
    /// The symbol belongs to another feed.
    Owned,
    /// The limit on topics is reached.
    TopicsFull,
}

/// Why a feed could not be opened or broke off.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("cannot read {path}")]
    Read { path: String, source: io::Error },
    #[error("{path} is no recording: {why}")]
    NotARecording { path: String, why: String },
    #[error("{path} holds no tick{what}")]
    Empty { path: String, what: String },
    #[error("{path} holds no tick that from, to and symbols select: tickcast info tells what it holds")]
    NoneSelected { path: String },
    /// With `on_error=stop` alone.
    #[error("{path}, {place}: {message}")]
    Rejected { path: String, place: recording::Place, message: String },
}

/// An error and what caused it, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

// === impl RejectReason ===

impl RejectReason {
    pub const ALL: [RejectReason; 8] = [
        RejectReason::Syntax,
        RejectReason::LineTooLong,
        RejectReason::Symbol,
        RejectReason::UnknownField,
        RejectReason::Value,
        RejectReason::NoFields,
        RejectReason::Owned,
        RejectReason::TopicsFull,
    ];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            RejectReason::Syntax => "syntax",
            RejectReason::LineTooLong => "line_too_long",
            RejectReason::Symbol => "symbol",
            RejectReason::UnknownField => "unknown_field",
            RejectReason::Value => "value",
            RejectReason::NoFields => "no_fields",
            RejectReason::Owned => "owned",
            RejectReason::TopicsFull => "topics_full",
        }
    }
}
