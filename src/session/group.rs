//! A slice of a round: frames are encoded for several sessions, then sent to all of them.
//!
//! A write runs thousands of kernel instructions, which evict our code and data from the processor's caches; our work
//! does the same to the kernel's. Encoding the frames of a group together, and then sending them together, finds code
//! and data still cached from the session before; and memory accesses for several sessions overlap.
//!
//! Invariant: a frame is sent within its group, tens of microseconds after it was chosen, and before anything else of
//! its session.

use super::{core::Core, flush::Written, socket::SessionSocket, state::Session};
use crate::{
    planted::{Fault, is_planted},
    tick::Nanos,
    wire::CloseReason,
};

/// Sessions in a group.
const GROUP: usize = 16;
/// Entries in every-mode queues, and ticks of rings, that a slice visits. For each frame, mode `every` sorts all that
/// the session is behind by. Few sessions are behind by this much.
const WALKED_A_SLICE: usize = 4 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Writes to the next `sessions` that have something to send, or to fewer when they are far behind. Returns how
    /// many. Advances `now`.
    pub(super) fn serve(&mut self, sessions: usize, now: &mut Nanos) -> usize {
        let walked_max = self.fanout.walked() + WALKED_A_SLICE;
        let mut left = sessions;
        while left > 0 && self.fanout.walked() < walked_max {
            let group = left.min(GROUP);
            left -= self.make_group(group, walked_max, now);
            self.send_group(now);
        }
        sessions - left
    }

    /// Returns how many sessions are done; all, when no more are ready.
    fn make_group(&mut self, sessions: usize, walked_max: usize, now: &mut Nanos) -> usize {
        for served in 0..sessions {
            if self.fanout.walked() >= walked_max {
                return served;
            }
            let Some(key) = self.fanout.next_ready() else { break };
            if !self.session(key).is_some_and(|session| session.is_plain()) {
                self.flush_at(key, now);
                continue;
            }
            match self.make_frame(key, *now) {
                Some(made) => self.made.push((key, made)),
                None => self.at_rest(key, *now),
            }
        }
        sessions
    }

    fn send_group(&mut self, now: &mut Nanos) {
        let mut made = std::mem::take(&mut self.made);
        if is_planted(Fault::SwapsFrames)
            && let [(first, _), .., (last, _)] = &mut made[..]
        {
            std::mem::swap(first, last);
        }
        for (key, made) in made.drain(..) {
            match self.send_frame(key, made, now) {
                Written::Level => self.at_rest(key, *now),
                Written::All | Written::Blocked => self.flush_on(key, 1, now),
                Written::Broken => self.drop_session(key, CloseReason::Gone),
            }
        }
        self.made = made;
    }
}

impl<S> Session<S> {
    /// Whether only data is to be written, and nothing blocks it.
    fn is_plain(&self) -> bool {
        let waits = self.blocked || !self.rest.is_empty() || !self.control.is_empty();
        !waits && !self.holds_data() && self.closing.is_none()
    }
}
