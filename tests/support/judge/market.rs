//! A seeded market and the naive model of what every symbol's record must be after it.
//!
//! The model follows docs/PROTOCOL.md alone: a tick's fields replace the record's, and `null` takes them out; `last`
//! with `last_size` is a trade, and `open`, `high`, `low`, `volume`, `trades` follow, exactly, from all trades since
//! they were last withdrawn.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Decimal, Store, store::Held};

pub struct Market {
    random: Pcg64Mcg,
    symbols: Vec<Instrument>,
}

/// Most symbols have units of 1e-9. A coin of tiny prices is traded by billions, and another has sizes of many places.
const SCALES: [(i128, i128); 5] = [
    (1_000_000_000, 1_000_000_000),
    (1, 10_000_000_000_000_000_000),
    (1_000_000_000, 1_000_000_000),
    (1_000_000_000_000_000_000, 7),
    (1_000_000_000, 1_000_000_000),
];

const TOTALS: [&str; 5] = ["open", "high", "low", "volume", "trades"];

/// One symbol, as the model sees it.
pub struct Instrument {
    pub symbol: String,
    pub seq: u64,
    pub record: BTreeMap<&'static str, String>,
    price: i128,
    /// What a unit of its prices and of its sizes is worth, in units of 1e-18.
    scale: (i128, i128),
    volume: Decimal,
    high: Decimal,
    low: Decimal,
    trades: u64,
}

impl Market {
    /// `count` symbols named `PREFIX0`, `PREFIX1`, …
    pub fn new(seed: u64, prefix: &str, count: usize) -> Market {
        let instrument = |index| Instrument {
            symbol: format!("{prefix}{index}"),
            seq: 0,
            record: BTreeMap::new(),
            price: 1_000_000_000 * (100 + index as i128),
            scale: SCALES[index % SCALES.len()],
            volume: Decimal(0),
            high: Decimal(i128::MIN),
            low: Decimal(i128::MAX),
            trades: 0,
        };
        Market { random: Pcg64Mcg::seed_from_u64(seed), symbols: (0..count).map(instrument).collect() }
    }

    pub fn symbols(&self) -> Vec<String> {
        self.symbols.iter().map(|instrument| instrument.symbol.clone()).collect()
    }

    pub fn get(&self, symbol: &str) -> &Instrument {
        self.symbols.iter().find(|instrument| instrument.symbol == symbol).expect("a symbol of this market")
    }

    /// The next `count` ticks as lines, of symbols at random.
    pub fn ticks(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                let index = self.random.random_range(0..self.symbols.len());
                self.symbols[index].tick(&mut self.random)
            })
            .collect()
    }

    /// One tick of each symbol, so that every record exists.
    pub fn open(&mut self) -> Vec<String> {
        self.symbols.iter_mut().map(|instrument| instrument.tick(&mut self.random)).collect()
    }

    /// Checks that a client holds the newest record of every symbol, digit by digit.
    #[track_caller]
    pub fn check(&self, store: &Store) {
        for instrument in self.symbols.iter().filter(|instrument| instrument.seq > 0) {
            instrument.check(store.get(&instrument.symbol));
        }
    }
}

impl Instrument {
    fn tick(&mut self, random: &mut Pcg64Mcg) -> String {
        self.seq += 1;
        // Prices of up to nine places, so that a float on the way would show.
        self.price = (self.price + random.random_range(-50_000_000..=50_000_000)).max(1);
        let (price_unit, size_unit) = self.scale;
        let size = Decimal(random.random_range(1..=5_000_000_000_i128) * size_unit);
        let price = Decimal(self.price * price_unit);
        let kind = random.random_range(0..4);
        let withdrawn: &[&'static str] = match kind {
            0 if self.seq.is_multiple_of(5) => &TOTALS,
            1 if self.seq.is_multiple_of(3) => &["ask", "ask_size"],
            2 if self.seq.is_multiple_of(7) => &["last", "last_size", "side"],
            3 if self.seq.is_multiple_of(4) => &["bid", "bid_size"],
            _ => &[],
        };
        let changed = match kind {
            0 => vec![("bid", price.to_string()), ("bid_size", size.to_string())],
            1 if withdrawn.is_empty() => vec![("ask", price.to_string())],
            1 => Vec::new(),
            2 => {
                let ask = Decimal((self.price + 10_000_000) * price_unit).to_string();
                vec![("bid", price.to_string()), ("ask", ask), ("ask_size", size.to_string())]
            }
            _ => {
                self.trade(price, size);
                let taker = if random.random() { "\"buy\"" } else { "\"sell\"" };
                vec![("last", price.to_string()), ("last_size", size.to_string()), ("side", taker.to_owned())]
            }
        };
        let mut line = format!("{{\"symbol\":\"{}\"", self.symbol);
        for (name, text) in changed {
            let quoted = if text.starts_with('"') { text.clone() } else { format!("\"{text}\"") };
            line.extend([",\"", name, "\":", &quoted]);
            self.record.insert(name, text);
        }
        for &name in withdrawn {
            line.extend([",\"", name, "\":null"]);
            self.record.remove(name);
        }
        if *withdrawn == TOTALS {
            (self.volume, self.trades) = (Decimal(0), 0);
            (self.high, self.low) = (Decimal(i128::MIN), Decimal(i128::MAX));
        }
        line.push('}');
        line
    }

    fn trade(&mut self, price: Decimal, size: Decimal) {
        self.volume += size;
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.trades += 1;
        self.record.entry("open").or_insert(price.to_string());
        self.record.insert("high", self.high.to_string());
        self.record.insert("low", self.low.to_string());
        self.record.insert("volume", self.volume.to_string());
        self.record.insert("trades", self.trades.to_string());
    }

    #[track_caller]
    fn check(&self, held: &Held) {
        assert_eq!(held.cursor, Some(self.seq), "law 3: {} stands at the topic's seq", self.symbol);
        let expected: BTreeMap<String, String> =
            self.record.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        assert_eq!(held.record, expected, "law 3: the record of {}", self.symbol);
    }
}
