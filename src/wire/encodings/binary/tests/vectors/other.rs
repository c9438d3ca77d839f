//! Frames that this version of the service does not send: what may come, and what is a fault.

use serde_json::json;

use super::{Outcome, Vector, VectorFrame, fields};

/// Bytes, with the pieces as the page of the protocol names them.
fn bytes(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

fn messages(bytes: Vec<u8>, messages: &[&str]) -> VectorFrame {
    let messages = messages.iter().map(|message| (*message).to_owned()).collect();
    VectorFrame { bytes, tx: None, outcome: Outcome::Messages(messages) }
}

fn fault(bytes: Vec<u8>, name: &'static str) -> VectorFrame {
    VectorFrame { bytes, tx: None, outcome: Outcome::Fault(name) }
}

/// Introduces the number 5 as `A`, with two places of prices, none of sizes, and a reference of 10.00 with a spread of
/// 0.01: a snapshot of seq 1 with the bid 10.01.
const INTRODUCTION: &[u8] = &[0x91, 5, 1, b'A', 0x02, 0xD0, 0x0F, 0x02, 1, 0x00, 0x01, 0x02];
const INTRODUCED: &str =
    r#"{"type":"snapshot","symbol":"A","seq":1,"ts":1742860800000000,"rx":1742860800000000,"bid":"10.01"}"#;

pub fn growth() -> Vector {
    let mut table = fields();
    if let Some(fields) = table.as_array_mut() {
        fields.push(json!({"id": 40, "name": "flags", "kind": "bitmap"}));
        fields.push(json!({"id": 41, "name": "vwap", "kind": "price"}));
        fields.push(json!({"id": 83, "name": "note", "kind": "text"}));
    }
    let later = r#"{"type":"update","symbol":"A","seq":2,"ts":1742860800000000,"rx":1742860800000000,"bid":"9.99","vwap":"9.98","note":"é"}"#;
    let next =
        r#"{"type":"update","symbol":"A","seq":3,"ts":1742860800000000,"rx":1742860800000000,"bid":"10"}"#;
    let again = r#"{"type":"update","symbol":"B","seq":4,"ts":1742860800000000,"rx":1742860800000000,"n":2,"bid":"20.5"}"#;
    let none =
        r#"{"type":"snapshot","symbol":"C","seq":5,"ts":1742860800000000,"rx":1742860800000000,"trades":7}"#;
    let cancelled =
        r#"{"type":"update","symbol":"B","seq":5,"ts":1742860800000000,"rx":1742860800000000,"cancel":"x"}"#;
    Vector {
        name: "growth",
        about: "What later versions may send: kinds of messages that are skipped, values of an unknown kind, which are \
                length-prefixed, fields beyond those of today, more in a report; a number that is introduced anew, a \
                symbol without a reference.",
        fields: table,
        tx: false,
        frames: vec![
            messages(
                bytes(&[
                    &[0x84, 3, 1, 2, 3],
                    INTRODUCTION,
                    &[0x8F, 0],
                    // Masks of up to twelve groups: bid 0, flags 40, vwap 41, note 83.
                    &[0x80, 5, 2, 0, 0x80],
                    &[0x81, 0x80, 0x80, 0x80, 0x80, 0xE0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
                    &[0x01],
                    &[2, 0xAA, 0xBB],
                    &[0x01],
                    &[2, 0xC3, 0xA9],
                    &[0x01, 5, 3, 0, 0x00],
                ]),
                &[INTRODUCED, later, next],
            ),
            messages(bytes(&[&[0xF5, 1, 0xFF]]), &[]),
            messages(
                bytes(&[
                    &[0xD0, 5, 1, b'B', 0x01, 0x90, 0x03, 0x00, 4, 2, 0, 0x01, 0x0A],
                    &[0x91, 6, 1, b'C', 0xFF, 5, 0, 0x80, 0x80, 0x02, 7],
                ]),
                &[again, none],
            ),
            // A report that says more than is known today.
            messages(vec![0x80, 5, 5, 0, 0x82, 0x00, 4, 0x01, 1, b'x', 0xEE], &[cancelled]),
        ],
    }
}

pub fn faults() -> Vector {
    let cut = |count: usize| INTRODUCTION[..count].to_vec();
    let mut frames = vec![messages(INTRODUCTION.to_vec(), &[INTRODUCED])];
    frames.extend((1..INTRODUCTION.len()).map(|count| fault(cut(count), "truncated")));
    // A symbol without a reference has no decimals in the short form.
    let bare: &[u8] = &[0x91, 6, 1, b'C', 0xFF, 5, 0, 0x80, 0x80, 0x02, 7];
    frames.extend([
        fault(bytes(&[INTRODUCTION, &[0x01]]), "truncated"),
        fault(vec![0x01, 9, 2, 0, 0], "unknown_number"),
        fault(vec![0x80, 9, 2, 0, 0], "unknown_number"),
        fault(vec![0x00, 5, 2, 0], "unknown_flags"),
        fault(vec![0x40, 5, 2, 2, 0], "unknown_flags"),
        fault(vec![0x80, 5, 2, 0, 0x88, 0x01, 0x00], "unknown_flags"),
        fault(vec![0xC1, 5, 2, 0, 0x00], "unknown_flags"),
        fault(vec![0xC2, 5, 2, 1, 0, 0x00], "unknown_flags"),
        fault(vec![0xC3, 5, 1, 2, 0], "unknown_flags"),
        fault(vec![0x80, 5, 2, 0, 0x82, 0x00, 1, 0x10], "unknown_flags"),
        // What a trade affects, beyond what there is.
        fault(vec![0x80, 5, 2, 0, 0x82, 0x00, 2, 0x08, 0x08], "unknown_flags"),
        fault(vec![0x80, 5, 2, 0, 0x80, 0x80, 0x40], "unknown_field"),
        fault(vec![0x80, 5, 2, 0, 0x81, 0x00, 0x80, 0x40], "unknown_field"),
        fault(vec![0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], "overflow"),
        fault(vec![0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "overflow"),
        fault(bytes(&[&[0x80, 5, 2, 0, 0x80], &[0x80; 12], &[0x00]]), "overflow"),
        fault(bytes(&[&[0x01, 5, 2, 0], &[0xFE], &[0xFF; 8], &[0x01]]), "overflow"),
        fault(bytes(&[&[0x02, 5, 2, 0], &[0xFF; 9], &[0x01]]), "overflow"),
        fault(vec![0x91, 6, 1, 0xFF, 0xFF, 5, 0, 0x00], "text"),
        fault(vec![0x91, 6, 1, b'C', 0x0F, 0, 0, 5, 0, 0x00], "value"),
        fault(bytes(&[bare, &[0x01, 6, 2, 0, 0x00]]), "value"),
        fault(vec![0x80, 5, 2, 0, 0x40, 0x03], "value"),
        fault(vec![0x83, 5, 1, 2, 3], "value"),
        fault(vec![0x82, 5, 1, 0], "value"),
        fault(vec![0xC0, 5, 2, 0, 0, 0x00], "value"),
        fault(vec![0x41, 5, 2, 0, 0, 2], "value"),
        fault(vec![0x80, 5, 2, 0, 0x84, 0x01, 0xFF, 0x13, 0x01], "value"),
        fault(vec![0x80, 5, 2, 0, 0x84, 0x01, 0xFF, 0xE0, 0x01], "truncated"),
        fault(vec![0x80, 5, 2, 0, 0x82, 0x00, 9, 0x01], "truncated"),
        fault(vec![0x80, 5, 2, 0, 0x82, 0x00, 1, 0x01], "truncated"),
        fault(vec![0x84, 0xFF, 0xFF, 0x03, 0], "truncated"),
        fault(bytes(&[&[0x84], &[0xFF; 9], &[0x01]]), "truncated"),
        fault(vec![0x82, 5, 1, 2, 0, 0x00], "truncated"),
    ]);
    Vector {
        name: "faults",
        about: "Frames that are none, each after the first: a client reads nothing beyond a frame, and reports the fault.",
        fields: fields(),
        tx: false,
        frames,
    }
}
