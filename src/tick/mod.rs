//! Pure values that every stage shares; nothing here acts.
//!
//! A [`Tick`] is one change of one symbol's record: some fields and a time. Money is decimal fixed point
//! ([`Fixed`], 1e-9) from feed to wire; no float ever holds a price.
//!
//! Invariant: nothing here does I/O or reads a clock; each file states the invariants of its own values.

mod decimal;
mod field;
mod fields;
mod fixed;
mod symbol;
mod time;
mod volume;

#[cfg(test)]
mod tests;

pub use self::{
    decimal::{FIXED_PLACES, FixedError},
    field::{FIXED_BITS, FIXED_FIELDS, Field, FieldSet},
    fields::{Fields, Side},
    fixed::{FIXED_ONE, Fixed},
    symbol::{SYMBOL_BYTES_MAX, Symbol, SymbolError, check_symbol, is_symbol_byte},
    time::Nanos,
    volume::{VOLUME_ONES_MAX, Volume},
};

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
