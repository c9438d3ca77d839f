//! What tests of dialects share: bodies of messages, and conversations.

use super::{
    dialect::{Carried, Dialect, Moment, Wish, Wishes},
    spelling,
    stream::DialectStream,
};
use crate::{
    tick::{Decimal, Field, Fields, Nanos, Symbol},
    topic::Reference,
    wire::encodings::{
        encoder::{Constant, MessageKind, RecordPart, Shown},
        venue::VenueMessages,
    },
};

pub fn fields(decimals: &[(Field, &str)]) -> Fields {
    let mut fields = Fields::default();
    for &(field, value) in decimals {
        fields.set_decimal(field, Decimal::parse(value).expect("a decimal"));
    }
    fields
}

/// The body of a message, with a client's spelling of the symbol.
pub fn body<V: VenueMessages>(
    kind: MessageKind,
    stream: &DialectStream,
    fields: &Fields,
    seq: u64,
    ts: Nanos,
    spelled: &str,
) -> String {
    let symbol = Symbol::new(&spelling::joined(spelled)).expect("a symbol");
    let topic = Constant { symbol: &symbol, reference: Reference::ZERO, delay_ms: None };
    let shown = Shown { seq, ts, rx: ts, fields };
    let view = stream.spec().view;
    let part = RecordPart { fields: view.wanted, report: None, numbers: view.numbers, form: view.form };
    let (mut shared, mut out) = (Vec::new(), Vec::new());
    V::body(kind, &topic, &shown, &part, &mut shared);
    spelling::write_spelled(&shared, spelled, &mut out);
    String::from_utf8(out).expect("text")
}

/// A conversation: what the client is sent, and what is asked for.
pub struct Talk<D> {
    pub dialect: D,
    pub frames: u64,
}

/// So long after a fixed time.
pub fn at(micros: i64) -> Moment {
    // 2023-09-25T09:04:31.742599Z
    let time = Nanos(1_695_632_671_742_599_000 + 1_000 * micros);
    Moment { machine: time, market: time }
}

pub fn taken(symbol: &str) -> Carried {
    Carried::Subscribed(Some((Symbol::new(symbol).expect("a symbol"), true)))
}

pub fn text_of(wish: Wish) -> String {
    match wish {
        Wish::Send(payload) => String::from_utf8_lossy(&payload).into_owned(),
        other => panic!("{other:?} is no message"),
    }
}

impl<D: Dialect> Talk<D> {
    pub fn of(dialect: D) -> Self {
        Talk { dialect, frames: 0 }
    }

    /// The client says something, and what it asks for ends so. Returns what is sent, and what was asked for.
    pub fn say(&mut self, text: &str, results: &[Carried]) -> (Vec<String>, Vec<Wish>) {
        let mut wishes = Wishes::default();
        self.dialect.text(text, at(0), &mut wishes);
        let (mut sent, asked): (Vec<Wish>, Vec<Wish>) = wishes.0.into_iter().partition(|wish| !wish.asks());
        assert_eq!(asked.len(), results.len(), "{text} asks for as much");
        if !asked.is_empty() {
            let mut answers = Wishes::default();
            self.dialect.carried_out(results, at(49), &mut answers);
            sent.extend(answers.0);
        }
        self.frames += sent.len() as u64;
        (sent.into_iter().map(text_of).collect(), asked)
    }

    pub fn sweep(&mut self, micros: i64) -> Vec<String> {
        let mut wishes = Wishes::default();
        self.dialect.sweep(at(micros), self.frames, &mut wishes);
        self.frames += wishes.0.len() as u64;
        wishes.0.into_iter().map(text_of).collect()
    }
}
