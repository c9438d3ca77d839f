//! The ticks that the cases work on: a small market that is the same in every run.
//!
//! Its own, and not the simulator's: a baseline must not move because the simulator does.

use std::path::PathBuf;

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickcast::tick::{Decimal, Field, Fields, Nanos, Side, Symbol, Tick};

/// Event time of the first tick.
pub const START: Nanos = Nanos(1_750_000_000_000_000_000);
/// What the ring of a topic holds; less than the service's default, so that rings are full after little.
pub const RING_TICKS: usize = 64;

/// Where this process keeps files that a case must have; removed when it ends.
pub fn files() -> PathBuf {
    std::env::temp_dir().join(format!("tickcast-micro-{}", std::process::id()))
}

/// [`files`], which is there.
pub fn files_made() -> PathBuf {
    let files = files();
    std::fs::create_dir_all(&files).expect("a directory for files");
    files
}

/// What the ticks are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Quotes,
    Trades,
    /// One trade to four quotes, as markets have it or nearly.
    Mixed,
}

/// An endless row of ticks: symbol after symbol, so that each gets as many as the others.
pub struct Ticks {
    kind: Kind,
    symbols: Vec<Symbol>,
    /// The last bid of each symbol, in hundredths.
    bids: Vec<i64>,
    given: u64,
    random: Pcg64Mcg,
}

const HUNDREDTH: i64 = 10_000_000;

impl Ticks {
    pub fn new(kind: Kind, symbols: usize) -> Self {
        let mut random = random();
        Ticks {
            kind,
            symbols: (0..symbols).map(symbol).collect(),
            bids: (0..symbols).map(|_| random.random_range(1_000..10_000_000)).collect(),
            given: 0,
            random,
        }
    }

    /// Appends the next ticks.
    pub fn append(&mut self, count: usize, out: &mut Vec<Tick>) {
        out.extend(std::iter::repeat_with(|| self.next()).take(count));
    }

    pub fn take(&mut self, count: usize) -> Vec<Tick> {
        let mut out = Vec::with_capacity(count);
        self.append(count, &mut out);
        out
    }

    fn next(&mut self) -> Tick {
        let at = (self.given % self.symbols.len() as u64) as usize;
        self.given += 1;
        self.bids[at] = (self.bids[at] + self.random.random_range(-5..=5)).max(100);
        let bid = self.bids[at];
        let is_trade = match self.kind {
            Kind::Quotes => false,
            Kind::Trades => true,
            Kind::Mixed => self.random.next_u64().is_multiple_of(5),
        };
        let mut fields = Fields::default();
        if is_trade {
            let side = if self.random.next_u64().is_multiple_of(2) { Side::Buy } else { Side::Sell };
            fields.set_decimal(Field::Last, Decimal::from_units(bid * HUNDREDTH));
            fields.set_decimal(Field::LastSize, self.size());
            fields.set_side(side);
        } else {
            fields.set_decimal(Field::Bid, Decimal::from_units(bid * HUNDREDTH));
            fields.set_decimal(Field::BidSize, self.size());
            fields.set_decimal(Field::Ask, Decimal::from_units((bid + 1) * HUNDREDTH));
            fields.set_decimal(Field::AskSize, self.size());
        }
        let ts = Nanos(START.0 + i64::try_from(self.given).unwrap_or_default() * 100_000);
        Tick { symbol: self.symbols[at].clone(), ts: Some(ts), fields }
    }

    /// 0.00001 to 9.99999.
    fn size(&mut self) -> Decimal {
        Decimal::from_units(self.random.random_range(1..1_000_000) * 10_000)
    }
}

/// The source of every draw.
pub fn random() -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(1)
}

pub fn symbol(number: usize) -> Symbol {
    Symbol::new(&format!("S{number:05}-USD")).expect("letters, digits and a dash")
}
