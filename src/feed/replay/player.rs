//! The player's core: a replay's position, its speed, and what is due.
//!
//! Pure: no file, no clock, no thread; times are passed in. Its time is **play time**: from the start of the replay, at
//! speed 1, over all rounds. It does not know records, only when the next one is due.
//!
//! Invariants (checked against a naive model in `player/tests.rs`): play time never goes back; while held only steps
//! are due, and `n` steps are `n` records; a change of speed changes only the future.

use std::time::Duration;

use crate::{feed::ReplaySpeed, tick::Nanos};

/// The position and the speed of a replay.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Player {
    speed: ReplaySpeed,
    hold: Hold,
    /// Play time, as of `since` by the caller's clock. It advances from there with the speed, unless held.
    at: Duration,
    since: Nanos,
    /// Records that are due at any time: one for each step.
    steps: u64,
}

/// Why a replay does not advance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// It advances.
    No,
    Paused,
    /// It waits for this many clients to have subscribed.
    Clients(usize),
}

/// When a record is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordDue {
    /// Now, and since when.
    Now {
        late: Duration,
    },
    In(Duration),
    /// Not until a command lets the replay go on.
    Held,
}

// === impl Player ===

impl Player {
    pub fn new(speed: ReplaySpeed, hold: Hold, now: Nanos) -> Self {
        Player { speed, hold, at: Duration::ZERO, since: now, steps: 0 }
    }

    pub fn speed(&self) -> ReplaySpeed {
        self.speed
    }

    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Steps that were not made yet.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Play time.
    pub fn position(&self, now: Nanos) -> Duration {
        match (self.hold, self.speed) {
            (Hold::No, ReplaySpeed::Times(times)) => {
                self.at + Duration::from_nanos((now.since(self.since) as f64 * times) as u64)
            }
            _ => self.at,
        }
    }

    /// When the record at `at` is due.
    pub fn due(&self, at: Duration, now: Nanos) -> RecordDue {
        if self.steps > 0 {
            return RecordDue::Now { late: Duration::ZERO };
        }
        match (self.hold, self.speed) {
            (Hold::Paused | Hold::Clients(_), _) => RecordDue::Held,
            (Hold::No, ReplaySpeed::Max) => RecordDue::Now { late: Duration::ZERO },
            (Hold::No, ReplaySpeed::Times(_)) => {
                let due = self.speed.due(self.since, at.saturating_sub(self.at));
                match due.since(now) {
                    0 => RecordDue::Now { late: Duration::from_nanos(now.since(due)) },
                    left => RecordDue::In(Duration::from_nanos(left)),
                }
            }
        }
    }

    /// The record at `at` was played.
    pub fn played(&mut self, at: Duration, now: Nanos) {
        if self.steps > 0 {
            self.steps -= 1;
            self.land(at, now);
        } else if self.speed == ReplaySpeed::Max {
            self.land(at, now);
        }
    }

    /// Holds from now on.
    pub fn pause(&mut self, now: Nanos) {
        self.land(self.position(now), now);
        self.hold = Hold::Paused;
        self.steps = 0;
    }

    /// Advances from now on.
    pub fn resume(&mut self, now: Nanos) {
        self.land(self.position(now), now);
        self.hold = Hold::No;
        self.steps = 0;
    }

    pub fn set_speed(&mut self, speed: ReplaySpeed, now: Nanos) {
        self.land(self.position(now), now);
        self.speed = speed;
    }

    /// Pauses, and releases `count` more records, each at once.
    pub fn step(&mut self, count: u64, now: Nanos) {
        self.pause(now);
        self.steps = count;
    }

    /// The records ran out, or others replaced those that the steps were meant for.
    pub fn forget_steps(&mut self) {
        self.steps = 0;
    }

    /// Moves to `at`, unless it is past it already.
    fn land(&mut self, at: Duration, now: Nanos) {
        self.at = self.at.max(at);
        self.since = now;
    }
}

#[cfg(test)]
mod tests;
