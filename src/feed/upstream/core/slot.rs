//! A slot and its links, as they stand: values, and what is asked of them.

use std::time::Duration;

use super::out::{LinkEnd, LinkId, SlotId};
use crate::{
    feed::upstream::{allowance::StreamGrant, backoff::RetryDelay, venue::Stream},
    tick::Nanos,
};

/// Streams that one link carries.
pub struct LinkSlot {
    pub channel: &'static str,
    pub streams: Vec<Stream>,
    /// The link that counts.
    pub current: Option<LinkId>,
    /// A link that is made, or that is to replace the current one.
    pub next: Option<LinkId>,
    /// When to dial.
    pub due: Option<Nanos>,
    pub delay: RetryDelay,
    /// That the venue has no room for its streams was told.
    pub is_told_full: bool,
}

/// A connection that is made, or is open.
pub struct VenueLink {
    pub slot: SlotId,
    /// Its streams, of those that the venue allows.
    pub grant: StreamGrant,
    pub opened: Option<Nanos>,
    /// When a second link takes over what it has not taken over yet.
    pub finish: Option<Nanos>,
    /// When it is replaced, because of its age.
    pub rotate: Option<Nanos>,
    /// When a tick came last, and how many came.
    pub heard: Nanos,
    pub ticks: u64,
    /// As `ticks`, when its replacement opened.
    pub ticks_before: u64,
}

// === impl VenueLink ===

impl VenueLink {
    pub fn new(slot: SlotId, grant: StreamGrant) -> Self {
        let never = Nanos(0);
        VenueLink {
            slot,
            grant,
            opened: None,
            finish: None,
            rotate: None,
            heard: never,
            ticks: 0,
            ticks_before: 0,
        }
    }

    pub fn heard(&mut self, now: Nanos, ticks: usize) {
        self.heard = now;
        self.ticks += ticks as u64;
    }

    pub fn due(&self) -> Option<Nanos> {
        [self.finish, self.rotate].into_iter().flatten().min()
    }
}

// === impl LinkSlot ===

impl LinkSlot {
    /// The wait after one more failure.
    pub fn wait_after(&mut self, end: &LinkEnd, chance: f64) -> Duration {
        match end {
            LinkEnd::Broken(_) => self.delay.next(chance),
            LinkEnd::Refused { wait, .. } => self.delay.next(chance).max(*wait),
            LinkEnd::Fatal(_) => self.delay.fatal(chance),
        }
    }
}
