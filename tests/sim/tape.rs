//! The history of the feed: every record of every symbol at every seq.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Map, Value};
use tickcast::tick::Nanos;

pub use super::corrected::Record;
use super::{
    corrected::{Day, Said},
    judge::Market,
};

pub struct Tape {
    market: Market,
    symbols: BTreeMap<String, Past>,
    /// Of names and corrections, so that the market is the same without them.
    random: Pcg64Mcg,
}

/// What the feed has said of one symbol.
#[derive(Default)]
struct Past {
    day: Day,
    records: Vec<Record>,
    /// Which fields each tick named, or moved.
    changes: Vec<BTreeSet<String>>,
    said: Vec<Said>,
    times: Vec<Times>,
}

/// The times of a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// The feed's own.
    pub ts: Nanos,
    /// When it was taken in, by the market's clock.
    pub rx: Nanos,
}

/// From a tick's own time to when it is taken in, by turns; one clock is ahead of the other.
const LAGS_US: [i64; 5] = [0, 359, 359, -40, 1_250];

impl Tape {
    pub fn new(seed: u64, symbols: usize) -> Tape {
        let market = Market::new(seed, "S", symbols);
        let symbols = market.symbols().into_iter().map(|symbol| (symbol, Past::default())).collect();
        Tape { market, symbols, random: Pcg64Mcg::seed_from_u64(seed ^ 0x7A_9E) }
    }

    /// The next line, and the time that its tick has of its own.
    pub fn next(&mut self, now: Nanos) -> (String, Nanos) {
        let random = &mut self.random;
        if random.random_range(0..16) == 0 {
            let at = random.random_range(0..self.symbols.len());
            let (symbol, past) = self.symbols.iter_mut().nth(at).expect("a symbol");
            if let Some((line, said)) = past.day.correct(symbol, random) {
                let ts = past.push(&line, said, now);
                return (line, ts);
            }
        }
        let line = self.market.ticks(1).remove(0);
        let symbol = line.split('"').nth(3).expect("a line begins with its symbol");
        let past = self.symbols.get_mut(symbol).expect("a symbol of this market");
        let (line, said) = past.day.take(&line, random);
        let ts = past.push(&line, said, now);
        (line, ts)
    }

    pub fn head(&self, symbol: &str) -> u64 {
        self.symbols.get(symbol).map_or(0, |past| past.records.len() as u64)
    }

    pub fn last_at(&self, symbol: &str) -> Nanos {
        self.symbols.get(symbol).and_then(|past| past.times.last()).map(|times| times.rx).unwrap_or_default()
    }

    pub fn record(&self, symbol: &str, seq: u64) -> Option<&Record> {
        self.symbols.get(symbol)?.records.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    pub fn times(&self, symbol: &str, seq: u64) -> Option<Times> {
        self.symbols.get(symbol)?.times.get(usize::try_from(seq).ok()?.checked_sub(1)?).copied()
    }

    /// What a tick says of a trade.
    pub fn said(&self, symbol: &str, seq: u64) -> Option<&Said> {
        self.symbols.get(symbol)?.said.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    /// The first cancel or correction after a seq, up to another.
    pub fn correction_within(&self, symbol: &str, cursor: u64, seq: u64) -> Option<u64> {
        (cursor + 1..=seq).find(|&at| self.said(symbol, at).is_some_and(|said| said.correction.is_some()))
    }

    /// Which fields the ticks after a seq have changed, up to another: set, withdrawn, or moved by a trade.
    pub fn changed(&self, symbol: &str, cursor: u64, seq: u64) -> BTreeSet<&str> {
        let changes = self.symbols.get(symbol).map_or(&[][..], |past| &past.changes);
        let (from, to) = (cursor as usize, (seq as usize).min(changes.len()));
        changes[from.min(to)..to].iter().flatten().map(String::as_str).collect()
    }
}

impl Past {
    fn push(&mut self, line: &str, said: Said, now: Nanos) -> Nanos {
        let (empty, record) = (Record::new(), &self.day.record);
        self.changes.push(changes(line, &said, self.records.last().unwrap_or(&empty), record));
        self.records.push(record.clone());
        self.said.push(said);
        let lag = LAGS_US[self.times.len() % LAGS_US.len()];
        let ts = Nanos(now.0 - lag * 1_000);
        self.times.push(Times { ts, rx: now });
        ts
    }
}

/// The fields that a line names. Each trade moves some total, so a field that it does not name has changed when its value
/// has. The values of a correction, and of a trade that does not affect the last one, are not the record's.
fn changes(line: &str, said: &Said, before: &Record, after: &Record) -> BTreeSet<String> {
    let named: Map<String, Value> = serde_json::from_str(line).expect("a line is an object");
    let affects = named.get("affects").and_then(Value::as_array);
    let is_last = affects.is_none_or(|words| words.iter().any(|word| word == "last"));
    let is_other = |name: &str| {
        let is_trades = ["last", "last_size", "side", "trade_id"].contains(&name);
        matches!(name, "symbol" | "affects" | "cancel" | "correct")
            || (is_trades && (said.correction.is_some() || !is_last))
    };
    let named = named.into_iter().map(|(name, _)| name).filter(|name| !is_other(name));
    let moved = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
    named.chain(moved.map(|name| (*name).to_owned())).collect()
}
