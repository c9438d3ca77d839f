//! Counts of replays.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a replay ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ReplayEnd {
    /// Everything was sent.
    Finished,
    /// The client left.
    Left,
    /// The client accepted no byte for too long, or violated the protocol.
    Client,
    /// Its token expired, or the service stops.
    Ended,
    /// It could not start: the request was invalid or not allowed, or the limit was reached.
    Refused,
    /// A recording could not be read further.
    Failed,
}

impl ReplayEnd {
    pub const ALL: [ReplayEnd; 6] = [
        ReplayEnd::Finished,
        ReplayEnd::Left,
        ReplayEnd::Client,
        ReplayEnd::Ended,
        ReplayEnd::Refused,
        ReplayEnd::Failed,
    ];

    /// The value of the metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            ReplayEnd::Finished => "finished",
            ReplayEnd::Left => "left",
            ReplayEnd::Client => "client",
            ReplayEnd::Ended => "ended",
            ReplayEnd::Refused => "refused",
            ReplayEnd::Failed => "failed",
        }
    }
}

/// Totals since the service began.
#[derive(Default)]
pub struct ReplayStats {
    ends: [AtomicU64; ReplayEnd::ALL.len()],
    pub messages: AtomicU64,
    pub bytes: AtomicU64,
}

impl ReplayStats {
    pub fn count(&self, end: ReplayEnd) {
        self.ends[end as usize].fetch_add(1, Relaxed);
    }

    pub fn get(&self, end: ReplayEnd) -> u64 {
        self.ends[end as usize].load(Relaxed)
    }

    /// Counts a part handed to a connection.
    pub fn sent(&self, messages: u64, bytes: usize) {
        self.messages.fetch_add(messages, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
}
