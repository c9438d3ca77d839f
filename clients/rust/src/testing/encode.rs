//! Messages as binary frames, in the plainest form that the protocol has: each message introduces its symbol, which has
//! no reference, and each decimal is written with its digits.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The fields of the protocol by their ids, with their kinds.
const FIELDS: [(&str, &str); 13] = [
    ("bid", "price"),
    ("bid_size", "size"),
    ("ask", "price"),
    ("ask_size", "size"),
    ("last", "price"),
    ("last_size", "size"),
    ("side", "side"),
    ("volume", "size"),
    ("trades", "count"),
    ("trade_id", "text"),
    ("open", "price"),
    ("high", "price"),
    ("low", "price"),
];

/// Encodes what one connection is sent.
#[derive(Default)]
pub struct Encoder {
    numbers: HashMap<String, u64>,
}

/// The table of fields, for `subscribed`.
pub fn table() -> Value {
    let entry = |(id, (name, kind)): (usize, &(&str, &str))| json!({"id": id, "name": name, "kind": kind});
    FIELDS.iter().enumerate().map(entry).collect()
}

// === impl Encoder ===

impl Encoder {
    /// A frame of these messages; times count from `origin_us`.
    ///
    /// # Panics
    /// When one of them is neither a snapshot, an update nor a gap.
    pub fn frame(&mut self, messages: &[Value], origin_us: i64) -> Vec<u8> {
        let (mut out, mut rx, mut lag) = (Vec::new(), 0, 0);
        for message in messages {
            self.head(message, &mut out);
            if message["type"] == "gap" {
                varint(message["from"].as_u64().unwrap(), &mut out);
                varint(message["to"].as_u64().unwrap(), &mut out);
                let reasons = ["slow", "resume", "epoch"];
                let reason = reasons.iter().position(|reason| message["reason"] == *reason).unwrap();
                out.push(u8::try_from(reason).unwrap());
                continue;
            }
            varint(message["seq"].as_u64().unwrap(), &mut out);
            if let Some(n) = message["n"].as_u64() {
                varint(n, &mut out);
            }
            let (ts_us, rx_us) = (message["ts"].as_i64().unwrap(), message["rx"].as_i64().unwrap());
            varint(zigzag(rx_us - ts_us - lag) << 1 | 1, &mut out);
            varint(zigzag(rx_us - origin_us - rx), &mut out);
            (rx, lag) = (rx_us - origin_us, rx_us - ts_us);
            body(message, &mut out);
        }
        out
    }

    fn head(&mut self, message: &Value, out: &mut Vec<u8>) {
        let kind = ["update", "snapshot", "run", "gap"].iter().position(|kind| message["type"] == *kind);
        let merged = if message["n"].is_u64() { 0x40 } else { 0 };
        out.push(0x90 | merged | u8::try_from(kind.unwrap()).unwrap());
        let symbol = message["symbol"].as_str().unwrap();
        let next = self.numbers.len() as u64;
        varint(*self.numbers.entry(symbol.to_owned()).or_insert(next), out);
        text(symbol, out);
        // No reference.
        out.push(0xFF);
    }
}

fn body(message: &Value, out: &mut Vec<u8>) {
    let shown: Vec<usize> = (0..FIELDS.len()).filter(|&id| !message[FIELDS[id].0].is_null()).collect();
    // With a mask and a scale byte, which says that each decimal has its own scale.
    out.push(0x84);
    let mask = shown.iter().fold(0u64, |mask, id| mask | 1 << id);
    out.extend([mask as u8 & 0x7F | 0x80, (mask >> 7) as u8, 0xFF]);
    for id in shown {
        let (name, kind) = FIELDS[id];
        let value = &message[name];
        match kind {
            "side" => {
                let sides = ["unknown", "buy", "sell"];
                // A word that is none is written as a side that is none.
                let side = sides.iter().position(|side| value == side).unwrap_or(sides.len());
                out.push(u8::try_from(side).unwrap());
            }
            "count" => varint(value.as_u64().unwrap(), out),
            "text" => text(value.as_str().unwrap(), out),
            _ => {
                // Its digits follow.
                out.push(31);
                text(&value.to_string(), out);
            }
        }
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn text(text: &str, out: &mut Vec<u8>) {
    varint(text.len() as u64, out);
    out.extend(text.as_bytes());
}
