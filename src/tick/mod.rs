//! Pure values that every stage shares; nothing here acts.
//!
//! A [`Tick`] is one change of one symbol's record: some fields and a time. Money is an exact
//! decimal ([`Decimal`]) from feed to wire; no float ever holds a price.
//!
//! Invariant: nothing here does I/O or reads a clock; each file states the invariants of its own values.

pub mod custom;
mod decimal;
mod field;
mod fields;
pub mod glob;
mod numbers;
mod numeral;
mod report;
mod side;
mod symbol;
mod time;
mod trade_id;
mod uncommon;
mod volume;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use self::{
    custom::{CustomFields, CustomId, CustomSet, CustomValue, CustomValues, WantedFields},
    decimal::{DIGITS_MAX, Decimal, UNITS_PER_ONE},
    field::{DECIMAL_BITS, DECIMAL_FIELDS, Field, FieldSet},
    fields::Fields,
    glob::Glob,
    numbers::Numbers,
    numeral::{DecimalError, PLACES_MAX, UNIT_PLACES},
    report::{Affects, ReportKind, TradeReport},
    side::Side,
    symbol::{SYMBOL_BYTES_MAX, Symbol, SymbolError, check_characters, check_symbol},
    time::Nanos,
    trade_id::{TradeId, TradeIdError, TradeIdText},
    volume::{VOLUME_ONES_MAX, Volume},
};

pub(crate) use self::uncommon::Uncommon;

/// One change of one symbol's record, as a feed decoded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tick {
    pub symbol: Symbol,
    /// The feed's own event time; `None` when the feed gave none: then the receive time is used.
    pub ts: Option<Nanos>,
    pub fields: Fields,
}

/// The state of a symbol's market, as the wire's `status` message gives it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum State {
    /// Nothing was ever received.
    #[default]
    Pending,
    Live,
    /// Nothing was received for longer than the staleness limit.
    Stale,
    Halted,
    /// The feed has ended and will send no more.
    Closed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Live => "live",
            State::Stale => "stale",
            State::Halted => "halted",
            State::Closed => "closed",
        }
    }
}
