//! Converts one value of a line to a value of a record.
//!
//! A value is a JSON number, or a string that holds one, and both count exactly as their digits say. They differ with
//! more than 15 significant digits and 9 decimal places: a string is exact, up to 18 of both; a JSON number is rounded
//! ([`Decimal::parse_double`]), since its author may have printed a double, whose last digits are noise. The line
//! treats `null`: it withdraws a field, and is absent elsewhere.
//!
//! simd-json returns a number with a fraction as a double. A double determines a decimal of 15 digits; where it is not
//! nearest to one that is found at once, the number's digits are needed ([`ValueUnread::Digits`]).
//!
//! Invariant: every result is a value that the field may have; sizes and totals are never below 0.

use simd_json::{Node, StaticNode};

use super::error::{LineError, ValueFault};
use crate::tick::{
    Affects, CustomValue, Decimal, DecimalError, Field, Fields, PLACES_MAX, Side, Symbol, TradeId,
    UNITS_PER_ONE, Volume,
    custom::{CustomFault, CustomField, CustomKind, CustomMerge},
};

/// A value of a line, as far as its parser reads it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum NdjsonValue<'a> {
    /// A string's contents.
    Text(&'a str),
    Whole(u64),
    /// A whole number below 0.
    Below(i64),
    Double(f64),
    /// A number as it was written.
    Digits(&'a str),
    Null,
    /// The value of `affects`, when it is a list.
    Affects(Result<Affects, ValueFault>),
    /// Not a value of a tick; its type, for a message.
    Other(&'static str),
}

/// Why a value or a line was not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ValueUnread<E> {
    /// A number's double does not determine its value.
    Digits,
    Fault(E),
}

/// From here on a double may stand for more than one whole number of units.
const EXACT_UNITS_MAX: f64 = 1e15;
/// A double whose distance from a decimal of 15 digits is at most this part of it is nearest to no other such decimal,
/// which are a 1e-15th apart or more: it is that decimal with a double's noise.
const NOISE: f64 = 3.3e-16;
/// Below, a number of more digits than a double has is rounded at the 18th place, not at the 9th.
const SMALL: f64 = 1e-4;
const SMALLEST_PER_ONE: f64 = 1e18;

pub(super) fn read_symbol(value: NdjsonValue<'_>) -> Result<Symbol, LineError> {
    match value {
        NdjsonValue::Text(text) => Symbol::new(text).map_err(LineError::Symbol),
        other => Err(LineError::SymbolKind { found: other.kind() }),
    }
}

pub(super) fn read_field(
    fields: &mut Fields,
    field: Field,
    value: NdjsonValue<'_>,
) -> Result<(), ValueUnread<ValueFault>> {
    match field {
        Field::Side => fields.set_side(read_side(value)?),
        Field::TradeId => fields.set_trade_id(read_trade_id(value)?),
        Field::Volume => fields.set_volume(read_volume(value)?),
        Field::Trades => fields.set_trades(read_count(value)?),
        _ => {
            let decimal = read_decimal(value)?;
            if decimal.is_negative() && !field.may_be_negative() {
                return Err(ValueFault::Negative.into());
            }
            fields.set_decimal(field, decimal);
        }
    }
    Ok(())
}

#[inline]
fn read_decimal(value: NdjsonValue<'_>) -> Result<Decimal, ValueUnread<ValueFault>> {
    let decimal = match value {
        NdjsonValue::Text(text) => Decimal::parse(text),
        NdjsonValue::Double(number) => Ok(nearest(number)?),
        NdjsonValue::Whole(number) => match i64::try_from(number) {
            Ok(number) => Decimal::from_int(number),
            Err(_) => return Err(ValueUnread::Digits),
        },
        NdjsonValue::Below(number) => Decimal::from_int(number),
        NdjsonValue::Digits(text) => Decimal::parse_double(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    Ok(decimal.map_err(ValueFault::Decimal)?)
}

fn read_volume(value: NdjsonValue<'_>) -> Result<Volume, ValueUnread<ValueFault>> {
    let volume = match value {
        NdjsonValue::Text(text) => Volume::parse(text),
        NdjsonValue::Double(number) => Volume::ZERO.checked_add(nearest(number)?).ok_or(DecimalError::Range),
        NdjsonValue::Whole(number) => Ok(Volume::from_units(i128::from(number) * i128::from(UNITS_PER_ONE))),
        NdjsonValue::Below(_) => return Err(ValueFault::Negative.into()),
        NdjsonValue::Digits(text) => Volume::parse_double(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    Ok(ValueFault::check_volume(volume)?)
}

/// The decimal nearest to a double. A number too small for a double is 0.
#[inline]
fn nearest<E>(number: f64) -> Result<Decimal, ValueUnread<E>> {
    let scaled = number * UNITS_PER_ONE as f64;
    if scaled.abs() >= EXACT_UNITS_MAX {
        return Err(ValueUnread::Digits);
    }
    // Both are exact in a double, so their quotient is the double nearest to the decimal.
    let units = (scaled + 0.5_f64.copysign(scaled)) as i64;
    if (number - units as f64 / UNITS_PER_ONE as f64).abs() <= NOISE * number.abs() {
        return Ok(Decimal::from_units(units));
    }
    nearest_small(number)
}

/// The same, of a number that has more than 9 places.
#[cold]
fn nearest_small<E>(number: f64) -> Result<Decimal, ValueUnread<E>> {
    if number.abs() < SMALL {
        let count = (number * SMALLEST_PER_ONE).round() as i64;
        if count != 0 && (number - count as f64 / SMALLEST_PER_ONE).abs() <= NOISE * number.abs() {
            return Decimal::with_places(count, PLACES_MAX).map_err(|_| ValueUnread::Digits);
        }
    }
    Err(ValueUnread::Digits)
}

/// A whole number, as `250`, `250.0` or `2.5e2`, in quotes or not.
fn read_count(value: NdjsonValue<'_>) -> Result<u64, ValueUnread<ValueFault>> {
    let parsed = match value {
        NdjsonValue::Whole(number) => return Ok(number),
        NdjsonValue::Below(_) => return Err(ValueFault::Negative.into()),
        NdjsonValue::Double(_) => return Err(ValueUnread::Digits),
        NdjsonValue::Digits(text) | NdjsonValue::Text(text) => Volume::parse(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    let volume = parsed.map_err(|error| match error {
        DecimalError::Range => ValueFault::Range,
        _ => ValueFault::NotWhole,
    })?;
    let count = volume.whole().ok_or(ValueFault::NotWhole)?;
    if count < 0 {
        return Err(ValueFault::Negative.into());
    }
    Ok(u64::try_from(count).map_err(|_| ValueFault::Range)?)
}

/// A value of a configured field.
pub(super) fn read_custom(
    field: &CustomField,
    value: NdjsonValue<'_>,
) -> Result<CustomValue, ValueUnread<ValueFault>> {
    let read = match (field.kind, value) {
        (CustomKind::Text, NdjsonValue::Text(text)) => CustomValue::text(text),
        (CustomKind::Text, other) => return Err(ValueFault::NotAText { found: other.kind() }.into()),
        (CustomKind::Integer, NdjsonValue::Below(number)) => Ok(CustomValue::Integer(number)),
        (CustomKind::Integer, NdjsonValue::Whole(number)) => {
            i64::try_from(number).map(CustomValue::Integer).map_err(|_| CustomFault::IntegerRange)
        }
        (CustomKind::Integer, NdjsonValue::Digits(text) | NdjsonValue::Text(text)) => {
            CustomValue::integer(text)
        }
        // Its double does not determine a large one.
        (CustomKind::Integer, NdjsonValue::Double(_)) => return Err(ValueUnread::Digits),
        (CustomKind::Decimal, NdjsonValue::Text(text)) => CustomValue::parse(field, text),
        (CustomKind::Decimal, NdjsonValue::Digits(text)) if field.merge == CustomMerge::Sum => {
            CustomValue::total(Volume::parse_double(text))
        }
        (CustomKind::Decimal, value) => {
            let decimal = read_decimal(value)?;
            match field.merge {
                CustomMerge::Sum => {
                    CustomValue::total(Volume::ZERO.checked_add(decimal).ok_or(DecimalError::Range))
                }
                _ => Ok(CustomValue::Decimal(decimal)),
            }
        }
        (CustomKind::Integer, other) => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    Ok(read.map_err(ValueFault::Custom)?)
}

fn read_side(value: NdjsonValue<'_>) -> Result<Side, ValueFault> {
    match value {
        NdjsonValue::Text(text) => Side::parse(text).ok_or(ValueFault::Side),
        _ => Err(ValueFault::Side),
    }
}

/// A list of words, each at most once.
pub(super) fn read_affects<'a>(items: impl Iterator<Item = NdjsonValue<'a>>) -> Result<Affects, ValueFault> {
    let mut affects = Affects::NONE;
    for item in items {
        let NdjsonValue::Text(word) = item else { return Err(ValueFault::Affects { found: item.kind() }) };
        let Some(more) = Affects::of_word(word) else {
            return Err(ValueFault::Affects { found: "another word" });
        };
        if affects.contains(more) {
            return Err(ValueFault::Affects { found: "a word twice" });
        }
        affects = affects.with(more);
    }
    Ok(affects)
}

/// Text, or a whole number, which is taken as its digits: venues send both.
pub(super) fn read_trade_id(value: NdjsonValue<'_>) -> Result<TradeId, ValueUnread<ValueFault>> {
    let is_whole =
        |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let id = match value {
        NdjsonValue::Text(text) => TradeId::new(text),
        NdjsonValue::Whole(number) => return Ok(TradeId::of_number(number)),
        NdjsonValue::Below(number) => TradeId::new(itoa::Buffer::new().format(number)),
        NdjsonValue::Digits(text) if is_whole(text) => TradeId::new(text),
        // It may be one that is too large for the parser.
        NdjsonValue::Double(_) => return Err(ValueUnread::Digits),
        NdjsonValue::Digits(_) => {
            return Err(ValueFault::NoTradeId { found: "a number with a fraction or an exponent" }.into());
        }
        other => return Err(ValueFault::NoTradeId { found: other.kind() }.into()),
    };
    Ok(id.map_err(ValueFault::TradeId)?)
}

// === impl NdjsonValue ===

impl NdjsonValue<'_> {
    /// Its type, as messages name it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            NdjsonValue::Text(_) => "a string",
            NdjsonValue::Whole(_)
            | NdjsonValue::Below(_)
            | NdjsonValue::Double(_)
            | NdjsonValue::Digits(_) => "a number",
            NdjsonValue::Null => "null",
            NdjsonValue::Affects(_) => "an array",
            NdjsonValue::Other(kind) => kind,
        }
    }
}

impl<'a> From<&Node<'a>> for NdjsonValue<'a> {
    #[inline]
    fn from(node: &Node<'a>) -> Self {
        match *node {
            Node::String(text) => NdjsonValue::Text(text),
            Node::Object { .. } => NdjsonValue::Other("an object"),
            Node::Array { .. } => NdjsonValue::Other("an array"),
            Node::Static(StaticNode::Null) => NdjsonValue::Null,
            Node::Static(StaticNode::Bool(_)) => NdjsonValue::Other("a boolean"),
            Node::Static(StaticNode::U64(number)) => NdjsonValue::Whole(number),
            Node::Static(StaticNode::I64(number)) => {
                u64::try_from(number).map_or(NdjsonValue::Below(number), NdjsonValue::Whole)
            }
            Node::Static(StaticNode::F64(number)) => NdjsonValue::Double(number),
        }
    }
}

// === impl ValueUnread ===

impl<E> ValueUnread<E> {
    pub(super) fn map<F>(self, f: impl FnOnce(E) -> F) -> ValueUnread<F> {
        match self {
            ValueUnread::Digits => ValueUnread::Digits,
            ValueUnread::Fault(fault) => ValueUnread::Fault(f(fault)),
        }
    }
}

impl<E> From<E> for ValueUnread<E> {
    fn from(fault: E) -> Self {
        ValueUnread::Fault(fault)
    }
}
