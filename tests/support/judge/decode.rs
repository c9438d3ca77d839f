//! The frames of a connection as messages, in whichever encoding they come.
//!
//! Binary frames are decoded by the client crate, which knows nothing of the service. Invariant: a message that came in
//! binary is, value for value, the JSON message that would have come in its place; so every check of the judge holds for
//! both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, value::RawValue};
use tickcast_client::{
    self as client, Field, Gap, Messages, Tick, TradeReport,
    binary::{BinaryError, Decoder},
};

use super::Message;

/// How the messages of a connection are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Encoding {
    #[default]
    Json,
    /// The same, compressed: by permessage-deflate, and event streams by gzip.
    Compressed,
    Binary,
}

/// What a connection has told that its binary frames need.
#[derive(Default)]
pub struct Frames {
    decoder: Decoder,
    /// The names of fields that are texts, by the table of fields.
    texts: BTreeSet<String>,
}

impl Encoding {
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Json | Encoding::Compressed => "tickcast.v1.json",
            Encoding::Binary => "tickcast.v1.binary",
        }
    }
}

impl Frames {
    /// The messages of a text frame.
    pub fn text(&mut self, text: &str) -> Vec<Message> {
        for message in Messages::new(text).flatten() {
            if let client::Message::Subscribed(answer) = &message {
                let texts = answer.fields.iter().filter(|field| field.kind == "text");
                self.texts.extend(texts.map(|field| field.name.to_string()));
            }
            self.decoder.learn(&message);
        }
        Message::of_frame(text)
    }

    /// The messages of a binary frame.
    ///
    /// # Errors
    /// When it is not what the protocol allows.
    pub fn binary(&mut self, frame: &[u8]) -> Result<Vec<Message>, BinaryError> {
        let Frames { decoder, texts } = self;
        let mut messages = Vec::new();
        let mut frame = decoder.begin(frame);
        while let Some(message) = decoder.next_message(&mut frame)? {
            messages.push(of(&message, texts));
        }
        assert!(!messages.is_empty(), "a frame without a message");
        Ok(messages)
    }
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// The same message as JSON has it.
fn of(message: &client::Message<'_>, texts: &BTreeSet<String>) -> Message {
    let mut fields = Fields::new();
    match message {
        client::Message::Snapshot(tick) => put_tick("snapshot", tick, texts, &mut fields),
        client::Message::Update(tick) => put_tick("update", tick, texts, &mut fields),
        client::Message::Gap(gap) => put_gap(gap, &mut fields),
        client::Message::Sent(sent) => {
            put(&mut fields, "type", &json!("sent"));
            put(&mut fields, "ts", &json!(sent.ts_us));
        }
        other => panic!("no binary frame has {other:?}"),
    }
    Message::of_fields(fields)
}

fn put_tick(kind: &str, tick: &Tick<'_>, texts: &BTreeSet<String>, fields: &mut Fields) {
    let values = tick.values().expect("what was walked over can be read");
    put(fields, "type", &json!(kind));
    put(fields, "symbol", &json!(tick.symbol));
    put(fields, "seq", &json!(tick.seq));
    put(fields, "ts", &json!(values.ts_us));
    put(fields, "rx", &json!(tick.rx_us));
    if let Some(name) = &tick.name {
        put(fields, "as", &json!(name));
    }
    if tick.n != 1 {
        put(fields, "n", &json!(tick.n));
    }
    for (field, text) in values.iter() {
        put_value(fields, field.name(), text, texts);
    }
    for field in values.withdrawn() {
        put_raw(fields, field.name(), "null");
    }
    for (name, value) in &values.others {
        match value {
            client::Value::Text(text) => put_value(fields, name, text, texts),
            client::Value::Withdrawn => put_raw(fields, name, "null"),
            client::Value::Absent => {}
        }
    }
    if let Some(report) = tick.report().expect("what was walked over can be read") {
        put_report(&report, fields);
    }
}

fn put_report(report: &TradeReport<'_>, fields: &mut Fields) {
    let TradeReport { kind, trade_id, last, last_size, side, affects } = report;
    let mut trade = Vec::new();
    let mut pair = |name: &str, raw: String| trade.push(format!("{name:?}:{raw}"));
    for (name, digits) in [("last", last), ("last_size", last_size)] {
        if let Some(digits) = digits {
            pair(name, digits.to_string());
        }
    }
    if let Some(side) = side {
        pair("side", json!(side).to_string());
    }
    match (kind, trade_id) {
        (client::ReportKind::Cancel, id) => put(fields, "cancel", &json!(id)),
        (client::ReportKind::Correct, id) => put(fields, "correct", &json!(id)),
        (client::ReportKind::Trade, Some(id)) => pair("trade_id", json!(id).to_string()),
        (client::ReportKind::Trade, None) => {}
    }
    if let Some(affects) = affects {
        pair("affects", json!(affects).to_string());
    }
    if !trade.is_empty() {
        put_raw(fields, "trade", &format!("{{{}}}", trade.join(",")));
    }
}

fn put_gap(gap: &Gap<'_>, fields: &mut Fields) {
    put(fields, "type", &json!("gap"));
    put(fields, "symbol", &json!(gap.symbol));
    put(fields, "from", &json!(gap.from));
    put(fields, "to", &json!(gap.to));
    put(fields, "reason", &json!(gap.reason));
    if let Some(name) = &gap.name {
        put(fields, "as", &json!(name));
    }
}

/// Numbers as their digits, texts with quotes.
fn put_value(fields: &mut Fields, name: &str, text: &str, texts: &BTreeSet<String>) {
    let is_text = [Field::Side, Field::TradeId].map(Field::name).contains(&name) || texts.contains(name);
    if is_text { put(fields, name, &json!(text)) } else { put_raw(fields, name, text) }
}

fn put(fields: &mut Fields, name: &str, value: &serde_json::Value) {
    put_raw(fields, name, &value.to_string());
}

fn put_raw(fields: &mut Fields, name: &str, raw: &str) {
    let raw = RawValue::from_string(raw.to_owned()).unwrap_or_else(|error| panic!("{name}: {error}: {raw}"));
    fields.insert(name.to_owned(), raw);
}
