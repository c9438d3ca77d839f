//! [`Json`]: JSON over WebSocket, `tickcast.v1.json`, the default. A frame is a text frame with an array of messages.
//!
//! Each message is followed by a comma; the end of the frame replaces the last one.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::encoder::{Addressed, Constant, Encoder, MessageKind, Messages, RecordPart, Shown};
use crate::{
    fanout::{Form, GapReason, Name},
    tick::{Nanos, Numbers, Symbol, TradeReport, WantedFields},
    topic::{Record, Stamped},
    wire::{
        CloseReason,
        assembled::write_int,
        compression::Deflater,
        frames::{FrameTimes, RunParts},
        websocket,
    },
};

/// JSON over WebSocket, the default.
pub struct Json;

impl Encoder for Json {
    const ID: u8 = 0;
    type Messages = Self;
    const HAS_PINGS: bool = true;

    fn frame(bytes: &mut Vec<u8>, _: &mut Deflater) -> usize {
        websocket::frame(OpCode::Data(Data::Text), bytes)
    }

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, _: &mut Deflater) {
        websocket::write_frame(OpCode::Data(Data::Text), payload, out);
    }

    fn ping(out: &mut Vec<u8>) {
        websocket::write_ping(out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        websocket::write_close(reason, out);
    }
}

impl Messages for Json {
    #[inline]
    fn begin(out: &mut Vec<u8>) {
        out.push(b'[');
    }

    fn sent(at: Nanos, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"sent","ts":"#);
        out.extend_from_slice(itoa::Buffer::new().format(at.micros()).as_bytes());
        out.extend_from_slice(b"},");
    }

    #[inline]
    fn end(out: &mut Vec<u8>) {
        if let Some(comma) = out.last_mut() {
            *comma = b']';
        }
    }

    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        write_head(topic.symbol, shown, out);
        if let Some(delay_ms) = topic.delay_ms {
            write_delay(delay_ms, out);
        }
        write_report(part.report, part.numbers, out);
        shown.fields.write_json_as(part.numbers, part.fields, out);
        if kind == MessageKind::Update {
            shown.fields.write_json_nulls(part.fields, out);
        }
    }

    #[inline]
    fn message(
        kind: MessageKind,
        _: &Addressed<'_>,
        _: &Shown<'_>,
        n: u64,
        part: &[u8],
        _: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(beginning(kind));
        out.extend_from_slice(part);
        write_end(n, out);
    }

    fn whole(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &RecordPart<'_>,
        _: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        write_whole(kind, &head.constant(), shown, n, part, out);
    }

    /// The whole update, so that it is one copy.
    fn tick_part(topic: &Constant<'_>, shown: &Shown<'_>, part: &RecordPart<'_>, out: &mut Vec<u8>) {
        write_whole(MessageKind::Update, topic, shown, 1, part, out);
    }

    #[inline]
    fn tick(_: &Addressed<'_>, _: &Shown<'_>, part: &[u8], _: &mut FrameTimes, out: &mut Vec<u8>) {
        out.extend_from_slice(part);
    }

    #[inline]
    fn run(_: &Addressed<'_>, _: &[Stamped], parts: RunParts<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        out.extend_from_slice(parts.joined());
    }

    fn gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"gap","symbol":""#);
        out.extend_from_slice(head.topic.symbol.as_str().as_bytes());
        out.extend_from_slice(br#"","from":"#);
        write_int(from, out);
        out.extend_from_slice(br#","to":"#);
        write_int(to, out);
        out.extend_from_slice(br#","reason":""#);
        out.extend_from_slice(reason.label().as_bytes());
        out.extend_from_slice(b"\"},");
    }

    fn name(begin: usize, name: &Name, out: &mut Vec<u8>) {
        const BEFORE: &[u8] = br#","as":""#;
        // Insert after the type, whose value has no comma.
        let after_type = memchr::memchr(b',', &out[begin..]).map_or(out.len(), |at| begin + at);
        let name = name.as_str().as_bytes();
        out.splice(after_type..after_type, BEFORE.iter().chain(name).chain(b"\"").copied());
    }
}

/// Appends a `snapshot` message without a frame, for HTTP.
pub fn write_snapshot(
    symbol: &Symbol,
    record: &Record,
    fields: WantedFields,
    numbers: Numbers,
    delay_ms: Option<u32>,
    out: &mut Vec<u8>,
) {
    let part = RecordPart { fields, report: None, numbers, form: Form::NATIVE };
    let topic = Constant { symbol, reference: crate::topic::Reference::ZERO, delay_ms };
    out.extend_from_slice(beginning(MessageKind::Snapshot));
    Json::part(MessageKind::Snapshot, &topic, &record.into(), &part, out);
    out.push(b'}');
}

fn write_whole(
    kind: MessageKind,
    topic: &Constant<'_>,
    shown: &Shown<'_>,
    n: u64,
    part: &RecordPart<'_>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(beginning(kind));
    Json::part(kind, topic, shown, part, out);
    write_end(n, out);
}

const fn beginning(kind: MessageKind) -> &'static [u8] {
    match kind {
        MessageKind::Snapshot => br#"{"type":"snapshot","#,
        MessageKind::Update => br#"{"type":"update","#,
    }
}

fn write_report(report: Option<&TradeReport>, numbers: Numbers, out: &mut Vec<u8>) {
    match (report, numbers) {
        (None, _) => {}
        (Some(report), Numbers::Number) => report.write_json::<false>(out),
        (Some(report), Numbers::Text) => report.write_json::<true>(out),
    }
}

fn write_head(symbol: &Symbol, shown: &Shown<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#""symbol":""#);
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.extend_from_slice(br#"","seq":"#);
    write_int(shown.seq, out);
    out.extend_from_slice(br#","ts":"#);
    out.extend_from_slice(itoa::Buffer::new().format(shown.ts.micros()).as_bytes());
    out.extend_from_slice(br#","rx":"#);
    out.extend_from_slice(itoa::Buffer::new().format(shown.rx.micros()).as_bytes());
}

/// Appends the delay.
#[cold]
fn write_delay(delay_ms: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","delay_ms":"#);
    write_int(u64::from(delay_ms), out);
}

#[inline]
fn write_end(n: u64, out: &mut Vec<u8>) {
    if n > 1 {
        out.extend_from_slice(br#","n":"#);
        write_int(n, out);
    }
    out.extend_from_slice(b"},");
}
