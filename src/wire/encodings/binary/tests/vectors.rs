//! The test vectors of `docs/vectors`: frames, and what they mean. Every client's tests read them.
//!
//! `TICKCAST_WRITE_VECTORS=1 cargo test --lib vectors` writes them anew; without the variable the test compares them.

mod good;
mod other;

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::{Value, json, value::RawValue};

use super::{Both, Decoder, Fault, ORIGIN, payload, table};
use crate::{
    access::ProductId,
    fanout::{Emit, LocalId, TopicRef, View},
    tick::{Fields, Nanos, Numbers, Symbol},
    topic::{Record, Reference, Stamped, TopicId},
    wire::encodings::{Encoding, binary::Binary, json::Json},
};

/// One file: frames of one connection, in order.
pub struct Vector {
    pub name: &'static str,
    pub about: &'static str,
    pub fields: Value,
    /// Whether the client has asked when each frame is sent.
    pub tx: bool,
    pub frames: Vec<VectorFrame>,
}

pub struct VectorFrame {
    pub bytes: Vec<u8>,
    /// Microseconds from the newest receipt to the sending of the frame, when it says so.
    pub tx: Option<u32>,
    pub outcome: Outcome,
}

pub enum Outcome {
    /// What JSON says, with decimals as text, message by message.
    Messages(Vec<String>),
    /// The name of the fault. The client's state stays what it was.
    Fault(&'static str),
}

/// Writes the frames of a vector.
pub struct Scene {
    both: Both,
    frames: Vec<VectorFrame>,
}

impl Scene {
    pub fn new() -> Self {
        Scene { both: Both::new(&table()), frames: Vec::new() }
    }

    /// A frame with what `emit` sends.
    pub fn frame(mut self, emit: impl Fn(&mut dyn Emit)) -> Self {
        emit(&mut self.both.binary.writer::<Binary>());
        emit(&mut self.both.json.writer::<Json>());
        let bytes = |frame: Option<&[u8]>| payload(frame.expect("there is a message")).to_vec();
        let binary = bytes(self.both.binary.writer::<Binary>().finish().map(|frame| frame.bytes));
        let json = bytes(self.both.json.writer::<Json>().finish().map(|frame| frame.bytes));
        self.both.begin();
        let messages: Vec<Box<RawValue>> = serde_json::from_slice(&json).expect("an array");
        let messages = messages.iter().map(|message| message.get().to_owned()).collect();
        self.frames.push(VectorFrame { bytes: binary, tx: None, outcome: Outcome::Messages(messages) });
        self
    }

    /// The same, in a frame that was sent so many microseconds after its newest receipt.
    pub fn sent(self, after: u32, emit: impl Fn(&mut dyn Emit)) -> Self {
        let mut scene = self.frame(emit);
        if let Some(frame) = scene.frames.last_mut() {
            frame.bytes.splice(..0, after.to_le_bytes()[..3].iter().copied());
            frame.tx = Some(after);
        }
        scene
    }

    pub fn end(self, name: &'static str, about: &'static str) -> Vector {
        let tx = self.frames.iter().any(|frame| frame.tx.is_some());
        Vector { name, about, fields: fields(), tx, frames: self.frames }
    }
}

/// The table that `subscribed` has.
pub fn fields() -> Value {
    serde_json::to_value(Encoding::BINARY.field_table(&table())).expect("an array")
}

/// A symbol with its record and number.
pub struct Instrument {
    pub symbol: Symbol,
    pub number: u32,
    pub record: Record,
}

impl Instrument {
    pub fn new(symbol: &str, number: u32) -> Self {
        Instrument { symbol: Symbol::new(symbol).unwrap(), number, record: Record::default() }
    }

    /// The record after the next tick, so many microseconds after the origin, and of so many before.
    pub fn tick(mut self, seq: u64, rx: i64, lag: i64, fields: &Fields) -> Self {
        let record = &mut self.record;
        let is_first = record.seq == 0;
        (record.seq, record.order) = (seq, seq);
        record.rx = Nanos(ORIGIN.0 + rx * 1_000);
        record.ts = Nanos(record.rx.0 - lag * 1_000);
        record.note(fields.named());
        record.fields.merge(fields);
        record.fields.set_report(fields.report().cloned());
        if is_first {
            record.reference = Reference::of(&record.fields);
        }
        self
    }

