//! Sessions that have something to send, oldest first.
//!
//! Sessions that wait for the same tick would otherwise be served in the order in which they subscribed, tick after
//! tick: of three hundred, the first always some hundred writes ahead of the last. So the sessions that one batch, or
//! one end of an interval, makes ready are rotated by a number that changes each time, and reversed half of the time,
//! so that no session is always right before the same other. Sessions that were ready before stay ahead of them.
//!
//! Neighbours stay neighbours, so that sessions with the same subscriptions still share frames. There is no clock and
//! no true randomness: the same calls give the same order. A session may be closed while it is in the list; the reader
//! skips it.

use std::collections::VecDeque;

/// The list, and the generator that orders what is added together.
#[derive(Default)]
pub(in crate::fanout) struct ReadyList {
    sessions: VecDeque<u32>,
    /// The state of a linear congruential generator; its high bits are used.
    random: u64,
}

impl ReadyList {
    pub fn push(&mut self, session: u32) {
        self.sessions.push_back(session);
    }

    pub fn pop(&mut self) -> Option<u32> {
        self.sessions.pop_front()
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub fn shrink_to_fit(&mut self) {
        self.sessions.shrink_to_fit();
    }

    /// Changes the order of the sessions that were added since the list had `before` entries.
    pub fn reorder_from(&mut self, before: usize) {
        let added = self.sessions.len() - before;
        if added < 2 {
            return;
        }
        let number = self.next_random();
        let first = ((number >> 32) * added as u64) >> 32;
        let sessions = &mut self.sessions.make_contiguous()[before..];
        // A bit that `first` does not depend on.
        if number & (1 << 31) != 0 {
            sessions.reverse();
        }
        sessions.rotate_left(usize::try_from(first).unwrap_or(0));
    }

    fn next_random(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random
    }

    /// What a test does wrong on purpose.
    #[cfg(test)]
    pub fn clear(&mut self) {
        self.sessions.clear();
    }
}
