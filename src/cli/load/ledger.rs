//! The shared results of all clients: the symbol table, sums by class, ages, and breaches of laws.
//!
//! Invariant: sums only rise during a run, so any two readings give a rate.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use hdrhistogram::Histogram;
use tickcast::tick::Symbol;

use super::{
    plan::Class,
    quantiles::histogram,
    trades::{TradeCounts, TradeLog},
};

/// The server's symbols; a symbol's place in the list is its number here.
#[derive(Default)]
pub struct SymbolTable {
    names: Vec<Symbol>,
    places: HashMap<Box<str>, u32, RandomState>,
}

/// Sums over the clients of one class.
#[derive(Clone)]
pub struct ClassTally {
    pub sums: Sums,
    /// Microseconds from the server's receipt of a tick to this process's reading it; updates of the measured time only.
    pub ages_us: Histogram<u64>,
    /// Updates with a time of receipt later than that of reading: the clocks differ.
    pub from_the_future: u64,
}

/// Plain counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct Sums {
    pub messages: u64,
    pub bytes: u64,
    pub updates: u64,
    pub snapshots: u64,
    pub gaps: u64,
    /// Ticks that were merged into updates.
    pub conflated: u64,
    /// Ticks that gaps announced as lost.
    pub gapped: u64,
}

/// The first breaches of laws, and the number of all.
#[derive(Default)]
pub struct LawBreaches {
    pub total: u64,
    pub first: Vec<LawBreach>,
}

/// One breach.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct LawBreach {
    pub law: Law,
    /// `None` when the breach concerns no single client.
    pub client: Option<u32>,
    pub symbol: Option<String>,
    pub what: String,
}

/// The law that is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Every frame is an array of messages of the contract.
    Contract,
    /// Law 3.
    LatestWins,
    /// Law 4.
    SeqsRise,
    /// Law 5.
    Conservation,
    /// Law 7.
    OwnDataOnly,
    /// Mode `trades`: each trade, cancel and correction is a message of its own.
    EveryTrade,
}

/// The shared results.
pub struct Ledger {
    pub symbols: SymbolTable,
    /// In mode `trades`, one for each symbol; otherwise empty.
    pub trades: Vec<TradeLog>,
    tallies: [ClassTally; 3],
    pub faults: LawBreaches,
    /// Ages are recorded only while this is set.
    pub measuring: bool,
    /// How connections ended that this program did not close: by close code, or by the event instead.
    pub ended: BTreeMap<String, u64>,
    /// Subscriptions that were refused, by the server's code.
    pub refused: BTreeMap<String, u64>,
    /// Errors that the server sent, by its code.
    pub errors: BTreeMap<String, u64>,
    pub heartbeats: u64,
    pub drains: u64,
    /// Symbols that a returning client was allowed to resume, and those that it got a gap for, or began anew.
    pub resumed: u64,
    pub not_resumed: u64,
}

/// How many breaches are shown one by one.
pub const FAULTS_SHOWN: usize = 20;

// === impl SymbolTable ===

impl SymbolTable {
    pub fn new(names: Vec<Symbol>) -> Self {
        // A server has at most 100,000 of them.
        let places = names.iter().zip(0u32..).map(|(name, place)| (name.as_str().into(), place)).collect();
        SymbolTable { names, places }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The place of the symbol with this name.
    pub fn place(&self, name: &str) -> Option<u32> {
        self.places.get(name).copied()
    }

    pub fn name(&self, place: u32) -> &Symbol {
        &self.names[place as usize]
    }
}

// === impl ClassTally ===

impl ClassTally {
    /// Takes in one update that was read at `now_us`.
    pub fn age(&mut self, now_us: i64, rx_us: i64) {
        match u64::try_from(now_us.saturating_sub(rx_us)) {
            Ok(age_us) => self.ages_us.saturating_record(age_us),
            Err(_) => {
                self.from_the_future += 1;
                self.ages_us.saturating_record(0);
            }
        }
    }
}

impl Default for ClassTally {
    fn default() -> Self {
        ClassTally { sums: Sums::default(), ages_us: histogram(), from_the_future: 0 }
    }
}

// === impl Sums ===

impl Sums {
    #[must_use]
    pub fn plus(&self, other: &Sums) -> Sums {
        self.each(other, |a, b| a + b)
    }

