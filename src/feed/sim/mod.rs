//! A simulated market: a seeded random walk, for demonstrations, tests and load.
//!
//! Options: `symbols` (100) named `SIM-0001` and on; `rate` (1000) ticks a second; `seed` (1); `burst` (1, none): in
//! one second of every ten, drawn from the seed, the rate is this many times as high, so that the mean is
//! `rate * (9 + burst) / 10`; `zipf` (1.0): the n-th symbol is as active as 1/n to this power, 0 makes all equal;
//! `trades` (0.2), the share of ticks that are trades; `count`, to end after this many ticks; `speed` (1), as for a
//! replay; `start`, the first second's event time in microseconds (default: the time at which it starts).
//!
//! Invariants: the same options give the same ticks at any pace (event times included, if `start` is given); bid is
//! below ask, sizes are above 0, prices lie on a grid of [`PRICE_TICK`]; no price is ever a float.

mod config;
mod walk;

use std::sync::Arc;

use super::{
    DeclaredSymbols, Feed, FeedError, Sink,
    pace::{self, Schedule, Timed},
    warnings::FeedWarnings,
};
use crate::{shutdown::Stop, tick::Symbol};

pub use config::SimConfig;
pub use walk::{PRICE_TICK, SimWalk};

/// A simulation, ready to run.
pub struct Sim {
    config: SimConfig,
    warnings: FeedWarnings,
}

/// The names of this many symbols.
struct Numbered(u32);

/// A walk as a schedule.
struct SimRun {
    walk: SimWalk,
    warnings: FeedWarnings,
}

// === impl Sim ===

impl Sim {
    /// `feed` is the feed's name, for the log.
    pub fn new(feed: &str, config: SimConfig) -> Self {
        Sim { config, warnings: FeedWarnings::new(feed, "simulation") }
    }
}

impl Feed for Sim {
    fn listing(&self) -> Option<Arc<dyn DeclaredSymbols>> {
        Some(Arc::new(Numbered(self.config.symbols)))
    }

    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let start = self.config.start.unwrap_or_else(|| sink.now());
        let mut run = SimRun { walk: SimWalk::new(&self.config, start), warnings: self.warnings };
        pace::play(&mut run, self.config.speed, sink, stop)
    }
}

impl DeclaredSymbols for Numbered {
    fn lists(&self, symbol: &Symbol) -> bool {
        let number = symbol.as_str().strip_prefix(walk::PREFIX).and_then(|digits| digits.parse().ok());
        number.is_some_and(|number| (1..=self.0).contains(&number) && *symbol == walk::name(number, self.0))
    }
}

impl Schedule for SimRun {
    fn next(&mut self, _: &mut dyn Sink) -> Result<Option<Timed>, FeedError> {
        Ok(self.walk.next())
    }

    fn warnings(&mut self) -> &mut FeedWarnings {
        &mut self.warnings
    }
}

#[cfg(test)]
mod tests;
