//! Selects one of two events for each symbol's trades. Binance reports every trade twice, by `trade` and by `aggTrade`.
//!
//! Invariants: for each symbol only the trades of the event that comes first count; a note reports once that others are
//! skipped. Beyond [`SYMBOLS_MAX`] symbols all trades count.

use std::collections::HashMap;

use crate::tick::Symbol;

/// An event that reports trades.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TradeEvent {
    Trade,
    AggTrade,
}

/// The event of each symbol's trades.
pub struct TradeEvents {
    taken: HashMap<Symbol, TradeEvent, foldhash::fast::RandomState>,
    /// The text before an event's name, and what it is, in the note.
    mark: &'static str,
    noun: &'static str,
    told: bool,
    /// A note to report once.
    pub note: Option<String>,
}

/// More symbols than any exchange has.
const SYMBOLS_MAX: usize = 100_000;

// === impl TradeEvents ===

impl TradeEvents {
    /// For streams, whose names contain the event: `btcusdt@trade`.
    pub fn of_streams() -> Self {
        Self::called("@", "stream")
    }

    /// For messages that name their event.
    pub fn of_messages() -> Self {
        Self::called("", "event")
    }

    fn called(mark: &'static str, noun: &'static str) -> Self {
        TradeEvents { taken: HashMap::default(), mark, noun, told: false, note: None }
    }

    /// Whether a trade of this event counts.
    pub fn takes(&mut self, symbol: &Symbol, event: TradeEvent) -> bool {
        let taken = match self.taken.get(symbol) {
            Some(taken) => *taken,
            None if self.taken.len() < SYMBOLS_MAX => *self.taken.entry(symbol.clone()).or_insert(event),
            None => event,
        };
        if taken != event && !std::mem::replace(&mut self.told, true) {
            let (mark, noun, name) = (self.mark, self.noun, taken.name());
            self.note = Some(format!(
                "trades come by {mark}trade and by {mark}aggTrade, and each counts once: those of {symbol} are taken by \
                 {mark}{name}, and of every symbol those of the {noun} that comes first"
            ));
        }
        taken == event
    }
}

// === impl TradeEvent ===

impl TradeEvent {
    pub const fn name(self) -> &'static str {
        match self {
            TradeEvent::Trade => "trade",
            TradeEvent::AggTrade => "aggTrade",
        }
    }
}
