//! `MessagePack` as JSON, for clients that ask for it: a decoder of its own, of the kinds of values that a venue sends. A
//! timestamp becomes its text, with as many places as it needs.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// The one value that these bytes are.
pub fn value(mut bytes: &[u8]) -> Value {
    let value = next(&mut bytes);
    assert_eq!(bytes, [0; 0], "one value a message, not more behind {value}");
    value
}

fn next(bytes: &mut &[u8]) -> Value {
    let kind = take(bytes, 1)[0];
    match kind {
        0x00..=0x7f => json!(kind),
        0x80..=0x8f => map(usize::from(kind & 0x0f), bytes),
        0x90..=0x9f => array(usize::from(kind & 0x0f), bytes),
        0xa0..=0xbf => text(usize::from(kind & 0x1f), bytes),
        0xc0 => Value::Null,
        0xcb => json!(f64::from_be_bytes(take(bytes, 8).try_into().expect("8 bytes"))),
        0xcc..=0xcf => json!(uint(1 << (kind - 0xcc), bytes)),
        0xd6 => timestamp(4, bytes),
        0xd7 => timestamp(8, bytes),
        0xd9 => {
            let length = uint(1, bytes) as usize;
            text(length, bytes)
        }
        0xdc => {
            let count = uint(2, bytes) as usize;
            array(count, bytes)
        }
        _ => panic!("no venue sends a value of kind {kind:#x}"),
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at_checked(count).expect("a whole value");
    *bytes = rest;
    taken
}

fn uint(length: usize, bytes: &mut &[u8]) -> u64 {
    take(bytes, length).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn text(length: usize, bytes: &mut &[u8]) -> Value {
    json!(str::from_utf8(take(bytes, length)).expect("UTF-8"))
}

fn array(count: usize, bytes: &mut &[u8]) -> Value {
    (0..count).map(|_| next(bytes)).collect()
}

fn map(count: usize, bytes: &mut &[u8]) -> Value {
    let mut map = Map::new();
    for _ in 0..count {
        let name = next(bytes).as_str().expect("a name").to_owned();
        assert!(map.insert(name, next(bytes)).is_none(), "a name is there once");
    }
    Value::Object(map)
}

fn timestamp(length: usize, bytes: &mut &[u8]) -> Value {
    assert_eq!(take(bytes, 1), [0xff], "the extension of timestamps");
    let both = uint(length, bytes);
    let (seconds, nanos) = if length == 4 { (both, 0) } else { (both & 0x3_ffff_ffff, both >> 34) };
    let time = UNIX_EPOCH + Duration::new(seconds, u32::try_from(nanos).expect("nanoseconds"));
    let text = humantime::format_rfc3339_nanos(time).to_string();
    json!(format!("{}Z", text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.')))
}
