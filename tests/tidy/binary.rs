//! The chapter of docs/PROTOCOL.md on binary frames, against the code: its example is what the server writes, byte for
//! byte, and its table of fields is the one that `subscribed` tells.

use std::collections::HashMap;

use serde_json::Value;
use tickcast::{
    access::ProductId,
    fanout::{Emit, LocalId, TopicRef, View},
    feed::recording::{self, Block, RecordReader, RecordedTick, RecordingInput, Selection},
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Numbers, Side, Symbol, Volume, WantedFields},
    topic::{Record, Reference, TopicId},
    wire::{
        Encoding, FrameSize, FrameWriter, Framer,
        encodings::{binary::Binary, encoder::Encoder, json::Json},
    },
};

use super::{marked, read, rows};

const ORIGIN: Nanos = Nanos(1_795_416_000_000_000_000);

fn page() -> String {
    read("docs/PROTOCOL.md")
}

/// AAPL after a tick so many microseconds after the origin, which the venue sent 359 µs before.
fn after(record: &Record, seq: u64, rx_us: i64, decimals: &[(Field, &str)]) -> Record {
    let mut record = record.clone();
    let mut fields = Fields::default();
    for (field, value) in decimals {
        fields.set_decimal(*field, Decimal::parse(value).unwrap());
    }
    (record.seq, record.order) = (seq, seq);
    record.rx = Nanos(ORIGIN.0 + rx_us * 1_000);
    record.ts = Nanos(record.rx.0 - 359_000);
    record.note(fields.named());
    record.fields.merge(&fields);
    record
}

/// The payloads of the two frames of the example.
fn frames<E: Encoder>() -> [Vec<u8>; 2] {
    let quote =
        [(Field::Bid, "187.41"), (Field::BidSize, "200"), (Field::Ask, "187.42"), (Field::AskSize, "300")];
    let mut first = after(&Record::default(), 1_000, 101_413_382, &quote);
    first.reference = Reference::of(&first.fields);
    let second = after(&first, 1_001, 101_413_532, &[(Field::Bid, "187.42"), (Field::BidSize, "100")]);
    let mut trade = after(&second, 1_004, 101_413_540, &[(Field::Last, "187.42"), (Field::LastSize, "50")]);
    trade.ts = Nanos(trade.rx.0 - 360_000);
    trade.fields.set_side(Side::Buy);
    trade.fields.set_volume(Volume::parse("350").unwrap());
    trade.note(Field::Side.bit().with(Field::Volume).with(Field::Last).with(Field::LastSize));
    let symbol = Symbol::new("AAPL").unwrap();
    let topic = |record, is_first| TopicRef {
        local: LocalId(0),
        number: TopicId(130),
        symbol: &symbol,
        product: ProductId::REST,
        record,
        is_first,
        delay_ms: None,
    };
    let text = View { numbers: Numbers::Text, ..View::WHOLE };
    let mut framer = Framer::new(16 * 1024).with_origin(ORIGIN);
    let mut frame = |emit: &dyn Fn(&mut FrameWriter<'_, E>)| {
        let mut writer = framer.begin::<E>(FrameSize::Full);
        emit(&mut writer);
        writer.finish().expect("there is a message").bytes[2..].to_vec()
    };
    [
        frame(&|out| out.snapshot(&topic(&first, true), &text)),
        frame(&|out| {
            out.last_tick(&topic(&second, false), &text);
            out.merged(&topic(&trade, false), 3, WantedFields::NONE, &text);
        }),
    ]
}

/// The first column of a table of the example, as bytes.
fn bytes_of(page: &str, table: &str) -> Vec<u8> {
    let parse = |byte: &str| u8::from_str_radix(byte, 16).unwrap();
    let rows = rows(marked(page, table));
    rows.iter().flat_map(|row| row[0].trim_matches('`').split(' ').map(parse).collect::<Vec<_>>()).collect()
}

