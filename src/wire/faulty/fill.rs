//! [`FaultyFill`]: the outcome of filling a frame with faults.

use crate::{
    fanout::{FrameTally, LateTally},
    tick::Nanos,
};

/// The outcome of one frame.
#[derive(Default)]
pub struct FaultyFill {
    /// Receive time and order of each message written to the frame directly.
    pub sent: Vec<(Nanos, u64)>,
    /// Messages that a fault dropped, in real time and delayed.
    pub dropped: [u64; 2],
    /// Ticks are missing of which the client must miss nothing.
    pub has_lost: bool,
}

impl FaultyFill {
    /// Removes dropped messages from the delivered ones; returns their tally.
    pub fn without_dropped(&self, tally: &mut FrameTally) -> FrameTally {
        let late = LateTally { delivered: self.dropped[1].min(tally.late.delivered), ..LateTally::default() };
        let delivered = self.dropped[0].min(tally.delivered);
        let dropped = FrameTally { delivered, late, ..FrameTally::default() };
        tally.delivered -= dropped.delivered;
        tally.late.delivered -= dropped.late.delivered;
        dropped
    }
}
