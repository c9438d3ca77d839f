//! A slice of a write round: encodes frames for a group of sessions, then sends them.
//!
//! A write executes thousands of kernel instructions, which evict our code and data from the CPU caches, and vice
//! versa. Encoding for a group and then sending to it keeps each side's code and data warm, and lets memory accesses
//! for several sessions overlap.
//!
//! Invariant: a frame is sent within its group, tens of microseconds after its content was chosen, and before any other
//! bytes of its session.

use super::prepared::WriteOutcome;
use crate::{
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, state::Session},
    tick::Nanos,
    wire::CloseReason,
};

/// Sessions per group.
const GROUP: usize = 16;
/// Limit of every-mode queue entries and ring ticks visited per slice. For each frame, mode `every` sorts everything
/// that the session is behind by; few sessions are this far behind.
const WALKED_A_SLICE: usize = 4 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Writes to up to `sessions` ready sessions, fewer when they are far behind. Returns how many. Advances `now`.
    pub(in crate::session) fn write_sessions(&mut self, sessions: usize, now: &mut Nanos) -> usize {
        let walked_max = self.fanout.walked() + WALKED_A_SLICE;
        let mut left = sessions;
        while left > 0 && self.fanout.walked() < walked_max {
            let group = left.min(GROUP);
            left -= self.prepare_group(group, walked_max, now);
            self.send_group(now);
        }
        sessions - left
    }

    /// Returns how many sessions were handled; all, when no more are ready.
    fn prepare_group(&mut self, sessions: usize, walked_max: usize, now: &mut Nanos) -> usize {
        for served in 0..sessions {
            if self.fanout.walked() >= walked_max {
                return served;
            }
            let Some(key) = self.fanout.next_ready() else { break };
            if !self.session(key).is_some_and(|session| session.is_plain()) {
                self.flush_at(key, now);
                continue;
            }
            if !self.may_send_data(key, *now) {
                // A ping may be due.
                self.flush_at(key, now);
                continue;
            }
            match self.prepare_frame(key, *now) {
                Some(frame) => self.prepared.push((key, frame)),
                None if self.session(key).is_some_and(|session| session.closing.is_some()) => {
                    self.flush_at(key, now);
                }
                None => self.mark_caught_up(key, *now),
            }
        }
        sessions
    }

    fn send_group(&mut self, now: &mut Nanos) {
        let mut prepared = std::mem::take(&mut self.prepared);
        if is_planted(Fault::SwapsFrames)
            && let [(first, _), .., (last, _)] = &mut prepared[..]
        {
            std::mem::swap(first, last);
        }
        for (key, frame) in prepared.drain(..) {
            if self.is_ended_by_expiry(key, *now) {
                self.give_up_frame(frame);
                self.flush_at(key, now);
                continue;
            }
            match self.send_frame(key, frame, now) {
                WriteOutcome::CaughtUp => self.mark_caught_up(key, *now),
                WriteOutcome::All | WriteOutcome::Blocked | WriteOutcome::Held => self.flush_on(key, 1, now),
                WriteOutcome::Broken => self.drop_session(key, CloseReason::Gone),
            }
        }
        self.prepared = prepared;
    }
}

impl<S> Session<S> {
    /// Whether only data is to be written, and nothing blocks it.
    fn is_plain(&self) -> bool {
        let waits = self.blocked || !self.rest.is_empty() || !self.control.is_empty();
        !waits && !self.holds_data() && self.closing.is_none()
    }
}
