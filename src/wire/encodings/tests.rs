//! Sessions with several encodings on one shard: each gets the same messages in its own encoding, and frames are shared
//! within an encoding and never across.

mod sent;
pub mod tabbed;
mod written;

use std::{collections::HashSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tabbed::Tabbed;

use super::{
    Encoding,
    binary::tests::{Decoder, with_numbers},
    json_deflated::{FULL, JsonDeflated, SMALL},
};
use crate::{
    fanout::{Fanout, Mode, SessionKey, Spec, SubscribeRequest, View},
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Symbol, Tick, WantedFields},
    topic::{Batch, BatchQueue, Detail, FeedId, Ingest, Interest, Market, Outlet},
    wire::{FrameSize, Framer},
};

const TABBED: Encoding = Encoding::of::<Tabbed>();
const DEFLATED: Encoding = Encoding::of::<JsonDeflated<FULL>>();
const DEFLATED_SMALL: Encoding = Encoding::of::<JsonDeflated<SMALL>>();
const GZIP: Encoding = Encoding::EVENT_STREAM_GZIP;
const ENCODINGS: [Encoding; 7] =
    [Encoding::JSON, Encoding::EVENT_STREAM, DEFLATED, DEFLATED_SMALL, Encoding::BINARY, GZIP, TABBED];
const SYMBOLS: [&str; 3] = ["A", "B", "C"];

/// A message without the parts that only one encoding has.
#[derive(Clone, PartialEq, Debug)]
struct Message {
    kind: String,
    symbol: String,
    numbers: Vec<u64>,
    rest: Value,
}

/// A shard and its market.
struct Shard {
    ingest: Ingest,
    batch_queue: Arc<BatchQueue<Batch>>,
    fanout: Fanout,
    framer: Framer,
    sessions: Vec<(SessionKey, Encoding)>,
    /// What each session was told, for the encodings that need it.
    decoders: Vec<Decoder>,
    now: Nanos,
}

impl Shard {
    fn new(encodings: &[Encoding]) -> Shard {
        let market = Market::new(vec!["feed".into()], SYMBOLS.len(), 16);
        let batch_queue = Arc::new(BatchQueue::new(1_000));
        let interest = Arc::new(Interest::default());
        interest.publish(Detail::TicksAndTrades);
        let outlet = Outlet { queue: Arc::clone(&batch_queue), wake: Box::new(|| ()), interest };
        let now = Nanos(1_000_000_000);
        let mut fanout = Fanout::new(now, Duration::from_secs(60), SYMBOLS.len());
        let sessions = encodings.iter().map(|&encoding| (fanout.open(), encoding)).collect();
        let ingest = Ingest::new(market, vec![outlet]);
        let decoders = encodings.iter().map(|_| Decoder::new(now, &CustomFields::none())).collect();
        let mut framer = Framer::new(16 * 1024).with_origin(now);
        // Whatever gets shorter is compressed.
        framer.deflater.set_bytes_min(1);
        Shard { ingest, batch_queue, fanout, framer, sessions, decoders, now }
    }

    fn subscribe(&mut self, session: usize, symbol: usize, spec: &Spec) {
        let symbol = Symbol::new(SYMBOLS[symbol]).unwrap();
        let subscribed = self.fanout.subscribe(
            self.sessions[session].0,
            &SubscribeRequest::new(&symbol, spec),
            self.now,
            &self.ingest,
        );
        assert!(subscribed.is_ok());
    }

    fn tick(&mut self, ticks: &[(usize, Field, u32)]) {
        self.now = self.now.plus(Duration::from_millis(1));
        let tick = |&(symbol, field, value): &(usize, Field, u32)| {
            let mut fields = Fields::default();
            fields.set_decimal(field, Decimal::parse(&value.to_string()).unwrap());
            Tick { symbol: Symbol::new(SYMBOLS[symbol]).unwrap(), ts: None, fields }
        };
        self.submit(ticks.iter().map(tick).collect());
    }

    fn submit(&mut self, mut ticks: Vec<Tick>) {
        self.ingest.submit(FeedId(0), &mut ticks, self.now, &mut Vec::new());
        let mut batches = Vec::new();
        assert!(!self.batch_queue.take(&mut batches).missed);
        for batch in batches {
            self.fanout.apply(&batch, self.now, &self.ingest);
        }
    }

    /// The session's next frame and its location; `None` when the session is caught up.
    fn fill(&mut self, session: usize) -> Option<(Vec<u8>, *const u8)> {
        let (key, encoding) = self.sessions[session];
        let (size, ingest) = (FrameSize::Full, &self.ingest);
        let tally = encoding.fill(&mut self.framer, size, &mut self.fanout, key, self.now, ingest);
        self.fanout.accepted(&tally);
        let frame = self.framer.ready()?;
        Some((frame.bytes.to_vec(), frame.bytes.as_ptr()))
    }

    /// The messages that the session is sent until it is caught up.
    fn read(&mut self, session: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some((frame, _)) = self.fill(session) {
            messages.extend(self.decode(session, &frame));
        }
        messages
    }

