//! One value of a configured field, and how two of them merge.

use std::sync::Arc;

use super::kind::CustomMerge;
use crate::tick::{Decimal, Volume};

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomValue {
    Decimal(Decimal),
    /// A decimal of a field that is summed: the total, or what a tick adds to it.
    Total(Volume),
    Integer(i64),
    /// Without control characters.
    Text(Arc<str>),
}

impl CustomValue {
    /// What this value of a tick makes of the one that the record `had`; `None` when a sum is out of range.
    pub(super) fn merged(&self, had: &CustomValue, merge: CustomMerge) -> Option<CustomValue> {
        Some(match merge {
            CustomMerge::Last => self.clone(),
            CustomMerge::First => had.clone(),
            CustomMerge::Sum => return self.plus(had),
            CustomMerge::Min => if self.is_below(had) { self } else { had }.clone(),
            CustomMerge::Max => if had.is_below(self) { self } else { had }.clone(),
        })
    }

    fn plus(&self, other: &CustomValue) -> Option<CustomValue> {
        match (self, other) {
            (CustomValue::Total(one), CustomValue::Total(other)) => {
                one.checked_sum(*other).map(CustomValue::Total)
            }
            (CustomValue::Integer(one), CustomValue::Integer(other)) => {
                one.checked_add(*other).map(CustomValue::Integer)
            }
            _ => Some(self.clone()),
        }
    }

    fn is_below(&self, other: &CustomValue) -> bool {
        match (self, other) {
            (CustomValue::Decimal(one), CustomValue::Decimal(other)) => one < other,
            (CustomValue::Integer(one), CustomValue::Integer(other)) => one < other,
            _ => false,
        }
    }

    /// Appends it as JSON: a number, or a string.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            CustomValue::Decimal(value) => value.write(out),
            CustomValue::Total(value) => value.write(out),
            CustomValue::Integer(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
            CustomValue::Text(text) => write_text(text, out),
        }
    }

    /// Whether it is a number, which a double may not hold exactly, so that text is safer.
    pub const fn is_number(&self) -> bool {
        !matches!(self, CustomValue::Text(_))
    }

    /// Whether it is a number with a fraction, or may be.
    pub const fn is_decimal(&self) -> bool {
        matches!(self, CustomValue::Decimal(_) | CustomValue::Total(_))
    }
}

/// As it stands in a table: without quotes.
impl std::fmt::Display for CustomValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CustomValue::Decimal(value) => value.fmt(f),
            CustomValue::Total(value) => value.fmt(f),
            CustomValue::Integer(value) => value.fmt(f),
            CustomValue::Text(text) => f.pad(text),
        }
    }
}

/// Appends a JSON string. The text has no control characters.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
