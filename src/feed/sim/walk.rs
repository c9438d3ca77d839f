//! The generator of the simulation: a pure iterator over ticks and their due times.
//!
//! Invariant: the output depends only on the options; no clock, no I/O.

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng, distr::Distribution};
use rand_distr::weighted::WeightedAliasIndex;
use rand_pcg::Pcg64Mcg;

use super::config::SimConfig;
use crate::{
    feed::pace::Timed,
    tick::{Decimal, Field, Fields, Nanos, Side, Symbol, Tick},
};

/// The ticks of a simulation, in the order of their times.
pub struct SimWalk {
    /// Draws symbols, prices and sizes.
    random: Pcg64Mcg,
    instruments: Vec<SimInstrument>,
    activity: WeightedAliasIndex<f64>,
    /// A draw below this is a trade.
    trade_below: u64,
    times: Times,
    start: Nanos,
    left: Option<u64>,
}

/// One symbol's market. Prices count [`PRICE_TICK`]s.
struct SimInstrument {
    symbol: Symbol,
    bid: i64,
    ask: i64,
    /// The bid stays between half and double its first value, so that a long run stays plausible.
    lowest_bid: i64,
    highest_bid: i64,
}

/// When ticks are due: evenly over each second, more of them in a second with a burst.
struct Times {
    /// Draws the bursts. A separate stream, so that bursts change times and never prices.
    random: Pcg64Mcg,
    rate: u64,
    burst_rate: u64,
    second: u64,
    /// Which second of these ten has the burst.
    burst_place: u64,
    /// Ticks of this second: those given out, and all.
    given: u64,
    due: u64,
}

/// The beginning of simulated symbols' names.
pub const PREFIX: &str = "SIM-";
/// All prices are multiples of this: 0.01.
pub const PRICE_TICK: Decimal = Decimal::from_units(PRICE_TICK_UNITS);
const PRICE_TICK_UNITS: i64 = 10_000_000;
/// All sizes are multiples of this: 0.01.
const LOT: i64 = 10_000_000;
const LOTS_MAX: i64 = 1_000;
/// First bids, in price ticks, before they are multiplied by 1, 10, 100 or 1,000: 1.00 to 10.00.
const FIRST_BID: std::ops::RangeInclusive<i64> = 100..=1_000;
/// One second in this many has the burst.
const BURST_PERIOD: u64 = 10;
const NANOS_A_SECOND: u64 = 1_000_000_000;

// === impl SimWalk ===

impl SimWalk {
    /// `start` is the event time of the schedule's beginning.
    ///
    /// # Panics
    /// When the configuration has no symbol, or an exponent that is not a number.
    pub fn new(config: &SimConfig, start: Nanos) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(config.seed);
        let instruments = (1..=config.symbols)
            .map(|number| SimInstrument::new(number, config.symbols, &mut random))
            .collect();
        let weights = (1..=config.symbols).map(|rank| f64::from(rank).powf(-config.zipf_exponent)).collect();
        let activity =
            WeightedAliasIndex::new(weights).expect("there is a symbol, and each weight is from 0 to 1");
        SimWalk {
            instruments,
            activity,
            // The cast saturates: a share of 1 leaves out one draw in 2^64.
            trade_below: (config.trades * u64::MAX as f64) as u64,
            times: Times::new(config),
            start,
            left: config.count,
            random,
        }
    }
}

impl Iterator for SimWalk {
    type Item = Timed;

    fn next(&mut self) -> Option<Timed> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let at = self.times.next();
        let instrument = &mut self.instruments[self.activity.sample(&mut self.random)];
        let fields = if self.random.next_u64() < self.trade_below {
            instrument.trade(&mut self.random)
        } else {
            instrument.quote(&mut self.random)
        };
        let tick = Tick { symbol: instrument.symbol.clone(), ts: Some(self.start.plus(at)), fields };
        Some(Timed { at, tick })
    }
}

/// The name of the symbol of this number, of this many: all have the same number of digits, at least four.
pub fn name(number: u32, count: u32) -> Symbol {
    let digits = (count.max(1).ilog10() as usize + 1).max(4);
    Symbol::new(&format!("{PREFIX}{number:0digits$}")).expect("a symbol of letters and digits")
}

// === impl SimInstrument ===

impl SimInstrument {
    fn new(number: u32, count: u32, random: &mut Pcg64Mcg) -> Self {
        let symbol = name(number, count);
        let bid = random.random_range(FIRST_BID) * 10i64.pow(random.random_range(0..=3));
        SimInstrument { symbol, bid, ask: bid + 1, lowest_bid: bid / 2, highest_bid: bid * 2 }
    }

    /// Moves the market by at most one price tick, and quotes it.
    fn quote(&mut self, random: &mut Pcg64Mcg) -> Fields {
        let draw = random.next_u64();
        let step = match draw & 3 {
            0 => -1,
            1 => 1,
            _ => 0,
        };
        // One price tick in three quotes of four, up to four in the others.
        let spread = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4][(draw >> 2 & 15) as usize];
        self.bid = (self.bid + step).clamp(self.lowest_bid, self.highest_bid);
        self.ask = self.bid + spread;
        let mut fields = Fields::default();
        fields.set_decimal(Field::Bid, price(self.bid));
        fields.set_decimal(Field::BidSize, size(draw >> 8));
        fields.set_decimal(Field::Ask, price(self.ask));
        fields.set_decimal(Field::AskSize, size(draw >> 32));
        fields
    }

    /// A trade against one side of the last quote.
    fn trade(&mut self, random: &mut Pcg64Mcg) -> Fields {
        let draw = random.next_u64();
        let (side, last) = if draw & 1 == 0 { (Side::Buy, self.ask) } else { (Side::Sell, self.bid) };
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, price(last));
        fields.set_decimal(Field::LastSize, size(draw >> 8));
        fields.set_side(side);
        fields
    }
}

fn price(ticks: i64) -> Decimal {
    Decimal::from_units(ticks * PRICE_TICK_UNITS)
}

/// 1 to [`LOTS_MAX`] lots, from the lowest 24 bits of a draw.
fn size(draw: u64) -> Decimal {
    let part = (draw & 0xff_ffff) as i64;
    Decimal::from_units((part * LOTS_MAX / 0x100_0000 + 1) * LOT)
}

// === impl Times ===

impl Times {
    fn new(config: &SimConfig) -> Self {
        let rate = u64::from(config.rate);
        let mut times = Times {
            random: Pcg64Mcg::seed_from_u64(!config.seed),
            rate,
            burst_rate: ((rate as f64 * config.burst).round() as u64).max(1),
            second: 0,
            burst_place: 0,
            given: 0,
            due: 0,
        };
        times.begin_second();
        times
    }

    fn next(&mut self) -> Duration {
        if self.given == self.due {
            self.second += 1;
            self.begin_second();
        }
        let within = self.given * NANOS_A_SECOND / self.due;
        self.given += 1;
        Duration::from_nanos(self.second * NANOS_A_SECOND + within)
    }

    fn begin_second(&mut self) {
        if self.second.is_multiple_of(BURST_PERIOD) {
            self.burst_place = self.random.random_range(0..BURST_PERIOD);
        }
        let burst = self.second % BURST_PERIOD == self.burst_place;
        self.due = if burst { self.burst_rate } else { self.rate };
        self.given = 0;
    }
}
