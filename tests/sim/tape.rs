//! The history of the feed: every record of every symbol at every seq.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tickcast::tick::Nanos;

use super::judge::Market;

pub type Record = BTreeMap<&'static str, String>;

pub struct Tape {
    market: Market,
    symbols: BTreeMap<String, Past>,
}

/// What the feed has said of one symbol.
#[derive(Default)]
struct Past {
    records: Vec<Record>,
    /// Which fields each tick named, or moved.
    changes: Vec<BTreeSet<String>>,
    /// Which ticks are trades.
    stops: Vec<bool>,
    last_at: Nanos,
}

impl Tape {
    pub fn new(seed: u64, symbols: usize) -> Tape {
        let market = Market::new(seed, "S", symbols);
        let symbols = market.symbols().into_iter().map(|symbol| (symbol, Past::default())).collect();
        Tape { market, symbols }
    }

    /// The next line.
    pub fn next(&mut self, now: Nanos) -> String {
        let line = self.market.ticks(1).remove(0);
        let symbol = line.split('"').nth(3).expect("a line begins with its symbol");
        let past = self.symbols.get_mut(symbol).expect("a symbol of this market");
        let record = &self.market.get(symbol).record;
        let empty = Record::new();
        past.stops.push(is_trade(&line));
        past.changes.push(changes(&line, past.records.last().unwrap_or(&empty), record));
        past.records.push(record.clone());
        past.last_at = now;
        line
    }

    pub fn head(&self, symbol: &str) -> u64 {
        self.symbols.get(symbol).map_or(0, |past| past.records.len() as u64)
    }

    pub fn last_at(&self, symbol: &str) -> Nanos {
        self.symbols.get(symbol).map(|past| past.last_at).unwrap_or_default()
    }

    pub fn record(&self, symbol: &str, seq: u64) -> Option<&Record> {
        self.symbols.get(symbol)?.records.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    /// Whether mode `trades` merges this tick into none behind it.
    pub fn is_stop(&self, symbol: &str, seq: u64) -> bool {
        let stops = self.symbols.get(symbol).map_or(&[][..], |past| &past.stops);
        stops.iter().zip(1..).any(|(is_stop, at)| *is_stop && at == seq)
    }

    /// Which fields the ticks after a seq have changed, up to another: set, withdrawn, or moved by a trade.
    pub fn changed(&self, symbol: &str, cursor: u64, seq: u64) -> BTreeSet<&str> {
        let changes = self.symbols.get(symbol).map_or(&[][..], |past| &past.changes);
        let ticks = changes.iter().zip(1..).filter(|(_, at)| (cursor + 1..=seq).contains(at));
        ticks.flat_map(|(names, _)| names).map(String::as_str).collect()
    }
}

fn is_trade(line: &str) -> bool {
    let named: Map<String, Value> = serde_json::from_str(line).expect("a line is an object");
    ["last", "last_size"].iter().all(|name| named.get(*name).is_some_and(|value| !value.is_null()))
}

/// Each trade moves some total, so a field that the line does not name has changed when its value has.
fn changes(line: &str, before: &Record, after: &Record) -> BTreeSet<String> {
    let named: Map<String, Value> = serde_json::from_str(line).expect("a line is an object");
    let named = named.into_iter().map(|(name, _)| name).filter(|name| name != "symbol");
    let moved = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
    named.chain(moved.map(|name| (*name).to_owned())).collect()
}
