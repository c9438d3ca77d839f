//! The record's fields of a snapshot or an update, as the texts that stand in it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    MessageError,
    head::{Object, optional, parse},
    pairs::{Pair, pair, string},
};
use crate::{
    field::Field,
    message::{Value, Values},
};

/// More pairs than a message of protocol 1 has, with as many configured fields as there can be.
const PAIRS_MAX: usize = 96;
/// What messages have beside fields of a record.
const ENVELOPE: [&str; 11] =
    ["type", "as", "symbol", "seq", "ts", "rx", "n", "delay_ms", "cancel", "correct", "trade"];

/// The fields that the text of a message has.
pub fn values(object: &str) -> Result<Values<'_>, MessageError> {
    let mut values = Values::default();
    if plain(object, &mut values).is_some() {
        return Ok(values);
    }
    let (object, _end) = parse(object, 0)?;
    slow(&object)
}

/// Reads an object of plain pairs; `None` when it is none, and `values` is then of no use.
fn plain<'a>(object: &'a str, values: &mut Values<'a>) -> Option<()> {
    let mut at = object.strip_prefix('{').map(|_| 1)?;
    for _ in 0..PAIRS_MAX {
        let Pair { key, value, next } = pair(object, at)?;
        at = next + 1;
        if let Some(field) = Field::parse(key) {
            values.texts[field as usize] = text(value)?;
        } else if key == "ts" {
            values.ts_us = Some(value.parse().ok()?);
        } else if !ENVELOPE.contains(&key) {
            values.others.push((Cow::Borrowed(key), text(value)?));
        }
        if object.as_bytes()[next] == b'}' {
            return (at == object.len()).then_some(());
        }
    }
    None
}

/// A plain value: a string without its quotes, a number with its digits.
fn text(value: &str) -> Option<Value<'_>> {
    match value.as_bytes().first()? {
        b'"' => Some(Value::Text(Cow::Borrowed(string(value)?))),
        b'-' | b'0'..=b'9' => Some(Value::Text(Cow::Borrowed(value))),
        _ if value == "null" => Some(Value::Withdrawn),
        _ => None,
    }
}

fn slow<'a>(object: &Object<'a>) -> Result<Values<'a>, MessageError> {
    let mut values = Values::default();
    for field in Field::ALL {
        if let Some(raw) = object.get(field.name()) {
            values.texts[field as usize] = escaped(field.name(), raw)?;
        }
    }
    let others =
        object.iter().filter(|(key, _)| Field::parse(key).is_none() && !ENVELOPE.contains(&key.as_ref()));
    // A value of another shape is of something newer, and no field.
    values.others = others.filter_map(|(key, raw)| Some((Cow::Owned(key.clone()), value(raw)?))).collect();
    values.ts_us = optional(object, "ts")?;
    Ok(values)
}

fn escaped<'a>(key: &'static str, raw: &'a RawValue) -> Result<Value<'a>, MessageError> {
    value(raw).ok_or_else(|| MessageError::Value { key, value: raw.get().chars().take(40).collect() })
}

fn value(raw: &RawValue) -> Option<Value<'_>> {
    let raw = raw.get();
    match serde_json::from_str::<String>(raw) {
        Ok(string) if raw.starts_with('"') => Some(Value::Text(Cow::Owned(string))),
        _ => text(raw),
    }
}
