//! Subscriptions of one session with the same interval keep time together: what changes within it goes out as one frame.
//!
//! A dashboard that asks for ten messages a second of each of twenty symbols wants ten pictures a second, not two
//! hundred frames. After a message of one of them, the others wait for the same end of the interval; when all have been
//! quiet for an interval, the first change goes out at once.
//!
//! Loss first: at most [`BEATS_MAX`] intervals of a session are kept; of one more, the beat that is over soonest is
//! forgotten, and its subscriptions keep their own intervals, in frames of their own.

use crate::tick::Nanos;

/// When the next message of each interval may go out.
#[derive(Default)]
pub(super) struct Rhythm {
    beats: Vec<Beat>,
}

struct Beat {
    interval_ms: u32,
    next: Nanos,
}

const BEATS_MAX: usize = 8;

impl Rhythm {
    /// Not before this; long ago when nothing was sent.
    pub fn next(&self, interval_ms: u32) -> Nanos {
        self.beats
            .iter()
            .find(|beat| beat.interval_ms == interval_ms)
            .map_or(Nanos::default(), |beat| beat.next)
    }

    /// A message went out `now`; the next of this interval goes out at `next`.
    pub fn sent(&mut self, interval_ms: u32, now: Nanos, next: Nanos) {
        if let Some(beat) = self.beats.iter_mut().find(|beat| beat.interval_ms == interval_ms) {
            beat.next = beat.next.max(next);
            return;
        }
        self.beats.retain(|beat| beat.next > now);
        if self.beats.len() >= BEATS_MAX {
            let soonest = (0..self.beats.len()).min_by_key(|&at| self.beats[at].next);
            soonest.map(|at| self.beats.swap_remove(at));
        }
        self.beats.push(Beat { interval_ms, next });
    }

    /// Frees what a time without intervals does not need.
    pub fn give_back(&mut self, now: Nanos) {
        self.beats.retain(|beat| beat.next > now);
        self.beats.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn memory_is_bounded_and_the_latest_is_known(
            sent in prop::collection::vec((1u32..20, 0i64..1_000), 1..60)
        ) {
            let mut rhythm = Rhythm::default();
            let mut now = Nanos(0);
            for (interval_ms, pause) in sent {
                now.0 += pause;
                let next = now.plus(std::time::Duration::from_millis(interval_ms.into()));
                rhythm.sent(interval_ms, now, next);
                prop_assert_eq!(rhythm.next(interval_ms), next);
                prop_assert!(rhythm.beats.len() <= BEATS_MAX);
                prop_assert_eq!(rhythm.next(100), Nanos::default());
            }
        }
    }
}
