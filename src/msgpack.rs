//! `MessagePack` as JSON and back, so that one decoder reads both: maps, arrays, numbers, texts, and timestamps, which
//! become a count of nanoseconds.
//!
//! Invariants: no bytes panic; the JSON is bounded by the bytes; a float has the fewest digits that give it back.

use rmp::{Marker, decode::RmpRead};
use serde_json::Value;

/// What is wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MessagePackFault(pub &'static str);

/// The extension that is a timestamp.
const TIMESTAMP: i8 = -1;
/// Arrays of maps of arrays are as deep as it gets.
const DEPTH_MAX: u32 = 8;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

const CUT: MessagePackFault = MessagePackFault("the message ends within a value of MessagePack");
const KIND: MessagePackFault = MessagePackFault("a kind of value that MessagePack of ticks has not");

/// Appends a message as JSON.
///
/// # Errors
/// When the bytes are not one whole value of these kinds.
pub fn to_json(mut message: &[u8], out: &mut Vec<u8>) -> Result<(), MessagePackFault> {
    value(&mut message, 0, out)?;
    if message.is_empty() { Ok(()) } else { Err(MessagePackFault("bytes after the value of MessagePack")) }
}

fn value(bytes: &mut &[u8], depth: u32, out: &mut Vec<u8>) -> Result<(), MessagePackFault> {
    let marker = rmp::decode::read_marker(bytes).map_err(|_| CUT)?;
    match marker {
        Marker::Null => out.extend_from_slice(b"null"),
        Marker::True => out.extend_from_slice(b"true"),
        Marker::False => out.extend_from_slice(b"false"),
        Marker::FixPos(number) => json(&number, out),
        Marker::FixNeg(number) => json(&number, out),
        Marker::U8 => json(&bytes.read_data_u8().map_err(|_| CUT)?, out),
        Marker::U16 => json(&bytes.read_data_u16().map_err(|_| CUT)?, out),
        Marker::U32 => json(&bytes.read_data_u32().map_err(|_| CUT)?, out),
        Marker::U64 => json(&bytes.read_data_u64().map_err(|_| CUT)?, out),
        Marker::I8 => json(&bytes.read_data_i8().map_err(|_| CUT)?, out),
        Marker::I16 => json(&bytes.read_data_i16().map_err(|_| CUT)?, out),
        Marker::I32 => json(&bytes.read_data_i32().map_err(|_| CUT)?, out),
        Marker::I64 => json(&bytes.read_data_i64().map_err(|_| CUT)?, out),
        Marker::F32 => json(&bytes.read_data_f32().map_err(|_| CUT)?, out),
        Marker::F64 => json(&bytes.read_data_f64().map_err(|_| CUT)?, out),
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => text(marker, bytes, out)?,
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            let count = length(marker, bytes)?;
            items(*b"[]", count, depth, out, |depth, out| value(bytes, depth, out))?;
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let count = length(marker, bytes)?;
            items(*b"{}", count, depth, out, |depth, out| {
                let name = rmp::decode::read_marker(bytes).map_err(|_| CUT)?;
                text(name, bytes, out)?;
                out.push(b':');
                value(bytes, depth, out)
            })?;
        }
        Marker::FixExt4 => timestamp(4, bytes, out)?,
        Marker::FixExt8 => timestamp(8, bytes, out)?,
        Marker::Ext8 => {
            let length = bytes.read_data_u8().map_err(|_| CUT)?;
            timestamp(usize::from(length), bytes, out)?;
        }
        _ => return Err(KIND),
    }
    Ok(())
}

fn json(number: &impl serde::Serialize, out: &mut Vec<u8>) {
    // What is not a number of JSON becomes `null`; writing to a vector does not fail.
    let _ = serde_json::to_writer(out, number);
}

/// Items between brackets. A count that the bytes do not hold ends with them.
fn items(
    [open, close]: [u8; 2],
    count: usize,
    depth: u32,
    out: &mut Vec<u8>,
    mut item: impl FnMut(u32, &mut Vec<u8>) -> Result<(), MessagePackFault>,
) -> Result<(), MessagePackFault> {
    if depth >= DEPTH_MAX {
        return Err(MessagePackFault("MessagePack deeper than that of ticks"));
    }
    out.push(open);
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        item(depth + 1, out)?;
    }
    out.push(close);
    Ok(())
}

fn text(marker: Marker, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), MessagePackFault> {
    if !matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32) {
        return Err(KIND);
    }
    let length = length(marker, bytes)?;
    let text = str::from_utf8(take(bytes, length)?);
    json(&text.map_err(|_| MessagePackFault("a text that is not UTF-8"))?, out);
    Ok(())
}

