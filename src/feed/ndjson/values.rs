//! Converts one value of a line to a value of a record.
//!
//! A value is a JSON number, or a string that holds one, and both count exactly as their digits say. They differ with
//! more than 9 decimal places: a string is refused; a JSON number is rounded, since its author may have printed a
//! double, whose last digits are noise. The decoder treats `null` as absent.
//!
//! simd-json returns a number with a fraction as a double. Below a million a double determines its decimal of 9 places;
//! where it does not, the number's digits are needed ([`ValueUnread::Digits`]).
//!
//! Invariant: every result is a value that the field may have; sizes and totals are never below 0.

use simd_json::{Node, StaticNode};

use super::error::{LineError, ValueFault};
use crate::tick::{FIXED_ONE, Field, Fields, Fixed, FixedError, Side, Symbol, Volume};

/// A value of a line, as far as its parser reads it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Value<'a> {
    /// A string's contents.
    Text(&'a str),
    Whole(u64),
    /// A whole number below 0.
    Below(i64),
    Double(f64),
    /// A number as it was written.
    Digits(&'a str),
    Null,
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

/// From here on a double may stand for more than one decimal of 9 places.
const EXACT_UNITS_MAX: f64 = 1e15;
/// A double below [`EXACT_UNITS_MAX`], scaled to units, is off by less than an eighth of a unit: if the result is this
/// near to a whole number of units, that number is meant.
const NEAR: f64 = 0.25;

pub(super) fn read_symbol(value: Value<'_>) -> Result<Symbol, LineError> {
    match value {
        Value::Text(text) => Symbol::new(text).map_err(LineError::Symbol),
        other => Err(LineError::SymbolKind { found: other.kind() }),
    }
}

pub(super) fn read_field(
    fields: &mut Fields,
    field: Field,
    value: Value<'_>,
) -> Result<(), ValueUnread<ValueFault>> {
    match field {
        Field::Side => fields.set_side(read_side(value)?),
        Field::Volume => fields.set_volume(read_volume(value)?),
        Field::Trades => fields.set_trades(read_count(value)?),
        _ => {
            let fixed = read_fixed(value)?;
            if fixed < Fixed(0) && !field.may_be_negative() {
                return Err(ValueFault::Negative.into());
            }
            fields.set_fixed(field, fixed);
        }
    }
    Ok(())
}

fn read_fixed(value: Value<'_>) -> Result<Fixed, ValueUnread<ValueFault>> {
    let fixed = match value {
        Value::Text(text) => Fixed::parse(text),
        Value::Double(number) => Ok(Fixed(units(number)?)),
        Value::Whole(number) => {
            i64::try_from(number).map_err(|_| FixedError::Range).and_then(Fixed::from_int)
        }
        Value::Below(number) => Fixed::from_int(number),
        Value::Digits(text) => Fixed::parse_nearest(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    Ok(fixed.map_err(ValueFault::Decimal)?)
}

fn read_volume(value: Value<'_>) -> Result<Volume, ValueUnread<ValueFault>> {
    let volume = match value {
        Value::Text(text) => Volume::parse(text),
        Value::Double(number) => Ok(Volume(units(number)?.into())),
        Value::Whole(number) => Ok(Volume(i128::from(number) * i128::from(FIXED_ONE))),
        Value::Below(_) => return Err(ValueFault::Negative.into()),
        Value::Digits(text) => Volume::parse_nearest(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    Ok(ValueFault::check_volume(volume)?)
}

/// The value of a double. One too small for the machine's numbers is 0.
fn units(number: f64) -> Result<i64, ValueUnread<ValueFault>> {
    let scaled = number * FIXED_ONE as f64;
    if scaled.abs() >= EXACT_UNITS_MAX {
        return Err(ValueUnread::Digits);
    }
    let units = (scaled + 0.5_f64.copysign(scaled)) as i64;
    if (scaled - units as f64).abs() > NEAR {
        return Err(ValueUnread::Digits);
    }
    if units == 0 && number != 0.0 {
        return Err(ValueFault::Decimal(FixedError::Precision).into());
    }
    Ok(units)
}

/// A whole number, as `250`, `250.0` or `2.5e2`, in quotes or not.
fn read_count(value: Value<'_>) -> Result<u64, ValueUnread<ValueFault>> {
    let parsed = match value {
        Value::Whole(number) => return Ok(number),
        Value::Below(_) => return Err(ValueFault::Negative.into()),
        Value::Double(_) => return Err(ValueUnread::Digits),
        Value::Digits(text) | Value::Text(text) => Volume::parse(text),
        other => return Err(ValueFault::NotANumber { found: other.kind() }.into()),
    };
    let Volume(units) = parsed.map_err(|error| match error {
        FixedError::Range => ValueFault::Range,
        _ => ValueFault::NotWhole,
    })?;
    let one = i128::from(FIXED_ONE);
    if units % one != 0 {
        return Err(ValueFault::NotWhole.into());
    }
    if units < 0 {
        return Err(ValueFault::Negative.into());
    }
    Ok(u64::try_from(units / one).map_err(|_| ValueFault::Range)?)
}

fn read_side(value: Value<'_>) -> Result<Side, ValueFault> {
    match value {
        Value::Text(text) => Side::parse(text).ok_or(ValueFault::Side),
        _ => Err(ValueFault::Side),
    }
}

// === impl Value ===

impl Value<'_> {
    /// Its type, as messages name it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Whole(_) | Value::Below(_) | Value::Double(_) | Value::Digits(_) => "a number",
            Value::Null => "null",
            Value::Other(kind) => kind,
        }
    }
}

impl<'a> From<&Node<'a>> for Value<'a> {
    #[inline]
    fn from(node: &Node<'a>) -> Self {
        match *node {
            Node::String(text) => Value::Text(text),
            Node::Object { .. } => Value::Other("an object"),
            Node::Array { .. } => Value::Other("an array"),
            Node::Static(StaticNode::Null) => Value::Null,
            Node::Static(StaticNode::Bool(_)) => Value::Other("a boolean"),
            Node::Static(StaticNode::U64(number)) => Value::Whole(number),
            Node::Static(StaticNode::I64(number)) => {
                u64::try_from(number).map_or(Value::Below(number), Value::Whole)
            }
            Node::Static(StaticNode::F64(number)) => Value::Double(number),
        }
    }
}

// === impl Unread ===

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
