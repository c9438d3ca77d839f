//! [`Binary`]: binary messages over WebSocket, `tickcast.v1.binary`. Data is in binary frames, control messages are
//! JSON in text frames. docs/PROTOCOL.md defines every byte.
//!
//! A message's [`MessageBody`] (field mask and values) is cached for all sessions. Its head (symbol number, seq, times)
//! is written for each copy, because it depends on the frame or the session.
//!
//! Invariant: a frame can be decoded with only the table of symbol numbers from earlier introductions.

mod body;
mod field_table;
mod head;
mod report;
#[cfg(test)]
pub(in crate::wire) mod tests;
mod values;
mod varint;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use self::body::MessageBody;
pub use self::field_table::table as field_table;
use super::encoder::{Addressed, Constant, Encoder, MessageKind, Messages, RecordPart, Shown};
use crate::{
    fanout::GapReason,
    tick::Nanos,
    topic::Stamped,
    wire::{
        CloseReason,
        assembled::Welcome,
        compression::Deflater,
        frames::{FrameTimes, RunParts},
        websocket,
    },
};

/// Binary messages over WebSocket.
pub struct Binary;

/// Bytes of a frame's send time: microseconds since its newest tick was received.
const SENT_BYTES: usize = 3;
/// Saturates: this value means that many or more.
const SENT_MAX: i64 = 0xFF_FFFF;

impl Encoder for Binary {
    const ID: u8 = 4;
    type Messages = Self;
    const HAS_PINGS: bool = true;
    const HAS_FIELD_TABLE: bool = true;

    fn frame(bytes: &mut Vec<u8>, _: &mut Deflater) -> usize {
        websocket::frame(OpCode::Data(Data::Binary), bytes)
    }

    fn welcome(welcome: &Welcome, session: u64, payload: &mut Vec<u8>) {
        welcome.write_with_origin(session, payload);
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

impl Messages for Binary {
    const HAS_NUMBERS: bool = false;
    const JOINS_RUNS: bool = true;

    fn begin(_: &mut Vec<u8>) {}

    fn sent(_: Nanos, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0xFF; SENT_BYTES]);
    }

    fn complete_sent(at: Nanos, newest_rx: Option<Nanos>, payload: &mut [u8]) {
        let Some(rx) = newest_rx else { return };
        let after = (at.micros() - rx.micros()).clamp(0, SENT_MAX);
        if let Some(bytes) = payload.get_mut(..SENT_BYTES) {
            bytes.copy_from_slice(&after.to_le_bytes()[..SENT_BYTES]);
        }
    }

    fn end(_: &mut Vec<u8>) {}

    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let body = MessageBody::of(kind, shown.fields, part, topic.reference);
        out.push(body.first_byte());
        body.write_rest(out);
    }

    #[inline]
    fn message(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &[u8],
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        let Some((&first, rest)) = part.split_first() else { return };
        head::write(kind, head, shown, n, first, times, out);
        out.extend_from_slice(rest);
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
        let body = MessageBody::of(kind, shown.fields, part, head.reference);
        head::write(kind, head, shown, n, body.first_byte(), times, out);
        body.write_rest(out);
    }

    fn run(
        head: &Addressed<'_>,
        ticks: &[Stamped],
        parts: RunParts<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        match ticks {
            [] => {}
            [tick] => Self::tick(head, &tick.into(), parts.joined(), times, out),
            [first, ..] => {
                head::write_run(head, first.seq, ticks.len() as u64, out);
                for (tick, part) in ticks.iter().zip(parts.iter()) {
                    varint::write_times(times.advance(tick.ts, tick.rx), out);
                    out.extend_from_slice(part);
                }
            }
        }
    }

    fn gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>) {
        head::write_gap(head, from, to, reason, out);
    }
}
