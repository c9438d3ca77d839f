//! A line's names, each at most once, and its values combined to a tick. Independent of the parser that read them.
//!
//! Invariant: a name that is given twice is refused, since it is unknown which of two prices was meant.

use super::{
    error::{LineError, ValueFault},
    report::LineReport,
    times::{LineClock, read_time},
    values::{NdjsonValue, ValueUnread, read_custom, read_field, read_symbol, read_trade_id},
};
use std::sync::Arc;

use crate::tick::{CustomFields, CustomSet, Field, Fields, Nanos, Symbol, Tick};

/// A line, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub tick: Tick,
    /// The receive time by the recorder's clock: a replay is paced by it.
    pub rx: Option<Nanos>,
}

/// The names that a line may have.
#[derive(Clone, Copy)]
enum LineKey {
    Symbol,
    Ts,
    Rx,
    Affects,
    Cancel,
    Correct,
    Record(Field),
}

/// A line's values, as they are found.
pub(super) struct LineValues<'t> {
    clock: LineClock,
    /// The fields that are configured, beside the fixed ones.
    table: &'t Arc<CustomFields>,
    /// The names found so far.
    seen: u32,
    symbol: Option<Symbol>,
    ts: Option<Nanos>,
    rx: Option<Nanos>,
    fields: Fields,
    /// Few lines have one.
    report: Option<Box<LineReport>>,
    seen_custom: CustomSet,
}

// === impl LineKey ===

impl LineKey {
    fn parse(name: &str) -> Option<LineKey> {
        match name {
            "symbol" => Some(LineKey::Symbol),
            "ts" => Some(LineKey::Ts),
            "rx" => Some(LineKey::Rx),
            "affects" => Some(LineKey::Affects),
            "cancel" => Some(LineKey::Cancel),
            "correct" => Some(LineKey::Correct),
            _ => Field::parse(name).map(LineKey::Record),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            LineKey::Symbol => "symbol",
            LineKey::Ts => "ts",
            LineKey::Rx => "rx",
            LineKey::Affects => "affects",
            LineKey::Cancel => "cancel",
            LineKey::Correct => "correct",
            LineKey::Record(field) => field.name(),
        }
    }

    const fn bit(self) -> u32 {
        match self {
            LineKey::Symbol => 1 << 16,
            LineKey::Ts => 1 << 17,
            LineKey::Rx => 1 << 18,
            LineKey::Affects => 1 << 19,
            LineKey::Cancel => 1 << 20,
            LineKey::Correct => 1 << 21,
            LineKey::Record(field) => field.bit().0 as u32,
        }
    }

    fn fault(self, fault: ValueFault) -> LineError {
        LineError::Value { field: self.name(), fault }
    }
}

// === impl LineValues ===

impl<'t> LineValues<'t> {
    pub(super) fn new(clock: LineClock, table: &'t Arc<CustomFields>) -> Self {
        LineValues {
            clock,
            table,
            seen: 0,
            symbol: None,
            ts: None,
            rx: None,
            fields: Fields::default(),
            report: None,
            seen_custom: CustomSet::NONE,
        }
    }

    /// Takes one name with its value.
    pub(super) fn take(&mut self, name: &str, value: NdjsonValue<'_>) -> Result<(), ValueUnread<LineError>> {
        let Some(key) = LineKey::parse(name) else { return self.take_custom(name, value) };
        if self.seen & key.bit() != 0 {
            return Err(key.fault(ValueFault::Twice).into());
        }
        self.seen |= key.bit();
        match key {
            LineKey::Record(field) if value == NdjsonValue::Null => self.fields.withdraw(field),
            _ if value == NdjsonValue::Null => {}
            LineKey::Symbol => self.symbol = Some(read_symbol(value)?),
            LineKey::Ts => self.ts = Some(self.time(key, value)?),
            LineKey::Rx => self.rx = Some(self.time(key, value)?),
            LineKey::Affects => match value {
                NdjsonValue::Affects(affects) => {
                    self.report().affects = Some(affects.map_err(|fault| key.fault(fault))?);
                }
                other => return Err(key.fault(ValueFault::Affects { found: other.kind() }).into()),
            },
            LineKey::Cancel | LineKey::Correct => {
                let id = read_trade_id(value).map_err(|unread| unread.map(|fault| key.fault(fault)))?;
                let report = self.report();
                let of =
                    if matches!(key, LineKey::Cancel) { &mut report.cancel } else { &mut report.correct };
                *of = Some(id);
            }
            LineKey::Record(field) => {
                read_field(&mut self.fields, field, value)
                    .map_err(|unread| unread.map(|fault| key.fault(fault)))?;
            }
        }
        Ok(())
    }

    #[cold]
    fn report(&mut self) -> &mut LineReport {
        self.report.get_or_insert_default()
    }

    /// The same, of a name that is not a fixed one.
    #[cold]
    fn take_custom(&mut self, name: &str, value: NdjsonValue<'_>) -> Result<(), ValueUnread<LineError>> {
        let id = self.table.find(name).ok_or_else(|| LineError::unknown_field(name, self.table))?;
        let field = self.table.get(id);
        let fault = |fault| LineError::Custom { field: field.name, fault };
        if self.seen_custom.contains(id) {
            return Err(fault(ValueFault::Twice).into());
        }
        self.seen_custom = self.seen_custom.with(id);
        if value == NdjsonValue::Null {
            self.fields.withdraw_custom(self.table, id);
        } else {
            let value = read_custom(field, value).map_err(|unread| unread.map(fault))?;
            self.fields.set_custom(self.table, id, value);
        }
        Ok(())
    }

    fn time(&self, key: LineKey, value: NdjsonValue<'_>) -> Result<Nanos, ValueUnread<LineError>> {
        read_time(value, self.clock).map_err(|unread| unread.map(|fault| key.fault(fault)))
    }

    /// The line, once all its names were taken.
    #[inline]
    pub(super) fn line(self) -> Result<Line, LineError> {
        let symbol = self.symbol.ok_or(LineError::SymbolMissing)?;
        let mut fields = self.fields;
        if let Some(report) = self.report {
            report.put(&mut fields)?;
        }
        if !fields.has_values() && fields.report().is_none() {
            return Err(LineError::NoFields);
        }
        Ok(Line { tick: Tick { symbol, ts: self.ts, fields }, rx: self.rx })
    }
}
