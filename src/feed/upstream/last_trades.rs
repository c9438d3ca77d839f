//! The newest trade of each symbol, kept over reconnects: what a venue repeats on subscribing is a history, but for the
//! trades that happened while the connection was down.
//!
//! What is newer than the newest trade is told by its [`TradeMark`]: by a number that rises, or by its time and its name.
//!
//! Invariant: over its first connection a symbol has nothing but history in what is repeated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::fast::RandomState;

use super::{
    decode,
    venue::{Number, Reaction},
};
use crate::{
    feed::formats::{FormatFault, streams::FoundTicks},
    tick::{Nanos, Symbol, Tick},
};

/// Of all connections of a feed. It is looked at when a connection begins and ends, and not for each trade.
pub struct LastTrades<M = TradeNumber>(Mutex<TradeMarks<M>>);

/// Of one connection.
pub struct ConnectionTrades<M: TradeMark = TradeNumber> {
    shared: Arc<LastTrades<M>>,
    /// Of trades that were taken.
    marks: TradeMarks<M>,
    /// Of trades that were a history: what comes above them over the next connection is news.
    repeated: TradeMarks<M>,
}

type TradeMarks<M> = HashMap<Symbol, M, RandomState>;

/// What is kept of a symbol's newest trade.
pub trait TradeMark: Clone {
    /// `None` for a trade that has none.
    fn of(tick: &Tick) -> Option<Self>;

    /// Whether a trade is newer, or beside it and not known yet.
    fn is_before(&self, tick: &Tick) -> bool;

    /// Remembers a trade, when it is not older.
    fn take(&mut self, tick: &Tick);

    /// Takes the newer of both; what is beside one another counts together.
    fn join(&mut self, other: Self);

    /// By what the trade is known when it comes twice.
    fn number(tick: &Tick) -> Number;
}

/// The mark of venues that number the trades of a symbol upwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeNumber(u64);

/// The mark of venues whose trades have the time of their block, and names without an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeBlock {
    time: Option<Nanos>,
    /// Of the trades of that time.
    names: Vec<Number>,
}

/// The most names of one block that are kept.
const NAMES_MAX: usize = 1_024;

// === impl LastTrades ===

impl<M> Default for LastTrades<M> {
    fn default() -> Self {
        LastTrades(Mutex::default())
    }
}

impl<M: TradeMark> LastTrades<M> {
    /// For a new connection.
    pub fn begin(self: &Arc<Self>) -> ConnectionTrades<M> {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ConnectionTrades { shared: Arc::clone(self), marks, repeated: TradeMarks::default() }
    }
}

// === impl ConnectionTrades ===

impl<M: TradeMark> ConnectionTrades<M> {
    /// Whether a trade of this symbol came before.
    pub fn knows(&self, symbol: &str) -> bool {
        Symbol::new(symbol).is_ok_and(|symbol| self.marks.contains_key(&symbol))
    }

    /// Hands out what a decoder found: of the history, what was missed.
    pub fn hand_out(&mut self, made: Result<(), FormatFault>, found: &mut FoundTicks, out: &mut Reaction) {
        found.oldest_first();
        let FoundTicks { ticks, history, .. } = found;
        let repeated = history.len();
        for tick in history.iter() {
            take(tick, &mut self.repeated);
        }
        history.retain(|tick| self.is_missed(tick));
        decode::history(repeated - history.len(), out);
        ticks.splice(0..0, history.drain(..));
        ticks.iter().filter(|tick| tick.fields.is_trade()).for_each(|tick| take(tick, &mut self.marks));
        decode::hand_out(made, found, M::number, out);
    }

    /// Whether a trade that is repeated was missed.
    pub fn is_missed(&self, tick: &Tick) -> bool {
        self.marks.get(&tick.symbol).is_some_and(|last| last.is_before(tick))
    }
}

impl<M: TradeMark> Drop for ConnectionTrades<M> {
    fn drop(&mut self) {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (symbol, mark) in self.marks.drain().chain(self.repeated.drain()) {
            match shared.get_mut(&symbol) {
                Some(last) => last.join(mark),
                None => drop(shared.insert(symbol, mark)),
            }
        }
    }
}

/// Remembers a trade of its symbol.
fn take<M: TradeMark>(tick: &Tick, marks: &mut TradeMarks<M>) {
    if let Some(last) = marks.get_mut(&tick.symbol) {
        last.take(tick);
    } else if let Some(mark) = M::of(tick) {
        marks.insert(tick.symbol.clone(), mark);
    }
}

