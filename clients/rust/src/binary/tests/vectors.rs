//! The test vectors of the protocol, docs/vectors: frames of a connection, and what each says or why it is none.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{learn, read, said};
use crate::{
    Message, Messages, Sent,
    binary::{BinaryError, Decoder},
};

/// One file.
#[derive(Deserialize)]
struct Vector {
    origin: i64,
    fields: Box<RawValue>,
    /// Whether the client has asked for the time of sending.
    #[serde(default)]
    tx: bool,
    frames: Vec<VectorFrame>,
}

#[derive(Deserialize)]
struct VectorFrame {
    hex: String,
    /// Microseconds from the newest tick in it until it was sent.
    tx: Option<i64>,
    messages: Option<Box<RawValue>>,
    error: Option<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn name(error: BinaryError) -> &'static str {
    match error {
        BinaryError::Truncated { .. } => "truncated",
        BinaryError::Overflow { .. } => "overflow",
        BinaryError::Text { .. } => "text",
        BinaryError::Flags { .. } => "unknown_flags",
        BinaryError::Value { .. } => "value",
        BinaryError::Field { .. } => "unknown_field",
        BinaryError::Symbol { .. } => "unknown_number",
        BinaryError::Origin => "no origin",
    }
}

/// What says when it was sent; a frame without a time says nothing.
fn sent(messages: &[Message<'_>], after_us: i64) -> Option<Message<'static>> {
    let rx = messages.iter().filter_map(|message| match message {
        Message::Update(tick) | Message::Snapshot(tick) => Some(tick.rx_us),
        _ => None,
    });
    Some(Message::Sent(Sent { ts_us: rx.max()? + after_us, or_later: after_us == 0xFF_FFFF }))
}

fn check(path: &std::path::Path) {
    let vector: Vector = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut decoder = if vector.tx { Decoder::new().with_tx() } else { Decoder::new() };
    let control = format!(
        r#"[{{"type":"welcome","epoch":"e","origin":{},"heartbeat_ms":1}},{{"type":"subscribed","results":[],"fields":{}}}]"#,
        vector.origin, vector.fields
    );
    learn(&mut decoder, &control);
    for VectorFrame { hex, tx, messages, error } in vector.frames {
        // A client that meets a fault ends its connection; here the next frame is another client's.
        let before = decoder.clone();
        let (found, fault) = read(&mut decoder, &bytes(&hex));
        assert_eq!(fault.map(name), error.as_deref(), "{}: {hex}", path.display());
        match messages {
            None => decoder = before,
            Some(messages) => {
                let messages: Vec<Message<'_>> = Messages::new(messages.get()).map(Result::unwrap).collect();
                let expected = tx.and_then(|after_us| sent(&messages, after_us)).into_iter().chain(messages);
                assert_eq!(
                    found,
                    expected.map(|message| said(&message)).collect::<Vec<_>>(),
                    "{}: {hex}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn each_frame_of_the_vectors_says_what_it_should() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    assert!(files.len() > 5, "{files:?}");
    for path in &files {
        check(path);
    }
}
