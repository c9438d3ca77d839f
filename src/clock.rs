//! The only place that reads the time. Stages are given a time as an argument; only the outer layers hold a clock.
//!
//! There are two clocks. A [`Clock`] is the machine's: sockets use it (handshakes, pings, progress), and so do pauses
//! and the pace of feeds. A [`MarketClock`] is the market's: ticks are dated by it, and intervals, staleness and
//! heartbeats follow it. It is the machine's, unless a replay drives it.
//!
//! Invariant: the time of one clock never goes back, so no age is ever negative.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;

use crate::tick::Nanos;

/// The machine's time. Copies are the same clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(TimeSource);

#[derive(Clone, Copy, Debug)]
enum TimeSource {
    /// A wall clock that cannot be set back: the wall time of its start, moved on by the monotonic clock.
    System { start: Instant, start_nanos: i64 },
    /// It is fixed until it is moved.
    Manual(&'static AtomicI64),
}

/// The market's time. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct MarketClock {
    world: Clock,
    /// `None`: the market's time is the machine's.
    driven: Option<Arc<Driven>>,
}

/// A time that a replay drives.
#[derive(Debug)]
struct Driven {
    anchor: ArcSwap<Anchor>,
    /// The latest time that was reported: a new anchor must not go back behind it.
    reported: AtomicI64,
}

/// How the market's time follows the machine's, until another anchor replaces it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Anchor {
    /// At this time of the machine…
    pub world: Nanos,
    /// …it was this at the market.
    pub market: Nanos,
    /// The speed of the market's time relative to the machine's; at 0 it is paused.
    pub rate: f64,
}

// === impl Clock ===

impl Clock {
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_nanos = i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX);
        Clock(TimeSource::System { start: Instant::now(), start_nanos })
    }

    /// A clock that is fixed at `begin` until it is [advanced](Self::advance), for simulations. Its eight bytes are kept
    /// until the process ends.
    pub fn manual(begin: Nanos) -> Self {
        Clock(TimeSource::Manual(Box::leak(Box::new(AtomicI64::new(begin.0)))))
    }

    /// Advances a manual clock, never back. The system's runs by itself.
    pub fn advance(&self, to: Nanos) {
        if let Clock(TimeSource::Manual(now)) = self {
            now.fetch_max(to.0, Ordering::Relaxed);
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub fn now(&self) -> Nanos {
        match self {
            Clock(TimeSource::System { start, start_nanos }) => Nanos(*start_nanos).plus(start.elapsed()),
            Clock(TimeSource::Manual(now)) => Nanos(now.load(Ordering::Relaxed)),
        }
    }
}

// === impl MarketClock ===

impl MarketClock {
    /// The market's time is the machine's.
    pub fn of_world(world: Clock) -> Self {
        MarketClock { world, driven: None }
    }

    /// The market's time is fixed at `begin` until it is [driven](Self::drive).
    pub fn driven(world: Clock, begin: Nanos) -> Self {
        let anchor = Anchor { world: world.now(), market: begin, rate: 0.0 };
        let driven = Driven { anchor: ArcSwap::from_pointee(anchor), reported: AtomicI64::new(begin.0) };
        MarketClock { world, driven: Some(Arc::new(driven)) }
    }

    pub fn is_driven(&self) -> bool {
        self.driven.is_some()
    }

    pub fn now(&self) -> Nanos {
        self.at(self.world.now())
    }

    /// The market's time at the machine's time `world`.
    #[inline]
    pub fn at(&self, world: Nanos) -> Nanos {
        match &self.driven {
            None => world,
            Some(driven) => driven.at(world),
        }
    }

    /// The machine's time from which on the market's will be at least `market`, if nothing changes; the largest time,
    /// when the market's time is paused.
    pub fn when(&self, market: Nanos) -> Nanos {
        match &self.driven {
            None => market,
            Some(driven) => driven.anchor.load().when(market),
        }
    }

    /// Sets how the market's time runs on. It has no effect on a market that uses the machine's.
    pub fn drive(&self, anchor: Anchor) {
        if let Some(driven) = &self.driven {
            driven.anchor.store(Arc::new(anchor));
        }
    }
}

impl Driven {
    fn at(&self, world: Nanos) -> Nanos {
        let market = self.anchor.load().at(world);
        let reported = self.reported.fetch_max(market.0, Ordering::Relaxed);
        market.max(Nanos(reported))
    }
}

impl Anchor {
    fn at(&self, world: Nanos) -> Nanos {
        self.market.plus(Duration::from_nanos((world.since(self.world) as f64 * self.rate) as u64))
    }

    fn when(&self, market: Nanos) -> Nanos {
        let left = market.since(self.market);
        if left == 0 {
            return self.world;
        }
        // Without a rate this is infinite, which the conversion turns into the largest number.
        let elapsed_nanos = (left as f64 / self.rate).ceil() as u64;
        let world = self.world.plus(Duration::from_nanos(elapsed_nanos));
        // A caller that waits until then must not wait again: a fraction may be missing.
        if self.at(world) < market { world.plus(Duration::from_nanos(1)) } else { world }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_market_that_nobody_drives_has_the_worlds_time() {
        let clock = MarketClock::of_world(Clock::system());
        clock.drive(Anchor { world: Nanos(0), market: Nanos(0), rate: 0.0 });
        assert_eq!((clock.at(Nanos(7)), clock.when(Nanos(7))), (Nanos(7), Nanos(7)));
        assert!(!clock.is_driven());
    }

    #[test]
    fn a_manual_clock_stands_until_it_is_moved_on() {
        let clock = Clock::manual(Nanos(5));
        let same = clock;
        same.advance(Nanos(9));
        clock.advance(Nanos(7));
        assert_eq!(clock.now(), Nanos(9));
    }

    #[test]
    fn a_time_that_stands_is_reached_at_the_end_of_days() {
        let clock = MarketClock::driven(Clock::system(), Nanos(1_000));
        assert_eq!(clock.now(), Nanos(1_000));
        assert_eq!(clock.when(Nanos(1_001)), Nanos(i64::MAX));
    }

    proptest! {
        #[test]
        fn the_markets_time_never_goes_back_and_is_reached_when_a_wait_for_it_ends(
            steps in prop::collection::vec((0i64..1_000_000, -1_000_000i64..1_000_000, 0u8..20), 1..40),
        ) {
            let clock = MarketClock::driven(Clock::system(), Nanos(5_000_000));
            let (mut world, mut last) = (Nanos(0), Nanos(5_000_000));
            for (passed, jump, rate) in steps {
                world.0 += passed;
                let now = clock.at(world);
                prop_assert!(now >= last);
                last = now;
                clock.drive(Anchor { world, market: Nanos(now.0 + jump), rate: f64::from(rate) });
                let due = Nanos(last.0.max(now.0 + jump) + 1_000);
                let when = clock.when(due);
                if rate > 0 {
                    prop_assert!(clock.at(when) >= due);
                    last = clock.at(when);
                    world = when;
                }
            }
        }
    }
}
