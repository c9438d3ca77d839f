//! [`ReadyList`]: sessions with something to send, longest-waiting first, with a fair order among equals.
//!
//! Sessions that wait for the same tick would otherwise be served in subscription order, tick after tick: of three
//! hundred, the first always hundreds of writes ahead of the last. So the sessions that become ready together, by one
//! batch or one end of an interval, are rotated by a pseudo-random number, and reversed half of the time. Sessions that
//! were ready before stay ahead of them.
//!
//! Neighbours stay neighbours, so that sessions with the same subscriptions still share frames. Deterministic: no
//! clock, and the same calls give the same order. A session may be closed while in the list; the reader skips it.

use std::collections::VecDeque;

/// The list, and the generator that orders sessions added together.
#[derive(Default)]
pub(in crate::fanout) struct ReadyList {
    sessions: VecDeque<u32>,
    /// State of a linear congruential generator; only its high bits are used.
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

    /// Reorders the sessions added since the list had `before` entries.
    pub fn reorder_from(&mut self, before: usize) {
        let added = self.sessions.len() - before;
        if added < 2 {
            return;
        }
        let number = self.next_random();
        let first = ((number >> 32) * added as u64) >> 32;
        let sessions = &mut self.sessions.make_contiguous()[before..];
        // Use a bit that `first` does not depend on.
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

    /// A deliberate fault, for tests.
    #[cfg(test)]
    pub fn clear(&mut self) {
        self.sessions.clear();
    }
}
