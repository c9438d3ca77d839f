//! A small encoding for tests: a text frame has a line for each message, of fields between tabs. It differs from JSON in
//! every byte that an encoding decides: payloads, how they begin and end, control messages, the close.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::wire::encodings::encoder::{Encoder, MessageKind, Messages, RecordPart};
use crate::{
    fanout::{GapReason, Name},
    tick::{Numbers, Symbol, WantedFields},
    topic::{Record, Stamped},
    wire::{CloseReason, Control, Deflater, assembled::Welcome, websocket},
};

pub struct Tabbed;

impl Encoder for Tabbed {
    const ID: u8 = 4;
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

    fn end(out: &mut Vec<u8>) {
        out.extend_from_slice(b".\n");
    }

    fn record(symbol: &Symbol, record: &Record, part: &RecordPart<'_>, out: &mut Vec<u8>) {
        write(&[&symbol.as_str(), &record.seq, &record.rx.micros()], out);
        record.fields.write_json_as(part.numbers, part.fields, out);
    }

    fn withdrawn(record: &Record, fields: WantedFields, out: &mut Vec<u8>) {
        record.fields.write_json_nulls(fields, out);
    }

    fn whole(kind: MessageKind, record: &[u8], n: u64, out: &mut Vec<u8>) {
        write(&[&letter(kind), &n], out);
        out.extend_from_slice(record);
        out.push(b'\n');
    }

    fn some(
        kind: MessageKind,
        symbol: &Symbol,
        record: &Record,
        part: &RecordPart<'_>,
        n: u64,
        out: &mut Vec<u8>,
    ) {
        write(&[&letter(kind), &n, &symbol.as_str(), &record.seq, &record.rx.micros()], out);
        record.fields.write_json_as(part.numbers, part.fields, out);
        if kind == MessageKind::Update {
            record.fields.write_json_nulls(part.fields, out);
        }
        out.push(b'\n');
    }

    fn tick(
        symbol: &Symbol,
        tick: &Stamped,
        wanted: WantedFields,
        numbers: Numbers,
        n: u64,
        out: &mut Vec<u8>,
    ) {
        write(&[&letter(MessageKind::Update), &n, &symbol.as_str(), &tick.seq, &tick.rx.micros()], out);
        tick.fields.write_json_as(numbers, wanted, out);
        tick.fields.write_json_nulls(wanted, out);
        out.push(b'\n');
    }

    fn gap(symbol: &Symbol, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>) {
        write(&[&"gap", &from, &to, &symbol.as_str(), &reason.label()], out);
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
