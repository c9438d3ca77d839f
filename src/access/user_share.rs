//! What all sessions of one user have together, on every shard: counted against the limits by user.
//!
//! Shards share it, so everything in it is one atomic: no shard waits for another. A bucket is one number, the time at which
//! it is full again; so what two shards take at once adds up whoever is first.
//!
//! Pure: limits and times are arguments.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
};

use crate::tick::Nanos;

/// What a user's sessions have together.
#[derive(Debug, Default)]
pub struct UserShare {
    subscriptions: AtomicUsize,
    pub commands: SharedBucket,
    pub bytes: SharedBucket,
}

/// Each of a user's sessions has it.
pub type SharedUserShare = Arc<UserShare>;

/// A token bucket that threads share.
#[derive(Debug, Default)]
pub struct SharedBucket {
    /// When it is full again, in nanoseconds.
    full_at: AtomicI64,
}

/// How much a bucket holds, as the time in which it is earned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BucketSize {
    /// A second; not 0.
    pub rate: u32,
    pub nanos: i64,
}

const SECOND_NANOS: i64 = 1_000_000_000;

// === impl UserShare ===

impl UserShare {
    /// Counts one more subscription; `false` when there are `most` already.
    #[must_use]
    pub fn take_subscription(&self, most: usize) -> bool {
        let more = |count: usize| (count < most).then_some(count + 1);
        self.subscriptions.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Counts so many more, whatever the limit: they were there before.
    pub fn add_subscriptions(&self, count: usize) {
        self.subscriptions.fetch_add(count, Relaxed);
    }

    pub fn end_subscriptions(&self, count: usize) {
        self.subscriptions.fetch_sub(count, Relaxed);
    }

    pub fn subscriptions(&self) -> usize {
        self.subscriptions.load(Relaxed)
    }
}

// === impl SharedBucket ===

impl SharedBucket {
    /// Takes one token if there is one; none otherwise.
    #[must_use]
    pub fn take(&self, size: BucketSize, now: Nanos) -> bool {
        let next = |full_at: i64| {
            let next = full_at.max(now.0).saturating_add(size.cost_nanos(1));
            (next <= now.0.saturating_add(size.nanos)).then_some(next)
        };
        self.full_at.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    /// Takes tokens that were used already, whether they are there or not. When they were not: until when nothing more may
    /// be used.
    pub fn charge(&self, tokens: usize, size: BucketSize, now: Nanos) -> Option<Nanos> {
        let after = |full_at: i64| full_at.max(now.0).saturating_add(size.cost_nanos(tokens));
        let before = self.full_at.fetch_update(Relaxed, Relaxed, |full_at| Some(after(full_at)));
        let until = after(before.unwrap_or_default()).saturating_sub(size.nanos);
        (until > now.0).then_some(Nanos(until))
    }
}

// === impl BucketSize ===

impl BucketSize {
    fn cost_nanos(self, tokens: usize) -> i64 {
        let nanos = tokens as u128 * SECOND_NANOS as u128 / u128::from(self.rate.max(1));
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const TEN: BucketSize = BucketSize { rate: 10, nanos: SECOND_NANOS };

    #[test]
    fn a_burst_then_the_rate() {
        let bucket = SharedBucket::default();
        let take = |ms: i64| bucket.take(TEN, Nanos(ms * 1_000_000));
        assert!((0..10).all(|_| take(0)) && !take(0) && !take(99));
        assert!(take(100) && !take(100));
        assert!((0..10).all(|_| take(10_000)) && !take(10_000), "no more than it holds");
    }

    #[test]
    fn what_is_beyond_it_is_waited_for() {
        let bucket = SharedBucket::default();
        assert_eq!(bucket.charge(10, TEN, Nanos(0)), None);
        assert_eq!(bucket.charge(5, TEN, Nanos(0)), Some(Nanos(SECOND_NANOS / 2)));
        assert_eq!(bucket.charge(5, TEN, Nanos(0)), Some(Nanos(SECOND_NANOS)));
        assert_eq!(bucket.charge(1, TEN, Nanos(3 * SECOND_NANOS)), None);
    }

    #[test]
    fn threads_take_no_more_than_there_is() {
        let share = Arc::new(UserShare::default());
        let taken: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let takes = (0..1_000).filter(|_| share.commands.take(TEN, Nanos(7)));
                        takes.count() + (0..1_000).filter(|_| share.take_subscription(100)).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((taken, share.subscriptions()), (110, 100));
    }

    proptest! {
        /// Whatever is charged when: who waits as long as told uses no more than the rate and what the bucket holds.
        #[test]
        fn who_waits_keeps_to_the_rate(
            sessions in 1usize..6,
            rate in 1u32..100_000,
            frames in prop::collection::vec((0usize..6, 1usize..20_000, 0i64..50_000_000), 1..200),
        ) {
            let size = BucketSize { rate, nanos: SECOND_NANOS / 4 };
            let (bucket, mut held) = (SharedBucket::default(), vec![Nanos(0); sessions]);
            let (mut now, mut used, mut longest) = (0, 0_u128, 0);
            for (session, bytes, pause) in frames {
                let session = session % sessions;
                now = (now + pause).max(held[session].0);
                used += bytes as u128;
                longest = longest.max(bytes);
                if let Some(until) = bucket.charge(bytes, size, Nanos(now)) {
                    prop_assert!(until.0 > now);
                    held[session] = until;
                }
                // A frame of each session may be under way when the bucket is empty.
                let earned = (now + size.nanos) as u128 * u128::from(rate) / SECOND_NANOS as u128;
                prop_assert!(used <= earned + (longest * sessions) as u128 + 1, "{used} {earned}");
            }
        }
    }
}