    pub fn later(&self, seq: u64, rx: i64, lag: i64, fields: &Fields) -> Self {
        let Instrument { symbol, number, record } = self;
        let same = Instrument { symbol: symbol.clone(), number: *number, record: record.clone() };
        same.tick(seq, rx, lag, fields)
    }

    pub fn first(&self) -> TopicRef<'_> {
        TopicRef { is_first: true, ..self.at() }
    }

    pub fn at(&self) -> TopicRef<'_> {
        let Instrument { symbol, number, record } = self;
        TopicRef {
            local: LocalId(*number % 64),
            number: TopicId(*number),
            symbol,
            product: ProductId::REST,
            record,
            is_first: false,
            delay_ms: None,
        }
    }
}

/// A tick by itself.
pub fn stamped(seq: u64, rx: i64, lag: i64, fields: Fields) -> Stamped {
    let rx = Nanos(ORIGIN.0 + rx * 1_000);
    Stamped { topic: TopicId(0), seq, order: seq, ts: Nanos(rx.0 - lag * 1_000), rx, fields }
}

pub const TEXT: View = View { numbers: Numbers::Text, ..View::WHOLE };

fn all() -> Vec<Vector> {
    vec![
        good::quotes(),
        good::every_field(),
        good::withdrawn(),
        good::reports(),
        good::runs(),
        good::names_and_fields(),
        good::odd_decimals(),
        good::configured(),
        good::gaps(),
        good::extremes(),
        good::sent(),
        other::growth(),
        other::faults(),
    ]
}

/// The text of a vector's file.
fn text(vector: &Vector) -> String {
    let mut out = String::from("{\n");
    let line = |out: &mut String, name: &str, value: &Value| {
        writeln!(out, "  {}: {value},", json!(name)).unwrap();
    };
    line(&mut out, "name", &json!(vector.name));
    line(&mut out, "about", &json!(vector.about));
    line(&mut out, "origin", &json!(ORIGIN.micros()));
    line(&mut out, "fields", &vector.fields);
    if vector.tx {
        line(&mut out, "tx", &json!(true));
    }
    out.push_str("  \"frames\": [\n");
    for (index, frame) in vector.frames.iter().enumerate() {
        let mut hex = String::new();
        frame.bytes.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
        write!(out, "    {{\n      \"hex\": \"{hex}\",\n").unwrap();
        if let Some(tx) = frame.tx {
            writeln!(out, "      \"tx\": {tx},").unwrap();
        }
        match &frame.outcome {
            Outcome::Messages(messages) if messages.is_empty() => out.push_str("      \"messages\": []\n"),
            Outcome::Messages(messages) => {
                let messages = messages.join(",\n        ");
                write!(out, "      \"messages\": [\n        {messages}\n      ]\n").unwrap();
            }
            Outcome::Fault(name) => writeln!(out, "      \"error\": \"{name}\"").unwrap(),
        }
        out.push_str(if index + 1 < vector.frames.len() { "    },\n" } else { "    }\n" });
    }
    out.push_str("  ]\n}\n");
    out
}

#[test]
fn vectors_are_what_the_encoder_writes() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/vectors");
    let mut names: Vec<String> = Vec::new();
    for vector in all() {
        let path = folder.join(format!("{}.json", vector.name));
        let text = text(&vector);
        if std::env::var_os("TICKCAST_WRITE_VECTORS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "{} differs: TICKCAST_WRITE_VECTORS=1 writes it anew", path.display());
        names.push(format!("{}.json", vector.name));
    }
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn vectors_mean_what_they_say() {
    for vector in all() {
        let mut decoder = Decoder::of_table(ORIGIN, &vector.fields);
        for frame in &vector.frames {
            let mut next = decoder.clone();
            let mut bytes = &frame.bytes[..];
            if let Some(tx) = frame.tx {
                let told = bytes.split_off(..3).unwrap();
                assert_eq!(told, &tx.to_le_bytes()[..3]);
            }
            let decoded = next.frame(bytes);
            match &frame.outcome {
                Outcome::Messages(messages) => {
                    let expected: Vec<Value> =
                        messages.iter().map(|message| serde_json::from_str(message).unwrap()).collect();
                    assert_eq!(decoded, Ok(expected), "{}", vector.name);
                    decoder = next;
                }
                Outcome::Fault(name) => {
                    let fault = decoded.map_err(Fault::name);
                    assert_eq!(fault, Err(*name), "{}: {:02x?}", vector.name, frame.bytes);
                }
            }
        }
    }
}