fn length(marker: Marker, bytes: &mut &[u8]) -> Result<usize, MessagePackFault> {
    let length = match marker {
        Marker::FixStr(length) | Marker::FixArray(length) | Marker::FixMap(length) => u32::from(length),
        Marker::Str8 => u32::from(bytes.read_data_u8().map_err(|_| CUT)?),
        Marker::Str16 | Marker::Array16 | Marker::Map16 => u32::from(bytes.read_data_u16().map_err(|_| CUT)?),
        _ => bytes.read_data_u32().map_err(|_| CUT)?,
    };
    Ok(length as usize)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], MessagePackFault> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(CUT)?;
    *bytes = rest;
    Ok(taken)
}

/// A timestamp of one of its three lengths.
fn timestamp(length: usize, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), MessagePackFault> {
    let kind = bytes.read_data_i8().map_err(|_| CUT)?;
    let data = take(bytes, length)?;
    let (seconds, nanos) = match (kind, data.len()) {
        (TIMESTAMP, 4) => (i64::from(u32::from_be_bytes(data.try_into().map_err(|_| CUT)?)), 0),
        (TIMESTAMP, 8) => {
            let both = u64::from_be_bytes(data.try_into().map_err(|_| CUT)?);
            ((both & 0x3_ffff_ffff) as i64, (both >> 34) as i64)
        }
        (TIMESTAMP, 12) => {
            let nanos = u32::from_be_bytes(data[..4].try_into().map_err(|_| CUT)?);
            (i64::from_be_bytes(data[4..].try_into().map_err(|_| CUT)?), i64::from(nanos))
        }
        _ => return Err(KIND),
    };
    let count = seconds.checked_mul(NANOS_PER_SECOND).and_then(|whole| whole.checked_add(nanos));
    json(&count.ok_or(MessagePackFault("a timestamp out of range"))?, out);
    Ok(())
}

/// A request of maps, arrays and texts.
pub fn from_json(request: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(request, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    match value {
        Value::String(text) => drop(rmp::encode::write_str(out, text)),
        Value::Array(items) => {
            drop(rmp::encode::write_array_len(out, items.len() as u32));
            for item in items {
                write(item, out);
            }
        }
        Value::Object(map) => {
            drop(rmp::encode::write_map_len(out, map.len() as u32));
            for (name, value) in map {
                drop(rmp::encode::write_str(out, name));
                write(value, out);
            }
        }
        _ => drop(rmp::encode::write_nil(out)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json_of(bytes: &[u8]) -> Result<String, MessagePackFault> {
        let mut out = Vec::new();
        to_json(bytes, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_are_those_of_json() {
        for (bytes, expected) in [
            (&b"\xc0"[..], "null"),
            (b"\x07", "7"),
            (b"\xff", "-1"),
            (b"\xcd\x01\x00", "256"),
            (b"\xcb\x40\x5f\xa3\x33\x33\x33\x33\x33", "126.55"),
            (b"\xca\x3d\xcc\xcc\xcd", "0.1"),
            (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"),
            (b"\x93\xa1a\xc2\x80", "[\"a\",false,{}]"),
            (b"\x81\xa1\"\xa1\n", "{\"\\\"\":\"\\n\"}"),
            (b"\xd6\xff\x60\x00\x00\x00", "1610612736000000000"),
            (b"\xd7\xff\x00\x00\x00\x04\x60\x00\x00\x00", "1610612736000000001"),
            (b"\xc7\x0c\xff\x00\x00\x00\x02\x00\x00\x00\x00\x60\x00\x00\x00", "1610612736000000002"),
        ] {
            assert_eq!(json_of(bytes).as_deref(), Ok(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_message_of_ticks_is_told() {
        for bytes in [
            &b""[..],
            b"\xcb\x40",
            b"\xdd\xff\xff\xff\xff",
            b"\x81\x01\x01",
            b"\xa2a",
            b"\xc4\x01a",
            b"\xd6\x05\x00\x00\x00\x00",
            b"\xc7\x0c\xff\x00\x00\x00\x02\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"\x01\x01",
            &[0x91; 20],
        ] {
            assert!(json_of(bytes).is_err(), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_json_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(json) = json_of(&bytes) {
                prop_assert!(serde_json::from_str::<Value>(&json).is_ok() || json.is_empty(), "{json}");
            }
        }

        #[test]
        fn a_request_comes_back(texts in proptest::collection::vec(".*", 0..40)) {
            let request = serde_json::json!({"action": "subscribe", "trades": texts});
            prop_assert_eq!(serde_json::from_str::<Value>(&json_of(&from_json(&request)).unwrap()).unwrap(), request);
        }
    }
}
