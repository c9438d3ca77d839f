//! Whose turn comes first, of sessions that become ready together.
//!
//! Sessions that wait for the same tick would else be served in the order in which they subscribed, tick after tick:
//! the first of three hundred always some hundred writes ahead of the last. So those that a batch, or an interval's end,
//! makes ready are put in another order each time: turned to begin at any of them, and every other time on average
//! backwards, so that nobody stands right before the same other for ever. Sessions that were ready before stay ahead.
//!
//! Whoever is like its neighbour stays beside it, so that frames are shared as before. No clock and no true randomness:
//! the same calls give the same order.

use std::collections::VecDeque;

/// A sequence of numbers without a pattern (a congruential generator; its high bits are used).
#[derive(Default)]
pub(super) struct Turns(u64);

impl Turns {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }

    /// Puts those that have become ready since there were `before` in another order.
    pub fn mix(&mut self, ready: &mut VecDeque<u32>, before: usize) {
        let together = ready.len() - before;
        if together < 2 {
            return;
        }
        let number = self.next();
        let first = ((number >> 32) * together as u64) >> 32;
        let together = &mut ready.make_contiguous()[before..];
        // A bit that the index of the first does not depend on.
        if number & (1 << 31) != 0 {
            together.reverse();
        }
        together.rotate_left(usize::try_from(first).unwrap_or(0));
    }
}
