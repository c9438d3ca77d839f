//! Values of exchanges' messages: decimals and times that are strings here and numbers there.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{FormatFault, moment::Unit, table::checked};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Decimal, DecimalError, Field, Fields, Nanos, Side, Symbol, TradeId},
};

/// A value as it was written.
#[derive(Clone, Copy)]
pub struct Raw<'a>(pub &'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(Raw)
    }
}

/// The same of a venue whose numbers without quotes are decimals, and no program's doubles: exact as far as one of ours can be.
#[derive(Clone, Copy)]
pub struct DecimalNumber<'a>(Raw<'a>);

/// A price or a size as a venue writes it.
pub trait WrittenDecimal: Copy {
    fn written(&self) -> &str;

    /// # Errors
    /// When it is not a decimal, or none that can be held.
    fn read(&self) -> Result<Decimal, DecimalError>;
}

/// A price, and the size there.
pub type QuotedLevel<N> = (Option<N>, Option<N>);

impl<'de: 'a, 'a> Deserialize<'de> for DecimalNumber<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(DecimalNumber)
    }
}

pub fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, FormatFault> {
    serde_json::from_str(json).map_err(|error| FormatFault::json(&error))
}

/// What there is of a list, and the first fault: one that is broken costs no other.
pub fn list<'a, T: Deserialize<'a>>(json: &'a str) -> (Vec<T>, Result<(), FormatFault>) {
    if let Ok(whole) = serde_json::from_str(json) {
        return (whole, Ok(()));
    }
    let parts = match parse::<Vec<&RawValue>>(json) {
        Ok(parts) => parts,
        Err(fault) => return (Vec::new(), Err(fault)),
    };
    let (mut good, mut read) = (Vec::new(), Ok(()));
    for part in parts {
        match parse(part.get()) {
            Ok(one) => good.push(one),
            Err(fault) => read = read.and(Err(fault)),
        }
    }
    (good, read)
}

/// Takes each of a list. One that is broken costs no other; the first fault is told.
pub fn each<'a, T: Deserialize<'a>>(
    json: &'a str,
    take: impl FnMut(T) -> Result<(), FormatFault>,
) -> Result<(), FormatFault> {
    let (good, read) = list(json);
    good.into_iter().map(take).fold(read, Result::and)
}

// === impl Raw ===

impl<'a> Raw<'a> {
    /// The contents of its quotes as they were written, or the number. Of all values only symbols have escapes.
    pub fn text(self) -> &'a str {
        let text = self.0.get();
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
    }

    /// A whole number, in quotes or without.
    pub fn number(self) -> Option<u64> {
        self.text().parse().ok()
    }

    fn is_null(self) -> bool {
        self.0.get() == "null"
    }

    fn is_string(self) -> bool {
        self.0.get().starts_with('"')
    }

    pub fn symbol(self) -> Result<Symbol, FormatFault> {
        if !self.is_string() {
            return Err(FormatFault::Missing { field: "symbol" });
        }
        if !self.text().contains('\\') {
            return Ok(Symbol::new(self.text())?);
        }
        // Some writers escape all that is not ASCII.
        Ok(Symbol::new(&parse::<String>(self.0.get())?)?)
    }

    /// A time of any unit, or in ISO-8601.
    pub fn time(self, field: &'static str) -> Result<Nanos, FormatFault> {
        Unit::BySize.read(self.text()).ok_or(FormatFault::value(field, ValueFault::Moment))
    }

    /// The aggressor side, by words such as `buy` and `SELL`.
    pub fn side(self) -> Result<Side, FormatFault> {
        let is = |word: &str| self.text().eq_ignore_ascii_case(word);
        match () {
            () if is("buy") || is("b") => Ok(Side::Buy),
            () if is("sell") || is("s") => Ok(Side::Sell),
            () => Err(FormatFault::value("side", ValueFault::Side)),
        }
    }
}

impl WrittenDecimal for Raw<'_> {
    fn written(&self) -> &str {
        self.text()
    }

    fn read(&self) -> Result<Decimal, DecimalError> {
        let parse = if self.is_string() { Decimal::parse } else { Decimal::parse_double };
        parse(self.text())
    }
}

impl WrittenDecimal for DecimalNumber<'_> {
    fn written(&self) -> &str {
        self.0.text()
    }

    fn read(&self) -> Result<Decimal, DecimalError> {
        Decimal::parse(self.0.text()).or_else(|_| self.0.read())
    }
}

/// One that has more digits than there is room for is rounded: no trade is lost for it.
fn decimal(value: &impl WrittenDecimal, field: Field) -> Result<Decimal, FormatFault> {
    let read = value.read().or_else(|_| Decimal::parse_nearest(value.written()));
    checked(read, field).map_err(|fault| FormatFault::value(field.name(), fault))
}

/// Sets a field to a decimal; an empty one, and `null`, is absent.
pub fn set(field: Field, value: Option<impl WrittenDecimal>, fields: &mut Fields) -> Result<(), FormatFault> {
    match value {
        Some(value) if !matches!(value.written(), "" | "null") => {
            fields.set_decimal(field, decimal(&value, field)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A trade's price and size, both required; its side, when it is known; and its name, when it has one that a tick can
/// carry.
pub fn trade<N: WrittenDecimal>(
    price: N,
    size: N,
    side: Side,
    id: Option<Raw<'_>>,
) -> Result<Fields, FormatFault> {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Last, decimal(&price, Field::Last)?);
    fields.set_decimal(Field::LastSize, decimal(&size, Field::LastSize)?);
    if side != Side::Unknown {
        fields.set_side(side);
    }
    if let Some(id) = id_of(id) {
        fields.set_trade_id(id);
    }
    Ok(fields)
}

/// A trade's name, when it has one that a tick can carry.
pub fn id_of(id: Option<Raw<'_>>) -> Option<TradeId> {
    id.filter(|id| !id.is_null()).and_then(|id| TradeId::of_venue(id.text()))
}

/// The best prices of both sides.
pub fn quote<N: WrittenDecimal>(
    bid: QuotedLevel<N>,
    ask: QuotedLevel<N>,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    set(Field::Bid, bid.0, fields)?;
    set(Field::BidSize, bid.1, fields)?;
    set(Field::Ask, ask.0, fields)?;
    set(Field::AskSize, ask.1, fields)
}

/// The opposite side: for exchanges that give the side of the resting order.
pub const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
        Side::Unknown => Side::Unknown,
    }
}
