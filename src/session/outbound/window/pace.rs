//! How fast a client has read lately, which for a client that keeps up is how fast it was sent data. Not the capacity
//! of its link: that follows from the delay of proofs.

use crate::tick::Nanos;

#[derive(Clone, Copy, Debug)]
pub(super) struct RecentReading {
    bytes: Stretch,
    cost: Stretch,
    /// Frames that it has acknowledged.
    frames: Stretch,
}

/// A count, and its rate over the last complete stretch of time.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: Nanos,
    count: u64,
    per_nano: f64,
}

// === impl RecentReading ===

impl RecentReading {
    pub fn new(now: Nanos) -> Self {
        let nothing = Stretch { since: now, count: 0, per_nano: 0.0 };
        RecentReading { bytes: nothing, cost: nothing, frames: nothing }
    }

    pub fn note_read(&mut self, cost: u64, bytes: u64, now: Nanos, target_nanos: u64) {
        self.cost.note(cost, now, target_nanos / 2);
        self.bytes.note(bytes, now, target_nanos / 2);
    }

    /// Counts frames, over longer stretches: a slow program reads a few per second.
    pub fn note_frames(&mut self, frames: u64, now: Nanos, target_nanos: u64) {
        self.frames.note(frames, now, 2 * target_nanos);
    }

    /// The bytes that the client reads in this time.
    pub fn bytes_within(&self, nanos: u64) -> u64 {
        (self.bytes.per_nano * nanos as f64) as u64
    }

    /// As [`Self::bytes_within`], in [`cost`](super::Sent::cost).
    pub fn cost_within(&self, nanos: u64) -> u64 {
        (self.cost.per_nano * nanos as f64) as u64
    }

    /// The frames that the client acknowledges in this time.
    pub fn frames_within(&self, nanos: u64) -> u64 {
        (self.frames.per_nano * nanos as f64) as u64
    }
}

// === impl Stretch ===

impl Stretch {
    fn note(&mut self, count: u64, now: Nanos, least_nanos: u64) {
        self.count = self.count.saturating_add(count);
        let nanos = now.since(self.since);
        if nanos > 0 && nanos >= least_nanos {
            *self = Stretch { since: now, count: 0, per_nano: self.count as f64 / nanos as f64 };
        }
    }
}
