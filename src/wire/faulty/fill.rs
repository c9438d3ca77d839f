//! [`FaultyFill`]: what a frame came to in which faults had their part.

use crate::{
    fanout::{FrameTally, LateTally},
    tick::Nanos,
};

/// What a frame came to.
#[derive(Default)]
pub struct FaultyFill {
    /// Of the messages that were written to it at once: when each was taken in, and its order.
    pub sent: Vec<(Nanos, u64)>,
    /// Messages that its session is not sent, in real time and delayed.
    pub dropped: [u64; 2],
    /// It leaves out ticks of which its client must miss nothing.
    pub has_lost: bool,
}

impl FaultyFill {
    /// Takes what was dropped out of what was delivered; says how much of it there was.
    pub fn without_dropped(&self, tally: &mut FrameTally) -> FrameTally {
        let late = LateTally { delivered: self.dropped[1].min(tally.late.delivered), ..LateTally::default() };
        let delivered = self.dropped[0].min(tally.delivered);
        let dropped = FrameTally { delivered, late, ..FrameTally::default() };
        tally.delivered -= dropped.delivered;
        tally.late.delivered -= dropped.late.delivered;
        dropped
    }
}
