//! What tests of dialects share: bodies of messages, whole messages, and conversations.

use super::{
    dialect::{Carried, Dialect, Moment, Wish, Wishes},
    spelling,
    stream::DialectStream,
};
use crate::{
    fanout::{Emit, LocalId, TopicRef, View},
    tick::{Decimal, Field, Fields, Nanos, Side, Symbol, TradeId, WantedFields},
    topic::{Record, Reference, Stamped, TopicId},
    wire::{
        FrameSize, FrameWriter, Framer,
        encodings::{
            encoder::{Constant, Encoder, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
    },
};

/// What a subscription is sent of a topic: a tick, or else the record as it stands.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    pub stream: &'static DialectStream,
    pub symbol: &'a Symbol,
    /// By which the client has asked for it.
    pub spelled: Option<&'a str>,
    pub record: &'a Record,
    pub tick: Option<&'a Stamped>,
}

/// The messages of one frame. `sequence` is the session's own number of them.
///
/// # Panics
/// When there is something beside whole WebSocket frames of data.
pub fn messages<E: Encoder>(sent: &[Sent<'_>], sequence: &mut u64) -> Vec<Vec<u8>> {
    framed::<E>(sequence, |writer| {
        for Sent { stream, symbol, spelled, record, tick } in sent {
            let (topic, view) = (topic_of(symbol, record), view_of(stream, *spelled));
            match tick {
                Some(tick) => writer.tick(&topic, tick, 1, &view),
                None => writer.merged(&topic, 1, WantedFields::NONE, &view),
            }
        }
    })
}

/// The message that a subscription begins with, of these trades before it.
///
/// # Panics
/// When there is none, or more than one.
pub fn past_trades<E: Encoder>(
    stream: &'static DialectStream,
    spelled: &str,
    trades: &[Stamped],
    sequence: &mut u64,
) -> String {
    let (symbol, record) = (Symbol::new(&spelling::joined(spelled)).expect("a symbol"), Record::default());
    let messages = framed::<E>(sequence, |writer| {
        writer.past_trades(&topic_of(&symbol, &record), trades, &view_of(stream, Some(spelled)));
    });
    let [message] = &messages[..] else { panic!("one message, not {messages:?}") };
    String::from_utf8(message.clone()).expect("text")
}

fn view_of(stream: &DialectStream, spelled: Option<&str>) -> View {
    let view = stream.spec().view;
    let name = spelled.map(|spelled| spelling::named(stream, spelled).expect("a spelling"));
    View { name: name.or(view.name.clone()), ..view }
}

fn topic_of<'a>(symbol: &'a Symbol, record: &'a Record) -> TopicRef<'a> {
    // A topic's own: what is cached of a topic is found by it.
    let local = LocalId(u32::from(symbol.as_str().as_bytes()[0]));
    TopicRef {
        local,
        number: TopicId(0),
        symbol,
        product: crate::access::ProductId::REST,
        record,
        is_first: false,
        delay_ms: None,
    }
}

fn framed<E: Encoder>(sequence: &mut u64, write: impl FnOnce(&mut FrameWriter<'_, E>)) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(16 * 1024);
    framer.set_message(*sequence, None);
    let mut writer = framer.begin::<E>(FrameSize::Full);
    write(&mut writer);
    let mut messages = Vec::new();
    if let Some(ready) = writer.finish() {
        let mut rest = ready.bytes;
        while let [0x81 | 0x82, short, long @ ..] = rest {
            let (length, body) = match *short {
                126 => (usize::from(u16::from_be_bytes([long[0], long[1]])), &long[2..]),
                short => (usize::from(short), long),
            };
            messages.push(body[..length].to_vec());
            rest = &body[length..];
        }
        assert!(rest.is_empty(), "whole frames of data and nothing else: {rest:?}");
    }
    *sequence = framer.message().0;
    messages
}

/// A tick of a trade, with its venue's number.
pub fn trade(seq: u64, ts: Nanos, price: &str, size: &str, side: Side, number: u64) -> Stamped {
    let mut fields = fields(&[(Field::Last, price), (Field::LastSize, size)]);
    fields.set_side(side);
    fields.set_trade_id(TradeId::of_number(number));
    Stamped { topic: TopicId(0), seq, order: seq, ts, rx: ts, fields }
}

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
    body_of::<V>(kind, stream, &Shown { seq, ts, rx: ts, fields }, spelled)
}

/// As [`body`], of a record whose times differ.
pub fn body_of<V: VenueMessages>(
    kind: MessageKind,
    stream: &DialectStream,
    shown: &Shown<'_>,
    spelled: &str,
) -> String {
    let symbol = Symbol::new(&spelling::joined(spelled)).expect("a symbol");
    let topic = Constant { symbol: &symbol, reference: Reference::ZERO, delay_ms: None };
    let view = stream.spec().view;
    let part = RecordPart { fields: view.wanted, report: None, numbers: view.numbers, form: view.form };
    let (mut shared, mut out) = (Vec::new(), Vec::new());
    V::body(kind, &topic, shown, &part, &mut shared);
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
