//! A small encoding for tests: a text frame has a line for each message, of fields between tabs. It differs from JSON
//! in every byte that an encoding decides: payloads, how they begin and end, control messages, the close.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::wire::encodings::encoder::{
    Addressed, Constant, Encoder, MessageKind, Messages, RecordPart, Shown,
};
use crate::{
    fanout::{GapReason, Name},
    tick::Nanos,
    topic::Stamped,
    wire::{
        CloseReason, Control, Deflater,
        assembled::Welcome,
        frames::{FrameTimes, RunParts},
        websocket,
    },
};

pub struct Tabbed;

impl Encoder for Tabbed {
    const ID: u8 = 16;
    type Messages = Self;

    fn frame(bytes: &mut Vec<u8>, _: &mut Deflater) -> usize {
        websocket::frame(OpCode::Data(Data::Binary), bytes)
    }

    fn control(message: &Control<'_>, payload: &mut Vec<u8>) {
        if let Control::Drain { retry_ms } = message {
            payload.extend_from_slice(format!("drain\t{retry_ms}").as_bytes());
        }
    }

    fn welcome(_: &Welcome, session: u64, payload: &mut Vec<u8>) {
        payload.extend_from_slice(format!("welcome\t{session}").as_bytes());
    }

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, _: &mut Deflater) {
        websocket::write_frame(OpCode::Data(Data::Binary), payload, out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        websocket::write_frame(
            OpCode::Data(Data::Binary),
            format!("close\t{}", reason.label()).as_bytes(),
            out,
        );
        websocket::write_close(reason, out);
    }
}

impl Messages for Tabbed {
    fn begin(out: &mut Vec<u8>) {
        out.extend_from_slice(b"tabbed\n");
    }

    fn sent(at: Nanos, out: &mut Vec<u8>) {
        write(&[&"sent", &at.micros()], out);
        out.push(b'\n');
    }

    fn end(out: &mut Vec<u8>) {
        out.extend_from_slice(b".\n");
    }

    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        write(&[&topic.symbol.as_str(), &shown.seq, &shown.rx.micros()], out);
        shown.fields.write_json_as(part.numbers, part.fields, out);
        if kind == MessageKind::Update {
            shown.fields.write_json_nulls(part.fields, out);
        }
    }

    fn message(
        kind: MessageKind,
        _: &Addressed<'_>,
        _: &Shown<'_>,
        n: u64,
        part: &[u8],
        _: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        write(&[&letter(kind), &n], out);
        out.extend_from_slice(part);
        out.push(b'\n');
    }

    fn whole(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &RecordPart<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        let mut bytes = Vec::new();
        Self::part(kind, &head.constant(), shown, part, &mut bytes);
        Self::message(kind, head, shown, n, &bytes, times, out);
    }

    fn tick_part(topic: &Constant<'_>, shown: &Shown<'_>, part: &RecordPart<'_>, out: &mut Vec<u8>) {
        write(&[&letter(MessageKind::Update), &1], out);
        Self::part(MessageKind::Update, topic, shown, part, out);
        out.push(b'\n');
    }

    fn tick(_: &Addressed<'_>, _: &Shown<'_>, part: &[u8], _: &mut FrameTimes, out: &mut Vec<u8>) {
        out.extend_from_slice(part);
    }

    fn run(_: &Addressed<'_>, _: &[Stamped], parts: RunParts<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }

    fn gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>) {
        write(&[&"gap", &from, &to, &head.topic.symbol.as_str(), &reason.label()], out);
        out.push(b'\n');
    }

    fn name(begin: usize, name: &Name, out: &mut Vec<u8>) {
        let text = format!("{name}=");
        out.splice(begin..begin, text.bytes());
    }
}

fn letter(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Snapshot => "snapshot",
        MessageKind::Update => "update",
    }
}

fn write(columns: &[&dyn std::fmt::Display], out: &mut Vec<u8>) {
    for column in columns {
        out.extend_from_slice(format!("{column}\t").as_bytes());
    }
}