    fn decode(&mut self, session: usize, frame: &[u8]) -> Vec<Message> {
        let (_, encoding) = self.sessions[session];
        if encoding != Encoding::BINARY {
            return decode(frame, encoding);
        }
        let messages = self.decoders[session].frame(payload_bytes(frame)).unwrap();
        messages.into_iter().map(with_numbers).map(decode_json).collect()
    }
}

/// The payload of a WebSocket frame with this first byte.
fn payload(frame: &[u8], first: u8) -> &str {
    assert_eq!(frame[0], first);
    std::str::from_utf8(payload_bytes(frame)).unwrap()
}

fn payload_bytes(frame: &[u8]) -> &[u8] {
    let head_bytes = if frame[1] == 126 { 4 } else { 2 };
    &frame[head_bytes..]
}

/// The text of a frame that may be compressed.
fn inflated(frame: &[u8]) -> String {
    if frame[0] == TEXT {
        return payload(frame, TEXT).to_owned();
    }
    assert_eq!(frame[0], TEXT | 0x40);
    joined(&[payload_bytes(frame), &[0, 0, 0xFF, 0xFF]].concat())
}

/// The text of blocks of deflate.
fn joined(blocks: &[u8]) -> String {
    let deflated = [blocks, &[3, 0]].concat();
    String::from_utf8(miniz_oxide::inflate::decompress_to_vec(&deflated).unwrap()).unwrap()
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

fn decode(frame: &[u8], encoding: Encoding) -> Vec<Message> {
    if encoding == TABBED {
        let lines = payload(frame, BINARY).strip_prefix("tabbed\n").and_then(|rest| rest.strip_suffix(".\n"));
        return lines.unwrap().lines().map(decode_tabbed).collect();
    }
    let plain;
    let text = if encoding == Encoding::JSON {
        payload(frame, TEXT)
    } else if encoding.is_deflated() {
        plain = inflated(frame);
        &plain
    } else {
        plain = if encoding.is_gzip() { joined(frame) } else { String::from_utf8(frame.to_vec()).unwrap() };
        let event = plain.strip_prefix("data: ");
        event.and_then(|rest| rest.strip_suffix("\n\n")).unwrap()
    };
    serde_json::from_str::<Vec<Map<String, Value>>>(text).unwrap().into_iter().map(decode_json).collect()
}

fn decode_json(mut message: Map<String, Value>) -> Message {
    let mut text = |name: &str| message.remove(name).unwrap().as_str().unwrap().to_owned();
    let (kind, symbol) = (text("type"), text("symbol"));
    if kind == "gap" {
        let numbers = ["from", "to"].map(|name| message[name].as_u64().unwrap()).to_vec();
        return Message { kind, symbol, numbers, rest: message["reason"].clone() };
    }
    message.remove("ts");
    let n = message.remove("n").map_or(1, |n| n.as_u64().unwrap());
    let [seq, rx] = ["seq", "rx"].map(|name| message.remove(name).unwrap().as_u64().unwrap());
    Message { kind, symbol, numbers: vec![n, seq, rx], rest: Value::Object(message) }
}

fn decode_tabbed(line: &str) -> Message {
    let columns: Vec<&str> = line.split('\t').collect();
    let number = |index: usize| columns[index].parse().unwrap();
    let (kind, symbol) = (columns[0].to_owned(), columns.clone());
    if kind == "gap" {
        let rest = Value::String(columns[4].to_owned());
        return Message { kind, symbol: symbol[3].to_owned(), numbers: vec![number(1), number(2)], rest };
    }
    let rest = serde_json::from_str(&format!("{{{}}}", columns[5].trim_start_matches(','))).unwrap();
    Message { kind, symbol: symbol[2].to_owned(), numbers: vec![number(1), number(3), number(4)], rest }
}

fn specs() -> impl Strategy<Value = Spec> {
    let modes = prop::sample::select(vec![Mode::Latest, Mode::Latest, Mode::Every, Mode::Trades, Mode::Once]);
    let wanted = prop::sample::select(vec![
        WantedFields::ALL,
        WantedFields::ALL,
        Field::Bid.bit().with(Field::Ask).into(),
    ]);
    (modes, wanted, any::<bool>()).prop_map(|(mode, wanted, snapshot)| Spec {
        mode,
        view: View { wanted, ..View::WHOLE },
        snapshot,
        ..Spec::default()
    })
}

proptest! {
    /// Slow and fast sessions, all kinds of messages, with gaps: the encoding of a session does not change which
    /// messages it or another session gets.
    #[test]
    fn sessions_are_sent_the_same_messages_whatever_the_encodings_on_their_shard(
        encodings in prop::collection::vec(prop::sample::select(ENCODINGS.to_vec()), 2..8),
        spec in prop::collection::vec(specs(), 3),
        other in prop::collection::vec(specs(), 3),
        steps in prop::collection::vec(
            (
                prop::collection::vec((0..3_usize, prop::sample::select(vec![Field::Bid, Field::Ask, Field::Last]), 1..99_u32), 0..12),
                any::<u8>(),
            ),
            1..12,
        ),
    ) {
        let mut mixed = Shard::new(&encodings);
        let mut alike = Shard::new(&vec![Encoding::JSON; encodings.len()]);
        for shard in [&mut mixed, &mut alike] {
            shard.tick(&[(0, Field::Bid, 5)]);
            for session in 0..encodings.len() {
                let specs = if session % 3 == 2 { &other } else { &spec };
                for (symbol, spec) in specs.iter().enumerate() {
                    shard.subscribe(session, symbol, spec);
                }
            }
        }
        for (ticks, who) in &steps {
            mixed.tick(ticks);
            alike.tick(ticks);
            for session in (0..encodings.len()).filter(|session| who & 1 << session != 0) {
                prop_assert_eq!(mixed.read(session), alike.read(session));
            }
        }
        for session in 0..encodings.len() {
            prop_assert_eq!(mixed.read(session), alike.read(session));
        }
        prop_assert_eq!(mixed.fanout.accounts(), alike.fanout.accounts());
    }
}

/// A snapshot replaces the client's record and omits withdrawn fields. An update has `null` for them, whether it has a
/// whole record or one tick.
#[test]
fn withdrawn_fields_are_null_in_updates_and_not_in_snapshots() {
    let mut shard = Shard::new(&ENCODINGS);
    let withdraw = |shard: &mut Shard, field: Field| {
        let mut fields = Fields::default();
        fields.withdraw(field);
        shard.submit(vec![Tick { symbol: Symbol::new(SYMBOLS[0]).unwrap(), ts: None, fields }]);
    };
    shard.tick(&[(0, Field::Bid, 1), (0, Field::Ask, 2)]);
    withdraw(&mut shard, Field::Ask);
    let check = |shard: &mut Shard, expected: &Value| {
        for session in 0..ENCODINGS.len() {
            let messages = shard.read(session);
            assert_eq!(
                messages.iter().map(|message| &message.rest).collect::<Vec<_>>(),
                [expected],
                "{session}"
            );
        }
    };
    for session in 0..ENCODINGS.len() {
        shard.subscribe(session, 0, &Spec::default());
    }
    check(&mut shard, &json!({"bid": 1}));
    shard.tick(&[(0, Field::Last, 3)]);
    check(&mut shard, &json!({"last": 3}));
    withdraw(&mut shard, Field::Last);
    check(&mut shard, &json!({"last": null}));
    shard.tick(&[(0, Field::Bid, 4), (0, Field::Bid, 5)]);
    // Withdrawn before the last message: it is not said again.
    check(&mut shard, &json!({"bid": 5}));
    withdraw(&mut shard, Field::Bid);
    shard.tick(&[(0, Field::AskSize, 6)]);
    check(&mut shard, &json!({"bid": null, "ask_size": 6}));
    shard.tick(&[(0, Field::Bid, 5)]);
    check(&mut shard, &json!({"bid": 5}));
    for (session, encoding) in ENCODINGS.into_iter().enumerate() {
        shard.sessions[session] = (shard.fanout.open(), encoding);
        shard.decoders[session] = Decoder::new(shard.now, &CustomFields::none());
        shard.subscribe(session, 0, &Spec::default());
    }
    check(&mut shard, &json!({"bid": 5, "ask_size": 6}));
    // A value ends the withdrawal.
    shard.tick(&[(0, Field::Ask, 7), (0, Field::Ask, 8)]);
    check(&mut shard, &json!({"ask": 8}));
}

/// In each round, whatever the order in which sessions are filled.
#[test]
fn sessions_with_one_encoding_share_a_frame_and_those_with_another_have_their_own() {
    let encodings: Vec<Encoding> = (0..12).map(|session| ENCODINGS[session % ENCODINGS.len()]).collect();
    let mut shard = Shard::new(&encodings);
    for session in 0..encodings.len() {
        for symbol in 0..SYMBOLS.len() {
            shard.subscribe(session, symbol, &Spec::default());
        }
    }
    // The first frames have snapshots, which are not shared.
    shard.tick(&[(0, Field::Bid, 1), (1, Field::Bid, 1), (2, Field::Bid, 1)]);
    for session in 0..encodings.len() {
        let (bytes, _) = shard.fill(session).expect("a snapshot");
        shard.decode(session, &bytes);
    }
    for round in 2..40 {
        shard.tick(&[(0, Field::Bid, round), (1, Field::Ask, round), (0, Field::Ask, round)]);
        let mut frames = Vec::new();
        for step in 0..encodings.len() {
            let session = (step * 5 + round as usize) % encodings.len();
            let (bytes, at) = shard.fill(session).expect("the session is behind");
            assert_eq!(shard.decode(session, &bytes).len(), 2);
            assert_eq!(shard.fill(session), None);
            frames.push((encodings[session].row, at));
        }
        let distinct: HashSet<_> = frames.iter().collect();
        assert_eq!(
            distinct.len(),
            ENCODINGS.len(),
            "each encoding has one frame in round {round}: {frames:?}"
        );
        let places: HashSet<_> = frames.iter().map(|(_, at)| at).collect();
        assert_eq!(places.len(), ENCODINGS.len(), "no frame is shared across encodings: {frames:?}");
    }
}
