//! The history of the feed: every record of every symbol at every seq.

use std::collections::BTreeMap;

use tickcast::tick::Nanos;

use super::judge::Market;

pub type Record = BTreeMap<&'static str, String>;

pub struct Tape {
    market: Market,
    records: BTreeMap<String, (Vec<Record>, Nanos)>,
}

impl Tape {
    pub fn new(seed: u64, symbols: usize) -> Tape {
        let market = Market::new(seed, "S", symbols);
        let records = market.symbols().into_iter().map(|symbol| (symbol, <_>::default())).collect();
        Tape { market, records }
    }

    /// The next line.
    pub fn next(&mut self, now: Nanos) -> String {
        let line = self.market.ticks(1).remove(0);
        let symbol = line.split('"').nth(3).expect("a line begins with its symbol");
        let (records, last_at) = self.records.get_mut(symbol).expect("a symbol of this market");
        records.push(self.market.get(symbol).record.clone());
        *last_at = now;
        line
    }

    pub fn head(&self, symbol: &str) -> u64 {
        self.records.get(symbol).map_or(0, |(records, _)| records.len() as u64)
    }

    pub fn last_at(&self, symbol: &str) -> Nanos {
        self.records.get(symbol).map(|(_, at)| *at).unwrap_or_default()
    }

    pub fn record(&self, symbol: &str, seq: u64) -> Option<&Record> {
        self.records.get(symbol)?.0.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }
}
