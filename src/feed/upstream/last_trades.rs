//! The newest trade of each symbol, kept over reconnects: what a venue repeats on subscribing is a history, but for the
//! trades that happened while the connection was down.
//!
//! Only for venues that number the trades of a symbol upwards: a higher number is provably new.
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
    tick::{Symbol, Tick},
};

/// Of all connections of a feed. It is looked at when a connection begins and ends, and not for each trade.
#[derive(Default)]
pub struct LastTrades(Mutex<TradeNumbers>);

/// Of one connection.
pub struct ConnectionTrades {
    shared: Arc<LastTrades>,
    /// Of trades that were taken.
    numbers: TradeNumbers,
    /// Of trades that were a history: what comes above them over the next connection is news.
    repeated: TradeNumbers,
}

type TradeNumbers = HashMap<Symbol, u64, RandomState>;

// === impl LastTrades ===

impl LastTrades {
    /// For a new connection.
    pub fn begin(self: &Arc<Self>) -> ConnectionTrades {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ConnectionTrades { shared: Arc::clone(self), numbers, repeated: TradeNumbers::default() }
    }
}

// === impl ConnectionTrades ===

impl ConnectionTrades {
    /// Whether a trade of this symbol came before.
    pub fn knows(&self, symbol: &str) -> bool {
        Symbol::new(symbol).is_ok_and(|symbol| self.numbers.contains_key(&symbol))
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
        ticks.iter().filter(|tick| tick.fields.is_trade()).for_each(|tick| take(tick, &mut self.numbers));
        let counted = |tick: &Tick| number(tick).map_or_else(|| decode::named(tick), Number::Counted);
        decode::hand_out(made, found, counted, out);
    }

    /// Whether a trade that is repeated was missed.
    fn is_missed(&self, tick: &Tick) -> bool {
        match (self.numbers.get(&tick.symbol), number(tick)) {
            (Some(last), Some(number)) => number > *last,
            _ => false,
        }
    }
}

impl Drop for ConnectionTrades {
    fn drop(&mut self) {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (symbol, number) in self.numbers.drain().chain(self.repeated.drain()) {
            let last = shared.entry(symbol).or_default();
            *last = number.max(*last);
        }
    }
}

/// Remembers a trade.
fn take(tick: &Tick, numbers: &mut TradeNumbers) {
    let Some(number) = number(tick) else { return };
    match numbers.get_mut(&tick.symbol) {
        Some(last) => *last = number.max(*last),
        None => drop(numbers.insert(tick.symbol.clone(), number)),
    }
}

/// The number of a tick's trade, by which the venue names it.
pub fn number(tick: &Tick) -> Option<u64> {
    tick.fields.name_of_trade().text().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::{Fields, TradeId};

    fn trade(symbol: &str, number: u64) -> Tick {
        let mut fields = Fields::default();
        fields.set_trade_id(TradeId::of_number(number));
        Tick { symbol: Symbol::new(symbol).unwrap(), ts: None, fields }
    }

    #[test]
    fn what_happened_meanwhile_is_missed_and_what_was_before_is_not() {
        let shared = Arc::new(LastTrades::default());
        let mut first = shared.begin();
        assert!(!first.is_missed(&trade("A", 5)) && !first.knows("A"));
        take(&trade("A", 7), &mut first.numbers);
        take(&trade("A", 6), &mut first.numbers);
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
}