#[test]
fn the_example_is_what_the_server_writes() {
    let page = page();
    for (frame, name) in frames::<Binary>().iter().zip(["binary snapshot", "binary updates"]) {
        assert_eq!(format!("{:02x?}", bytes_of(&page, name)), format!("{frame:02x?}"), "{name}");
    }
}

#[test]
fn the_example_means_what_json_says() {
    let page = page();
    let (_, chapter) = page.split_once("\n## Binary\n").expect("the chapter");
    for frame in frames::<Json>() {
        // The header of a longer frame has two bytes more.
        let begin = frame.iter().position(|byte| *byte == b'[').unwrap();
        let messages: Vec<Value> = serde_json::from_slice(&frame[begin..]).unwrap();
        for message in messages {
            let shown = chapter.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            assert!(shown.into_iter().any(|shown| shown == message), "not shown: {message}");
        }
    }
}

#[test]
fn the_fields_are_those_that_subscribed_tells() {
    let page = page();
    let custom = CustomFields::none();
    let told = Encoding::BINARY.field_table(&custom);
    let row = |id: u32, name: &str, kind: &str| [id.to_string(), format!("`{name}`"), format!("`{kind}`")];
    let told: Vec<_> = told.iter().map(|field| row(field.id, field.name, field.kind)).collect();
    let shown: Vec<_> = rows(marked(&page, "binary fields"))
        .into_iter()
        .map(|row| [row[0].to_owned(), row[1].to_owned(), row[2].to_owned()])
        .collect();
    assert_eq!(shown, told);
}

/// Quotes and trades of three symbols, as a venue sent them, each tick sent.
#[test]
fn an_update_has_about_a_tenth_of_the_bytes_of_json() {
    assert!(page().contains("about a tenth of JSON's bytes"));
    let selection = Selection::default();
    let mut reader = recording::open(&[RecordingInput::Bundled], &selection, 64 * 1024).unwrap();
    let mut block = Block::default();
    while block.records.len() < 3_960 && reader.next_block(&mut block).unwrap() {}
    // So many make whole frames of each size.
    let ticks = &block.records[..3_960];
    for (a_frame, bytes_max) in [(1, 20.0), (2, 18.0), (3, 17.0), (20, 16.0)] {
        let binary = send_recorded::<Binary>(ticks, a_frame) as f64 / ticks.len() as f64;
        let json = send_recorded::<Json>(ticks, a_frame) as f64 / ticks.len() as f64;
        println!("{a_frame:>2} a frame: {binary:.1} bytes an update, JSON {json:.1}");
        assert!(binary <= bytes_max && binary <= 0.125 * json, "{binary:.1} bytes an update, JSON {json:.1}");
    }
}

/// Bytes of frames with so many updates each, their WebSocket headers among them.
fn send_recorded<E: Encoder>(ticks: &[RecordedTick], a_frame: usize) -> usize {
    let mut framer = Framer::new(16 * 1024).with_origin(ticks[0].rx);
    let mut records: HashMap<Symbol, (LocalId, Record)> = HashMap::new();
    let mut bytes = 0;
    for ticks in ticks.chunks_exact(a_frame) {
        let mut writer = framer.begin::<E>(FrameSize::Full);
        for RecordedTick { tick, rx, .. } in ticks {
            let next = LocalId(records.len() as u32);
            let (local, record) =
                records.entry(tick.symbol.clone()).or_insert_with(|| (next, Record::default()));
            let is_first = record.seq == 0;
            record.take(&tick.fields).unwrap();
            (record.rx, record.ts) = (*rx, tick.ts.unwrap_or(*rx));
            let (local, number) = (*local, TopicId(local.0));
            let topic = TopicRef {
                local,
                number,
                symbol: &tick.symbol,
                product: ProductId::REST,
                record,
                is_first,
                delay_ms: None,
            };
            writer.last_tick(&topic, &View::WHOLE);
        }
        bytes += writer.finish().unwrap().bytes.len();
    }
    bytes
}
