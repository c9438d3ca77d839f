//! How long to wait before connecting again, and how many attempts and messages a venue allows. Pure: time and chance
//! are arguments.
//!
//! Invariants: a wait is never below [`FIRST`] / 2, and never above its limit; of any span of a rate's length no more
//! than its count is granted.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::venue::Rate;
use crate::tick::Nanos;

/// The wait before the next attempt: it doubles with each failure, and half of it is left to chance, so that many
/// connections that broke together do not come back together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RetryDelay {
    failures: u32,
}

/// A rate as a sliding window.
#[derive(Clone, Debug)]
pub struct RateWindow {
    rate: Rate,
    /// When the last ones were granted, the oldest first; as many as the rate has.
    granted: VecDeque<Nanos>,
    /// Before this time there is none: the venue has asked to be left alone.
    paused: Nanos,
}

/// A rate that several feeds share, as those of one server do. Its lock is held for one question, and nobody asks it for
/// a tick.
#[derive(Clone, Debug)]
pub struct SharedRate(Arc<Mutex<RateWindow>>);

/// Of the first wait, before chance.
const FIRST: Duration = Duration::from_millis(500);
/// Of the longest.
const LONGEST: Duration = Duration::from_secs(30);
/// Of the longest where trying again is not expected to help.
const LONGEST_FATAL: Duration = Duration::from_secs(600);

// === impl RetryDelay ===

impl RetryDelay {
    /// The wait after one more failure. `chance` is from 0 to below 1.
    pub fn next(&mut self, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        jittered(doubled, chance)
    }

    /// The wait after a refusal that an operator has to mend.
    pub fn fatal(&mut self, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        jittered(LONGEST_FATAL.min(LONGEST.saturating_mul(self.failures)), chance)
    }

    /// A connection was of use.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn failures(self) -> u32 {
        self.failures
    }
}

fn jittered(span: Duration, chance: f64) -> Duration {
    span.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

// === impl RateWindow ===

impl RateWindow {
    pub fn new(rate: Rate) -> Self {
        RateWindow { rate, granted: VecDeque::new(), paused: Nanos(0) }
    }

    /// When the next one may be, at the earliest.
    pub fn next(&self, now: Nanos) -> Nanos {
        let now = now.max(self.paused);
        match self.granted.front() {
            Some(&oldest) if self.granted.len() >= self.rate.count.max(1) as usize => {
                oldest.plus(self.rate.per).max(now)
            }
            _ => now,
        }
    }

    /// None before `until`.
    pub fn pause(&mut self, until: Nanos) {
        self.paused = self.paused.max(until);
    }

    /// Takes one, if it may be now.
    pub fn take(&mut self, now: Nanos) -> bool {
        let may = self.next(now) <= now;
        if may {
            if self.granted.len() >= self.rate.count.max(1) as usize {
                self.granted.pop_front();
            }
            self.granted.push_back(now);
        }
        may
    }
}

// === impl SharedRate ===

impl SharedRate {
    pub fn new(rate: Rate) -> Self {
        SharedRate(Arc::new(Mutex::new(RateWindow::new(rate))))
    }

    /// As [`RateWindow::next`]. Another may take it before.
    pub fn next(&self, now: Nanos) -> Nanos {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }

    /// As [`RateWindow::take`].
    pub fn take(&self, now: Nanos) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// As [`RateWindow::pause`], for all.
    pub fn pause(&self, until: Nanos) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pause(until);
    }

    /// Whether both count together.
    pub fn is_same(&self, other: &SharedRate) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_within_their_bounds(chances in prop::collection::vec(0.0..1.0f64, 1..60)) {
            let mut delay = RetryDelay::default();
            for (failures, chance) in chances.into_iter().enumerate() {
                let ideal = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
                let waited = delay.next(chance);
                prop_assert!(waited >= ideal / 2 && waited <= ideal, "{failures}: {waited:?} of {ideal:?}");
            }
            delay.reset();
            prop_assert!(delay.next(0.5) <= FIRST);
        }

        #[test]
        fn no_span_of_its_length_has_more_than_the_rate(
            count in 1u32..8,
            steps in prop::collection::vec(0i64..400, 1..200),
        ) {
            let rate = Rate::new(count, Duration::from_millis(1));
            let (mut window, mut now, mut taken) = (RateWindow::new(rate), Nanos(0), Vec::new());
            for step in steps {
                now = Nanos(now.0 + step * 1_000);
                let promised = window.next(now);
                let took = window.take(now);
                prop_assert_eq!(took, promised <= now);
                if took {
                    taken.push(now);
                }
            }
            for window in taken.windows(count as usize + 1) {
                prop_assert!(window[count as usize].since(window[0]) >= 1_000_000);
            }
        }
    }

    #[test]
    fn what_only_an_operator_mends_is_tried_seldom() {
        let mut delay = RetryDelay::default();
        assert!(delay.fatal(0.0) >= Duration::from_secs(15));
        for _ in 0..50 {
            delay.fatal(0.0);
        }
        assert_eq!(delay.fatal(0.99).as_secs(), 597);
    }
}
