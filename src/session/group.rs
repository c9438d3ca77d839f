//! A slice of a round: frames are made for several sessions, then sent to all of them.
//!
//! A write runs through thousands of instructions of the kernel, which leave little of ours in the processor's caches,
//! and ours little of the kernel's. Making frames for a group at one go, and sending them at one go, each finds its code
//! and its data where the session before left it; and the waits for the memory of several sessions fall together.
//!
//! Invariant: a frame is sent within its group, tens of microseconds after it was chosen, and before anything else of
//! its session.

use super::{core::Core, flush::Written, socket::SessionSocket, state::Session};
use crate::{
    planted::{Fault, is_planted},
    tick::Nanos,
    wire::CloseReason,
};

/// Sessions of a group.
const GROUP: usize = 16;
/// Of subscriptions in every-mode queues, and of ticks from rings: mode `every` puts all that a session is behind by in order for each
/// frame. Few sessions are behind by so many.
const WALKED_A_SLICE: usize = 4 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Writes to the next `sessions` that have something to send, or to some of them when what they are behind by is much.
    /// Says to how many. `now` is moved on.
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

    /// Says how many sessions are done with; all, when no more are ready.
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
    /// Nothing but data is to be written, and nothing is in its way.
    fn is_plain(&self) -> bool {
        let waits = self.blocked || !self.rest.is_empty() || !self.control.is_empty();
        !waits && !self.holds_data() && self.closing.is_none()
    }
}
