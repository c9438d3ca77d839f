//! Pings of a venue's own protocol: when one is due, and when the connection is dead.
//!
//! Invariant: whatever the venue sends is an answer, so only a connection on which nothing comes is given up.

use std::time::Duration;

use crate::tick::Nanos;

/// The pings of one connection.
pub struct Keepalive {
    every: Duration,
    when: PingWhen,
    /// When the next ping is due.
    next: Nanos,
    /// When it must have been answered.
    deadline: Option<Nanos>,
}

/// Which pings a venue wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PingWhen {
    /// In any case.
    Always,
    /// When nothing has come for so long.
    Quiet,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepaliveDue {
    Nothing,
    Ping,
    /// The last ping was not answered.
    Dead,
}

// === impl Keepalive ===

impl Keepalive {
    pub fn new(every: Duration, when: PingWhen) -> Self {
        Keepalive { every, when, next: Nanos(i64::MAX), deadline: None }
    }

    pub fn opened(&mut self, now: Nanos) {
        (self.next, self.deadline) = (now.plus(self.every), None);
    }

    /// Something came.
    pub fn heard(&mut self, now: Nanos) {
        self.deadline = None;
        if self.when == PingWhen::Quiet {
            self.next = now.plus(self.every);
        }
    }

    pub fn due(&self) -> Nanos {
        self.deadline.map_or(self.next, |deadline| deadline.min(self.next))
    }

    pub fn wake(&mut self, now: Nanos) -> KeepaliveDue {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return KeepaliveDue::Dead;
        }
        if self.next > now {
            return KeepaliveDue::Nothing;
        }
        self.next = now.plus(self.every);
        self.deadline.get_or_insert(now.plus(self.every / 2));
        KeepaliveDue::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn pings_are_answered_by_anything() {
        for when in [PingWhen::Always, PingWhen::Quiet] {
            let mut pings = Keepalive::new(Duration::from_secs(20), when);
            pings.opened(Nanos(0));
            pings.heard(Nanos(15 * SECOND));
            let due = if when == PingWhen::Always { 20 } else { 35 };
            assert_eq!(pings.due(), Nanos(due * SECOND));
            assert_eq!(pings.wake(Nanos(due * SECOND - 1)), KeepaliveDue::Nothing);
            assert_eq!(pings.wake(Nanos(due * SECOND)), KeepaliveDue::Ping);
            assert_eq!(pings.due(), Nanos((due + 10) * SECOND));
            pings.heard(Nanos((due + 9) * SECOND));
            assert_eq!(pings.wake(Nanos((due + 10) * SECOND)), KeepaliveDue::Nothing);
            let next = pings.due();
            assert_eq!(pings.wake(next), KeepaliveDue::Ping);
            assert_eq!(pings.wake(next.plus(Duration::from_secs(10))), KeepaliveDue::Dead);
        }
    }
}