    #[must_use]
    pub fn since(&self, earlier: &Sums) -> Sums {
        self.each(earlier, |a, b| a - b)
    }

    fn each(&self, other: &Sums, f: impl Fn(u64, u64) -> u64) -> Sums {
        Sums {
            messages: f(self.messages, other.messages),
            bytes: f(self.bytes, other.bytes),
            updates: f(self.updates, other.updates),
            snapshots: f(self.snapshots, other.snapshots),
            gaps: f(self.gaps, other.gaps),
            conflated: f(self.conflated, other.conflated),
            gapped: f(self.gapped, other.gapped),
        }
    }
}

// === impl LawBreaches ===

impl LawBreaches {
    /// Counts a breach; `fault` is called only when there is space to show it.
    pub fn note(&mut self, fault: impl FnOnce() -> LawBreach) {
        self.total += 1;
        if self.first.len() < FAULTS_SHOWN {
            self.first.push(fault());
        }
    }
}

// === impl Law ===

impl Law {
    pub const fn name(self) -> &'static str {
        match self {
            Law::Contract => "the wire contract",
            Law::LatestWins => "law 3, latest wins",
            Law::SeqsRise => "law 4, seqs only rise",
            Law::Conservation => "law 5, conservation",
            Law::OwnDataOnly => "law 7, isolation",
            Law::EveryTrade => "mode trades, each trade by itself",
        }
    }
}

// === impl Ledger ===

impl Ledger {
    pub fn new(symbols: SymbolTable) -> Self {
        Ledger {
            symbols,
            trades: Vec::new(),
            tallies: Default::default(),
            faults: LawBreaches::default(),
            measuring: false,
            ended: BTreeMap::new(),
            refused: BTreeMap::new(),
            errors: BTreeMap::new(),
            heartbeats: 0,
            drains: 0,
            resumed: 0,
            not_resumed: 0,
        }
    }

    pub fn tally(&mut self, class: Class) -> &mut ClassTally {
        &mut self.tallies[class as usize]
    }

    /// In mode `trades` each trade is followed.
    pub fn follow_trades(&mut self) {
        self.trades.resize_with(self.symbols.len(), TradeLog::default);
    }

    /// Over all symbols; `None` in other modes.
    pub fn trade_counts(&self) -> Option<TradeCounts> {
        self.trades.iter().map(TradeLog::counts).reduce(TradeCounts::plus)
    }

    pub fn tallies(&self) -> &[ClassTally; 3] {
        &self.tallies
    }

    /// Over all classes.
    pub fn sums(&self) -> Sums {
        self.tallies.iter().fold(Sums::default(), |sums, tally| sums.plus(&tally.sums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_faults_are_kept_and_all_are_counted() {
        let mut faults = LawBreaches::default();
        for client in 0..50 {
            let fault =
                LawBreach { law: Law::SeqsRise, client: Some(client), symbol: None, what: String::new() };
            faults.note(|| fault);
        }
        assert_eq!((faults.total, faults.first.len()), (50, FAULTS_SHOWN));
        assert_eq!(faults.first[19].client, Some(19));
    }

    #[test]
    fn ages_are_exact_to_three_digits_and_bounded() {
        let mut tally = ClassTally::default();
        for age_us in 1..=1_000 {
            tally.age(1_000_000 + age_us, 1_000_000);
        }
        assert_eq!(tally.ages_us.value_at_quantile(0.5), 500);
        assert_eq!(tally.ages_us.value_at_quantile(0.99), 990);
        tally.age(i64::MAX, 0);
        assert!(tally.ages_us.max() >= 3_600_000_000);
        tally.age(5, 6);
        assert_eq!((tally.from_the_future, tally.ages_us.len()), (1, 1_002));
    }

    #[test]
    fn symbols_are_found_by_name_and_place() {
        let symbols = SymbolTable::new(["A", "B/C"].map(|name| Symbol::new(name).unwrap()).to_vec());
        assert_eq!((symbols.len(), symbols.place("B/C"), symbols.place("B")), (2, Some(1), None));
        assert_eq!(symbols.name(1).as_str(), "B/C");
    }
}
