//! When a shard's next round of writing begins: at once while there is slack, after a short pause under load.
//!
//! A write costs the kernel microseconds, and one more tick in it almost nothing. A shard with slack writes each tick
//! at once. A busy shard, with a tick or two in each write, would spend all its time on writes. A pause after each
//! round (`limits.pause_ms`, one millisecond by default) lets ticks gather, and each write carries more of them.
//!
//! Pure: times are arguments.
//!
//! Invariants: no pause is longer than the limit. There is none while the shard is idle for more than a fifth of the
//! recent time, nor when writes are full already, where a pause would add age and save nothing.

use crate::tick::Nanos;

pub struct WritePacing {
    pause_nanos_max: u64,
    /// Share of the recent time that was spent at work, 0 to 1.
    busy: f64,
    /// The time up to which `busy` is known.
    seen: Nanos,
    /// No round begins before this.
    until: Nanos,
}

/// The time constant over which "recent" fades, in nanoseconds.
const RECENT_NANOS: f64 = 50e6;
/// The share of time at work at which pauses begin, and at which they are full.
const BUSY: (f64, f64) = (0.8, 0.95);
/// The messages per write at which pauses begin to shrink, and at which there are none.
const FULL: (f64, f64) = (4.0, 12.0);

impl WritePacing {
    pub fn new(now: Nanos, pause_nanos_max: u64) -> Self {
        WritePacing { pause_nanos_max, busy: 0.0, seen: now, until: now }
    }

    pub fn set_pause_max(&mut self, pause_nanos_max: u64) {
        self.pause_nanos_max = pause_nanos_max;
    }

    /// Whether a round may begin or continue.
    pub fn may_write(&self, now: Nanos) -> bool {
        now >= self.until
    }

    /// When the next round may begin.
    pub fn until(&self) -> Nanos {
        self.until
    }

    /// Records that the shard was at work between these times, and idle before.
    pub fn worked(&mut self, from: Nanos, to: Nanos) {
        let fade = |nanos: u64| (-(nanos as f64) / RECENT_NANOS).exp();
        self.busy *= fade(from.since(self.seen));
        self.busy = 1.0 - (1.0 - self.busy) * fade(to.since(from));
        self.seen = to;
    }

    /// Every session that had something to send when the round began has been written to: `messages` in `writes`.
    pub fn round_is_over(&mut self, now: Nanos, writes: u64, messages: u64) {
        let batch = messages as f64 / writes.max(1) as f64;
        let share = within(self.busy, BUSY) * (1.0 - within(batch, FULL));
        self.until = Nanos(now.0.saturating_add((self.pause_nanos_max as f64 * share) as i64));
    }
}

/// The position of a value between two others: 0 at the first or below, 1 at the second or above.
fn within(value: f64, (from, to): (f64, f64)) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: u64 = 5_000_000;

    /// Rounds of `work` each `period`, for a second; returns the pause after the last.
    fn pause(work: u64, period: u64, batch: u64) -> u64 {
        let mut pacing = WritePacing::new(Nanos(0), MOST);
        let mut now = Nanos(0);
        while now.0 < 1_000_000_000 {
            let done = Nanos(now.0 + work as i64);
            pacing.worked(now, done);
            pacing.round_is_over(done, 100, 100 * batch);
            now = Nanos(now.0 + period as i64);
        }
        pacing.until.since(Nanos(now.0 - period as i64 + work as i64))
    }

    proptest! {
        #[test]
        fn never_longer_than_the_limit(
            turns in prop::collection::vec((0u64..50_000_000, 0u64..50_000_000, 0u64..1000, 0u64..100_000), 1..50)
        ) {
            let mut pacing = WritePacing::new(Nanos(0), MOST);
            let mut now = Nanos(0);
            for (idle, work, writes, messages) in turns {
                let from = Nanos(now.0 + idle as i64);
                now = Nanos(from.0 + work as i64);
                pacing.worked(from, now);
                prop_assert!((0.0..=1.0).contains(&pacing.busy));
                pacing.round_is_over(now, writes, messages);
                prop_assert!(pacing.until >= now && pacing.until.since(now) <= MOST);
                prop_assert!(pacing.may_write(pacing.until()) && (pacing.until == now || !pacing.may_write(now)));
            }
        }

        #[test]
        fn none_while_there_is_slack(work in 1u64..1_000_000, batch in 1u64..100) {
            prop_assert_eq!(pause(work, 2 * work, batch), 0);
        }
    }

    #[test]
    fn whole_when_small_writes_take_all_the_time() {
        assert_eq!(pause(1_000_000, 1_000_000, 1), MOST);
    }

    #[test]
    fn none_when_writes_are_full() {
        assert_eq!(pause(1_000_000, 1_000_000, 12), 0);
    }

    #[test]
    fn a_limit_of_zero_is_never() {
        let mut pacing = WritePacing::new(Nanos(0), 0);
        pacing.worked(Nanos(0), Nanos(1_000_000_000));
        pacing.round_is_over(Nanos(1_000_000_000), 100, 100);
        assert!(pacing.may_write(Nanos(1_000_000_000)));
    }
}
