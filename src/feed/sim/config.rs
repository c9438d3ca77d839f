//! The options of `sim`.

use crate::{
    feed::{ReplaySpeed, options::Options},
    tick::Nanos,
};

/// What to simulate.
#[derive(Clone, PartialEq, Debug)]
pub struct SimConfig {
    pub symbols: u32,
    /// Ticks a second, outside bursts.
    pub rate: u32,
    pub seed: u64,
    /// The factor of the rate in a burst's second.
    pub burst: f64,
    pub zipf_exponent: f64,
    /// The share of ticks that are trades, 0 to 1; the others are quotes.
    pub trades: f64,
    /// Ends after this many ticks; `None` never.
    pub count: Option<u64>,
    pub speed: ReplaySpeed,
    /// Event time of the schedule's start; `None` for the sink's time at that moment.
    pub start: Option<Nanos>,
}

impl SimConfig {
    pub(in crate::feed) fn from_options(options: &mut Options<'_>) -> Self {
        let default = SimConfig::default();
        SimConfig {
            symbols: options
                .take("symbols", "a whole number from 1 to 1000000", |text| within(text, 1..=1_000_000))
                .unwrap_or(default.symbols),
            rate: options
                .take("rate", "a whole number from 1 to 10000000", |text| within(text, 1..=10_000_000))
                .unwrap_or(default.rate),
            seed: options
                .take("seed", "a whole number from 0 to 18446744073709551615", |text| text.parse().ok())
                .unwrap_or(default.seed),
            burst: options
                .take("burst", "a number from 1 to 1000", |text| within(text, 1.0..=1_000.0))
                .unwrap_or(default.burst),
            zipf_exponent: options
                .take("zipf", "a number from 0 to 10", |text| within(text, 0.0..=10.0))
                .unwrap_or(default.zipf_exponent),
            trades: options
                .take("trades", "a number from 0 to 1", |text| within(text, 0.0..=1.0))
                .unwrap_or(default.trades),
            count: options.take("count", "a whole number from 1", |text| within(text, 1..=u64::MAX)),
            speed: options
                .take("speed", ReplaySpeed::EXPECTED, |text| text.parse().ok())
                .unwrap_or(default.speed),
            start: options.take("start", "microseconds since 1970", |text| {
                text.parse().ok().and_then(Nanos::from_micros)
            }),
        }
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        SimConfig {
            symbols: 100,
            rate: 1_000,
            seed: 1,
            burst: 1.0,
            zipf_exponent: 1.0,
            trades: 0.2,
            count: None,
            speed: ReplaySpeed::Times(1.0),
            start: None,
        }
    }
}

fn within<T: std::str::FromStr + PartialOrd>(text: &str, range: std::ops::RangeInclusive<T>) -> Option<T> {
    text.parse().ok().filter(|value| range.contains(value))
}
