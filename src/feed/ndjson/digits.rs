//! Reads a line again for the digits of its numbers, where their doubles do not determine the values.
//!
//! That is rare: a number with a fraction that is a million or more, or from 0.0001 on has more than 9 places, and a number
//! beyond 64 bits. `serde_json` returns values as they were written, and allocates for it.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    error::{LineError, ValueFault},
    line::{Line, LineValues},
    times::LineClock,
    values::{NdjsonValue, ValueUnread, read_affects},
};
use crate::tick::{Affects, CustomFields};

/// Names and values in their order, as they were written.
struct JsonMembers<'a>(Vec<(String, &'a RawValue)>);

/// Reads a line that is an object, by its digits.
///
/// # Errors
/// When the line is not a tick, or no JSON.
pub(super) fn read(line: &[u8], clock: LineClock, table: &Arc<CustomFields>) -> Result<Line, LineError> {
    let malformed = |error: serde_json::Error| LineError::Syntax { what: "malformed", at: error.column() };
    let JsonMembers(members) = serde_json::from_slice(line).map_err(malformed)?;
    let mut found = LineValues::new(clock, table);
    for (name, value) in members {
        let text = value.get();
        let string;
        let value = match text.as_bytes().first() {
            Some(b'"') => {
                string = serde_json::from_str::<String>(text).map_err(malformed)?;
                NdjsonValue::Text(&string)
            }
            Some(b'n') => NdjsonValue::Null,
            Some(b't' | b'f') => NdjsonValue::Other("a boolean"),
            Some(b'{') => NdjsonValue::Other("an object"),
            Some(b'[') if name == "affects" => NdjsonValue::Affects(affects(text)),
            Some(b'[') => NdjsonValue::Other("an array"),
            _ => NdjsonValue::Digits(text),
        };
        found.take(&name, value).map_err(|unread| match unread {
            ValueUnread::Fault(fault) => fault,
            // Not where the digits are available.
            ValueUnread::Digits => LineError::Syntax { what: "malformed", at: 0 },
        })?;
    }
    found.line()
}

/// A list whose items may be of any kind.
fn affects(text: &str) -> Result<Affects, ValueFault> {
    let items: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    read_affects(items.iter().map(|item| match item {
        serde_json::Value::String(word) => NdjsonValue::Text(word),
        serde_json::Value::Null => NdjsonValue::Null,
        serde_json::Value::Bool(_) => NdjsonValue::Other("a boolean"),
        serde_json::Value::Number(_) => NdjsonValue::Other("a number"),
        serde_json::Value::Array(_) => NdjsonValue::Other("an array"),
        serde_json::Value::Object(_) => NdjsonValue::Other("an object"),
    }))
}

impl<'de> Deserialize<'de> for JsonMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = JsonMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonMembers(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
