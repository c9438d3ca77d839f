//! Values in commands with rules of their own: ids, whole numbers, objects without duplicate names.

use std::{
    cmp::min,
    io::{self, Write},
};

use simd_json::{
    BorrowedValue, StaticNode,
    prelude::{TypedScalarValue, ValueAsScalar},
};

use crate::wire::{ErrorCode, Id};

/// An error code, and a sentence that explains it.
pub type CommandFault = (ErrorCode, String);
pub type Object<'a> = simd_json::borrowed::Object<'a>;

/// Maximum length of an id in bytes.
const ID_BYTES_MAX: usize = 128;

/// Rejects an object with a duplicate name, since either value may be the intended one.
pub fn once(object: &Object<'_>, within: &str) -> Result<(), CommandFault> {
    let mut names: Vec<&str> = object.keys().map(AsRef::as_ref).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err((ErrorCode::BadValue, format!("{within}{} is given twice", shortened(pair[0])))),
    }
}

/// A non-negative whole number, written as `250`, `250.0` or `2.5e2`.
pub fn whole(value: &BorrowedValue<'_>) -> Option<u64> {
    /// Above this a double cannot represent every whole number.
    const DOUBLE_MAX: f64 = (1u64 << 53) as f64;
    let double =
        || value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=DOUBLE_MAX).contains(number));
    value.as_u64().or_else(|| double().map(|number| number as u64))
}

pub fn read_id(value: &BorrowedValue<'_>, wide: Option<String>) -> Result<Option<Id>, String> {
    if let Some(digits) = wide {
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(format!("id is a string or a whole number, got {}", shortened(&digits)));
        }
        return if digits.len() <= ID_BYTES_MAX {
            Ok(Some(Id::Digits(digits)))
        } else {
            Err(format!("id is longer than {ID_BYTES_MAX} digits"))
        };
    }
    let id = match value {
        BorrowedValue::String(text) if text.len() <= ID_BYTES_MAX => Some(Id::Text(text.to_string())),
        BorrowedValue::String(_) => return Err(format!("id is longer than {ID_BYTES_MAX} bytes")),
        other if other.is_null() => return Ok(None),
        other => match (other.as_i64(), whole(other)) {
            (Some(number), _) => Some(Id::Number(number)),
            (None, Some(number)) => Some(Id::Digits(number.to_string())),
            _ => None,
        },
    };
    id.map(Some).ok_or_else(|| format!("id is a string or a whole number, got {}", kind(value)))
}

/// The first 80 characters: an error must not echo a message of 64 KiB.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

pub fn kind(value: &BorrowedValue<'_>) -> &'static str {
    match value {
        BorrowedValue::Array(_) => "an array",
        BorrowedValue::Object(_) => "an object",
        BorrowedValue::String(_) => "a string",
        BorrowedValue::Static(StaticNode::Null) => "null",
        BorrowedValue::Static(StaticNode::Bool(_)) => "true or false",
        BorrowedValue::Static(_) => "a number",
    }
}

pub fn bad(field: &str, expected: &str, value: &BorrowedValue<'_>) -> CommandFault {
    let shown = shown(value);
    (ErrorCode::BadValue, format!("{field} must be {expected}, got {shown}"))
}

/// The first 80 characters of a value as JSON. The rest is not serialized.
pub fn shown(value: &BorrowedValue<'_>) -> String {
    let mut beginning = Beginning(Vec::new());
    // The writer fails once it has enough.
    let _ = simd_json::to_writer(&mut beginning, value);
    shortened(&String::from_utf8_lossy(&beginning.0))
}

/// A writer that accepts [`BEGINNING_BYTES`] and then fails.
struct Beginning(Vec<u8>);

/// More bytes than 80 characters can take.
const BEGINNING_BYTES: usize = 512;

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BEGINNING_BYTES - self.0.len();
        let taken = min(bytes.len(), room);
        self.0.extend_from_slice(&bytes[..taken]);
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
