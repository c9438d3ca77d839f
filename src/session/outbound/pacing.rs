//! [`WritePacing`]: when a shard's next write round starts: at once while it has slack, after a short pause under load.
//!
//! A write costs the kernel microseconds; one more tick in it almost nothing. A shard with slack writes each tick at
//! once. A busy shard with a tick or two per write would spend all its time on writes, so a pause after each round
//! (`limits.pause_ms`, 1 ms by default) lets ticks gather.
//!
//! Pure: times are arguments.
//!
//! Invariants: no pause exceeds the limit. There is no pause while the shard was idle for more than a fifth of the
//! recent time, or when writes are full anyway: it would add latency and save nothing.

use crate::tick::Nanos;

pub struct WritePacing {
    pause_nanos_max: u64,
    /// Share of recent time spent working, 0 to 1.
    busy: f64,
    /// The time up to which `busy` is computed.
    seen: Nanos,
    /// No round starts before this.
    until: Nanos,
}

/// Time constant of the exponential average, in nanoseconds.
const RECENT_NANOS: f64 = 50e6;
/// The load at which pauses start, and at which they reach full length.
const BUSY: (f64, f64) = (0.8, 0.95);
/// Messages per write at which pauses start to shrink, and at which they vanish.
const FULL: (f64, f64) = (4.0, 12.0);

impl WritePacing {
    pub fn new(now: Nanos, pause_nanos_max: u64) -> Self {
        WritePacing { pause_nanos_max, busy: 0.0, seen: now, until: now }
    }

    pub fn set_pause_max(&mut self, pause_nanos_max: u64) {
        self.pause_nanos_max = pause_nanos_max;
    }

    /// Whether a round may start or continue.
    pub fn may_write(&self, now: Nanos) -> bool {
        now >= self.until
    }

    /// When the next round may start.
    pub fn until(&self) -> Nanos {
        self.until
    }

    /// Notes that the shard worked between these times, and was idle before.
    pub fn worked(&mut self, from: Nanos, to: Nanos) {
        let fade = |nanos: u64| (-(nanos as f64) / RECENT_NANOS).exp();
        self.busy *= fade(from.since(self.seen));
        self.busy = 1.0 - (1.0 - self.busy) * fade(to.since(from));
        self.seen = to;
    }

    /// Notes the end of a round: all its sessions were sent `messages` in `writes`.
    pub fn round_is_over(&mut self, now: Nanos, writes: u64, messages: u64) {
        let batch = messages as f64 / writes.max(1) as f64;
        let share = within(self.busy, BUSY) * (1.0 - within(batch, FULL));
        self.until = Nanos(now.0.saturating_add((self.pause_nanos_max as f64 * share) as i64));
    }
}

/// Linear interpolation: 0 at or below the first bound, 1 at or above the second.
fn within(value: f64, (from, to): (f64, f64)) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: u64 = 5_000_000;

    /// Simulates rounds of `work` per `period` for a second; returns the last pause.
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
