//! A slice of a round: frames are made for several sessions, then sent to all of them.
//!
//! A write runs through thousands of instructions of the kernel, which leave little of ours in the processor's caches,
//! and ours little of the kernel's. Making frames for a group at one go, and sending them at one go, each finds its code
//! and its data where the session before left it; and the waits for the memory of several sessions fall together.
//!
//! Invariant: a frame is sent within its group, tens of microseconds after it was chosen, and before anything else of
//! its session.

use super::{core::Core, flush::Written, socket::Socket, state::Session};
use crate::{tick::Nanos, wire::CloseReason};

/// Sessions of a group.
const GROUP: usize = 16;

impl<S: Socket> Core<S> {
    /// Writes to the next `sessions` that have something to send. `now` is moved on.
    pub(super) fn serve(&mut self, sessions: usize, now: &mut Nanos) {
        let mut left = sessions;
        while left > 0 {
            let group = left.min(GROUP);
            left -= group;
            self.make_group(group, now);
            self.send_group(now);
        }
    }

    fn make_group(&mut self, sessions: usize, now: &mut Nanos) {
        for _ in 0..sessions {
            let Some(key) = self.fanout.next_ready() else { return };
            if !self.session(key).is_some_and(|session| session.is_plain()) {
                self.flush_at(key, now);
                continue;
            }
            match self.make_frame(key, *now) {
                Some(made) => self.made.push((key, made)),
                None => self.at_rest(key, *now),
            }
        }
    }

    fn send_group(&mut self, now: &mut Nanos) {
        let mut made = std::mem::take(&mut self.made);
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