// === impl TradeNumber ===

impl TradeMark for TradeNumber {
    fn of(tick: &Tick) -> Option<Self> {
        number(tick).map(TradeNumber)
    }

    fn is_before(&self, tick: &Tick) -> bool {
        number(tick).is_some_and(|number| self.0 < number)
    }

    fn take(&mut self, tick: &Tick) {
        self.0 = self.0.max(number(tick).unwrap_or_default());
    }

    fn join(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }

    fn number(tick: &Tick) -> Number {
        number(tick).map_or_else(|| decode::named(tick), Number::Counted)
    }
}

/// The number of a tick's trade, by which the venue names it.
pub fn number(tick: &Tick) -> Option<u64> {
    tick.fields.name_of_trade().text().parse().ok()
}

// === impl TradeBlock ===

impl TradeMark for TradeBlock {
    fn of(tick: &Tick) -> Option<Self> {
        let name = decode::named(tick);
        (name != Number::None).then(|| TradeBlock { time: tick.ts, names: vec![name] })
    }

    fn is_before(&self, tick: &Tick) -> bool {
        let name = decode::named(tick);
        let is_unknown = || name != Number::None && !self.names.contains(&name);
        self.time < tick.ts || (self.time == tick.ts && is_unknown())
    }

    fn take(&mut self, tick: &Tick) {
        if self.time < tick.ts {
            self.time = tick.ts;
            self.names.clear();
        }
        if self.time == tick.ts {
            self.add(decode::named(tick));
        }
    }

    fn join(&mut self, other: Self) {
        if self.time < other.time {
            *self = other;
        } else if self.time == other.time {
            other.names.into_iter().for_each(|name| self.add(name));
        }
    }

    /// A name alone is that of another trade in another block.
    fn number(tick: &Tick) -> Number {
        match (decode::named_at(tick), tick.ts.and_then(|ts| u64::try_from(ts.0).ok())) {
            (Number::Named(name), Some(place)) => Number::Placed { name, place },
            (number, _) => number,
        }
    }
}

impl TradeBlock {
    fn add(&mut self, name: Number) {
        if self.names.len() < NAMES_MAX && !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::{Fields, TradeId};

    fn trade(symbol: &str, number: u64) -> Tick {
        trade_at(symbol, 0, number)
    }

    fn trade_at(symbol: &str, time: i64, number: u64) -> Tick {
        let mut fields = Fields::default();
        fields.set_trade_id(TradeId::of_number(number));
        Tick { symbol: Symbol::new(symbol).unwrap(), ts: Some(Nanos(time)), fields }
    }

    #[test]
    fn what_happened_meanwhile_is_missed_and_what_was_before_is_not() {
        let shared = Arc::new(LastTrades::<TradeNumber>::default());
        let mut first = shared.begin();
        assert!(!first.is_missed(&trade("A", 5)) && !first.knows("A"));
        take(&trade("A", 7), &mut first.marks);
        take(&trade("A", 6), &mut first.marks);
        // Of these there was but a history.
        take(&trade("C", 4), &mut first.repeated);
        assert!(!first.is_missed(&trade("C", 5)));
        drop(first);
        let second = shared.begin();
        assert!(second.knows("A") && !second.knows("B"));
        assert_eq!([7, 8].map(|number| second.is_missed(&trade("A", number))), [false, true]);
        assert!(!second.is_missed(&trade("B", 8)));
        assert!(!second.is_missed(&trade("C", 4)) && second.is_missed(&trade("C", 5)));
    }

    /// Names have no order: 9 came first.
    #[test]
    fn what_is_of_a_later_block_or_unknown_of_the_last_one_is_missed() {
        let shared = Arc::new(LastTrades::<TradeBlock>::default());
        let mut first = shared.begin();
        for (time, name) in [(1, 9), (2, 5), (2, 7), (1, 8)] {
            take(&trade_at("A", time, name), &mut first.marks);
        }
        drop(first);
        let second = shared.begin();
        let missed = |time, name| second.is_missed(&trade_at("A", time, name));
        assert_eq!([missed(1, 9), missed(1, 3), missed(2, 7), missed(2, 5)], [false; 4]);
        assert_eq!([missed(2, 6), missed(3, 1)], [true; 2]);
    }
}
