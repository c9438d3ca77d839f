//! A line's names, each at most once, and its values combined to a tick. Independent of the parser that read them.
//!
//! Invariant: a name that is given twice is refused, since it is unknown which of two prices was meant.

use super::{
    error::{LineError, ValueFault},
    times::{LineClock, read_time},
    values::{Value, ValueUnread, read_field, read_symbol},
};
use crate::tick::{Field, FieldSet, Fields, Nanos, Symbol, Tick};

/// A line, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub tick: Tick,
    /// The receive time by the recorder's clock: a replay is paced by it.
    pub rx: Option<Nanos>,
}

/// The names that a line may have.
#[derive(Clone, Copy)]
enum Key {
    Symbol,
    Ts,
    Rx,
    Record(Field),
}

/// A line's values, as they are found.
pub(super) struct LineValues {
    clock: LineClock,
    /// The names found so far.
    seen: u16,
    symbol: Option<Symbol>,
    ts: Option<Nanos>,
    rx: Option<Nanos>,
    fields: Fields,
}

// === impl Key ===

impl Key {
    fn parse(name: &str) -> Option<Key> {
        match name {
            "symbol" => Some(Key::Symbol),
            "ts" => Some(Key::Ts),
            "rx" => Some(Key::Rx),
            _ => Field::parse(name).map(Key::Record),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Key::Symbol => "symbol",
            Key::Ts => "ts",
            Key::Rx => "rx",
            Key::Record(field) => field.name(),
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Key::Symbol => 1 << 15,
            Key::Ts => 1 << 14,
            Key::Rx => 1 << 13,
            Key::Record(field) => field.bit().0,
        }
    }

    fn fault(self, fault: ValueFault) -> LineError {
        LineError::Value { field: self.name(), fault }
    }
}

const _: () =
    assert!(FieldSet::ALL.0 < 1 << 13, "the bits above the record's are taken by symbol, ts and rx");

// === impl Found ===

impl LineValues {
    pub(super) fn new(clock: LineClock) -> Self {
        LineValues { clock, seen: 0, symbol: None, ts: None, rx: None, fields: Fields::default() }
    }

    /// Takes one name with its value.
    pub(super) fn take(&mut self, name: &str, value: Value<'_>) -> Result<(), ValueUnread<LineError>> {
        let key = Key::parse(name).ok_or_else(|| LineError::unknown_field(name))?;
        if self.seen & key.bit() != 0 {
            return Err(key.fault(ValueFault::Twice).into());
        }
        self.seen |= key.bit();
        if value == Value::Null {
            return Ok(());
        }
        match key {
            Key::Symbol => self.symbol = Some(read_symbol(value)?),
            Key::Ts => self.ts = Some(self.time(key, value)?),
            Key::Rx => self.rx = Some(self.time(key, value)?),
            Key::Record(field) => {
                read_field(&mut self.fields, field, value)
                    .map_err(|unread| unread.map(|fault| key.fault(fault)))?;
            }
        }
        Ok(())
    }

    fn time(&self, key: Key, value: Value<'_>) -> Result<Nanos, ValueUnread<LineError>> {
        read_time(value, self.clock).map_err(|unread| unread.map(|fault| key.fault(fault)))
    }

    /// The line, once all its names were taken.
    pub(super) fn line(self) -> Result<Line, LineError> {
        let symbol = self.symbol.ok_or(LineError::SymbolMissing)?;
        if self.fields.mask.is_empty() {
            return Err(LineError::NoFields);
        }
        Ok(Line { tick: Tick { symbol, ts: self.ts, fields: self.fields }, rx: self.rx })
    }
}
