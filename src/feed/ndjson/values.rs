//! One value of a line to a value of a record.
//!
//! A value is a JSON number, or a string that holds one. A string is taken exactly; a JSON number with a fraction has
//! passed through a double, so it is taken to 15 significant digits, and a whole one exactly. That `null` is the same
//! as absent, the decoder sees to.
//!
//! Invariant: what comes out of here is a value that the field may have; sizes and totals are never below 0.

use simd_json::{Node, StaticNode};

use super::error::{LineError, ValueFault};
use crate::tick::{FIXED_ONE, Field, Fields, Fixed, FixedError, Nanos, Side, Symbol, Volume};

/// The longest whole part of a [`Volume`], as [`Volume::parse`] has it.
const VOLUME_MAX: f64 = 1e24;
/// A JSON number passes through a double, which is exact to this many significant digits.
const DOUBLE_DIGITS: u32 = 15;

pub(super) fn read_symbol(value: &Node<'_>) -> Result<Symbol, LineError> {
    match value {
        Node::String(text) => Symbol::new(text).map_err(LineError::Symbol),
        other => Err(LineError::SymbolKind { found: kind(other) }),
    }
}

pub(super) fn read_field(fields: &mut Fields, field: Field, value: &Node<'_>) -> Result<(), ValueFault> {
    match field {
        Field::Side => fields.set_side(read_side(value)?),
        Field::Volume => fields.set_volume(read_volume(value)?),
        Field::Trades => fields.set_trades(read_count(value)?),
        _ => {
            let fixed = read_fixed(value)?;
            if fixed < Fixed(0) && !field.may_be_negative() {
                return Err(ValueFault::Negative);
            }
            fields.set_fixed(field, fixed);
        }
    }
    Ok(())
}

fn read_fixed(value: &Node<'_>) -> Result<Fixed, ValueFault> {
    match value {
        Node::String(text) => Fixed::parse(text),
        Node::Static(StaticNode::F64(number)) => Fixed::from_f64(*number),
        Node::Static(StaticNode::U64(number)) => {
            i64::try_from(*number).map_err(|_| FixedError::Range).and_then(Fixed::from_int)
        }
        Node::Static(StaticNode::I64(number)) => Fixed::from_int(*number),
        other => return Err(ValueFault::NotANumber { found: kind(other) }),
    }
    .map_err(ValueFault::Decimal)
}

fn read_volume(value: &Node<'_>) -> Result<Volume, ValueFault> {
    match value {
        Node::String(text) => match text.strip_prefix('-') {
            None => Volume::parse(text).map_err(volume_fault),
            Some(digits) => match Volume::parse(digits).map_err(volume_fault)? {
                Volume(0) => Ok(Volume(0)),
                Volume(_) => Err(ValueFault::Negative),
            },
        },
        Node::Static(StaticNode::U64(number)) => Ok(Volume(i128::from(*number) * i128::from(FIXED_ONE))),
        Node::Static(StaticNode::I64(0)) => Ok(Volume(0)),
        Node::Static(StaticNode::I64(_)) => Err(ValueFault::Negative),
        Node::Static(StaticNode::F64(number)) => volume_from_f64(*number),
        other => Err(ValueFault::NotANumber { found: kind(other) }),
    }
}

/// A volume's range is wider than the one that the error's own text tells of.
fn volume_fault(error: FixedError) -> ValueFault {
    match error {
        FixedError::Range => ValueFault::VolumeRange,
        other => ValueFault::Decimal(other),
    }
}

/// As [`Fixed::from_f64`], over a volume's range: exact to 15 significant digits, rounded to 1e-9.
fn volume_from_f64(value: f64) -> Result<Volume, ValueFault> {
    if value < 0.0 {
        return Err(ValueFault::Negative);
    }
    if !value.is_finite() || value >= VOLUME_MAX {
        return Err(ValueFault::VolumeRange);
    }
    let units =
        value.trunc() as i128 * i128::from(FIXED_ONE) + (value.fract() * FIXED_ONE as f64).round() as i128;
    if units == 0 && value != 0.0 {
        return Err(ValueFault::Decimal(FixedError::Precision));
    }
    let digits = units.checked_ilog10().unwrap_or(0) + 1;
    if digits <= DOUBLE_DIGITS {
        return Ok(Volume(units));
    }
    // What stands behind the 15th digit is the double's noise.
    let unit = 10i128.pow(digits - DOUBLE_DIGITS);
    Ok(Volume((units + unit / 2) / unit * unit))
}

fn read_count(value: &Node<'_>) -> Result<u64, ValueFault> {
    match value {
        Node::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ValueFault::NotWhole);
            }
            match text.parse() {
                Ok(count) => Ok(count),
                Err(_) if digits.len() < text.len() => Err(ValueFault::Negative),
                Err(_) => Err(ValueFault::Range),
            }
        }
        Node::Static(StaticNode::U64(number)) => Ok(*number),
        Node::Static(StaticNode::I64(number)) => u64::try_from(*number).map_err(|_| ValueFault::Negative),
        Node::Static(StaticNode::F64(_)) => Err(ValueFault::NotWhole),
        other => Err(ValueFault::NotANumber { found: kind(other) }),
    }
}

pub(super) fn read_time(value: &Node<'_>) -> Result<Nanos, ValueFault> {
    let micros = match value {
        Node::String(text) => text.parse().map_err(|_| ValueFault::Time)?,
        Node::Static(StaticNode::U64(number)) => i64::try_from(*number).map_err(|_| ValueFault::Time)?,
        Node::Static(StaticNode::I64(number)) => *number,
        _ => return Err(ValueFault::Time),
    };
    Nanos::from_micros(micros).ok_or(ValueFault::Time)
}

fn read_side(value: &Node<'_>) -> Result<Side, ValueFault> {
    match value {
        Node::String(text) => Side::parse(text).ok_or(ValueFault::Side),
        _ => Err(ValueFault::Side),
    }
}

/// What a value is, as a message calls it.
pub(super) fn kind(node: &Node<'_>) -> &'static str {
    match node {
        Node::String(_) => "a string",
        Node::Object { .. } => "an object",
        Node::Array { .. } => "an array",
        Node::Static(StaticNode::Null) => "null",
        Node::Static(StaticNode::Bool(_)) => "a boolean",
        Node::Static(_) => "a number",
    }
}
