//! A market that nobody trades: a seeded random walk, for demonstrations, tests and load.
//!
//! Options: `symbols` (100) named `SIM-0001` and on; `rate` (1000) ticks a second; `seed` (1); `burst` (1, none): in one
//! second of every ten, at a place that the seed draws, the rate is this many times as high, so that the mean is
//! `rate * (9 + burst) / 10`; `zipf` (1.0): the n-th symbol is as active as 1/n to this power, 0 makes all alike;
//! `trades` (0.2), the share of ticks that are trades; `count`, to end after so many ticks; `speed` (1), as a replay's;
//! `start`, the first second's event time in microseconds (the time at which it starts, when it is not given).
//!
//! Invariants: the same options give the same ticks, however they are paced (event times included, if `start` is given);
//! bid is below ask, sizes are above 0, prices lie on a grid of [`PRICE_TICK`]; no float ever is a price.

mod walk;

use std::sync::Arc;

use super::{
    Feed, FeedError, Listing, Sink,
    complaints::Complaints,
    options::Options,
    pace::{self, Schedule, Speed, Timed},
    source::SourceError,
};
use crate::{
    shutdown::Stop,
    tick::{Nanos, Symbol},
};

pub use walk::{PRICE_TICK, Walk};

/// What to simulate.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    pub symbols: u32,
    /// Ticks a second, outside bursts.
    pub rate: u32,
    pub seed: u64,
    /// How many times the rate a burst's second has.
    pub burst: f64,
    pub zipf_exponent: f64,
    /// The share of ticks that are trades, 0 to 1; the others are quotes.
    pub trades: f64,
    /// Ends after so many ticks; `None` never.
    pub count: Option<u64>,
    pub speed: Speed,
    /// Event time of the schedule's start; `None` for the sink's time at that moment.
    pub start: Option<Nanos>,
}

/// A simulation, ready to run.
pub struct Sim {
    config: Config,
    complaints: Complaints,
}

/// The names of this many symbols.
struct Numbered(u32);

/// A walk as a schedule.
struct Run {
    walk: Walk,
    complaints: Complaints,
}

// === impl Config ===

impl Config {
    pub(super) fn from_options(options: &mut Options<'_>) -> Result<Self, SourceError> {
        let default = Config::default();
        Ok(Config {
            symbols: options
                .take("symbols", "a whole number from 1 to 1000000", |text| within(text, 1..=1_000_000))?
                .unwrap_or(default.symbols),
            rate: options
                .take("rate", "a whole number from 1 to 10000000", |text| within(text, 1..=10_000_000))?
                .unwrap_or(default.rate),
            seed: options
                .take("seed", "a whole number from 0 to 18446744073709551615", |text| text.parse().ok())?
                .unwrap_or(default.seed),
            burst: options
                .take("burst", "a number from 1 to 1000", |text| within(text, 1.0..=1_000.0))?
                .unwrap_or(default.burst),
            zipf_exponent: options
                .take("zipf", "a number from 0 to 10", |text| within(text, 0.0..=10.0))?
                .unwrap_or(default.zipf_exponent),
            trades: options
                .take("trades", "a number from 0 to 1", |text| within(text, 0.0..=1.0))?
                .unwrap_or(default.trades),
            count: options.take("count", "a whole number from 1", |text| within(text, 1..=u64::MAX))?,
            speed: options.take("speed", Speed::EXPECTED, |text| text.parse().ok())?.unwrap_or(default.speed),
            start: options.take("start", "microseconds since 1970", |text| {
                text.parse().ok().and_then(Nanos::from_micros)
            })?,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            symbols: 100,
            rate: 1_000,
            seed: 1,
            burst: 1.0,
            zipf_exponent: 1.0,
            trades: 0.2,
            count: None,
            speed: Speed::Times(1.0),
            start: None,
        }
    }
}

fn within<T: std::str::FromStr + PartialOrd>(text: &str, range: std::ops::RangeInclusive<T>) -> Option<T> {
    text.parse().ok().filter(|value| range.contains(value))
}

// === impl Sim ===

impl Sim {
    /// `feed` is the feed's name, for the log.
    pub fn new(feed: &str, config: Config) -> Self {
        Sim { config, complaints: Complaints::new(feed, "simulation") }
    }
}

impl Feed for Sim {
    fn listing(&self) -> Option<Arc<dyn Listing>> {
        Some(Arc::new(Numbered(self.config.symbols)))
    }

    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let start = self.config.start.unwrap_or_else(|| sink.now());
        let mut run = Run { walk: Walk::new(&self.config, start), complaints: self.complaints };
        pace::play(&mut run, self.config.speed, sink, stop)
    }
}

impl Listing for Numbered {
    fn lists(&self, symbol: &Symbol) -> bool {
        let number = symbol.as_str().strip_prefix(walk::PREFIX).and_then(|digits| digits.parse().ok());
        number.is_some_and(|number| (1..=self.0).contains(&number) && *symbol == walk::name(number, self.0))
    }
}

impl Schedule for Run {
    fn next(&mut self, _: &mut dyn Sink) -> Result<Option<Timed>, FeedError> {
        Ok(self.walk.next())
    }

    fn complaints(&mut self) -> &mut Complaints {
        &mut self.complaints
    }
}

#[cfg(test)]
mod tests;
