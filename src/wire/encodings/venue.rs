//! Encodings of dialects: each message of a venue is a WebSocket frame of its own, so that a data frame here is a run
//! of whole WebSocket frames.
//!
//! [`VenueMessages`] is what a venue's messages look like. [`Framed`] makes an [`Encoder`] of it, whose row stands in
//! the table of encodings. Control messages of our own protocol are not written: what a venue says beside data is the
//! `Dialect`'s (`wire/dialects/dialect.rs`).
//!
//! An array of a gathered form goes over as many frames as it needs, as the parts of one message: no buffer is as long
//! as it.
//!
//! Invariants: a message without a body is not sent; what is cached of a message depends on its form, its topic and the
//! ticks that it stands for, and on no session.

use std::marker::PhantomData;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::encoder::{Addressed, Constant, Encoder, HEAD_BYTES, MessageKind, Messages, RecordPart, Shown};
use crate::{
    fanout::{Form, GapReason, View},
    tick::Nanos,
    topic::Stamped,
    wire::{
        CloseReason, Control,
        assembled::Welcome,
        compression::Deflater,
        dialects::{spelling, trade::Trade},
        frames::{FrameTimes, OpenArray, RunParts, opcode_of},
        websocket,
    },
};

/// How a venue's messages of data are written, in one of the ways that its clients can choose.
pub trait VenueMessages: 'static {
    /// Its index in the table of encodings.
    const ID: u8;
    /// Whether its messages are binary.
    const IS_BINARY: bool = false;
    /// Whether bodies have a place for the symbol, which each client is sent in its own spelling
    /// (`wire/dialects/spelling.rs`).
    const IS_SPELLED: bool = false;
    /// Whether messages have the session's own number, so that no two sessions share a frame.
    const IS_NUMBERED: bool = false;
    /// Whether some forms are [gathered](Form::gathered). Those must be arrays.
    const GATHERS: bool = false;

    /// Appends what all sessions with this encoding share of a message. Nothing when there is nothing to say: the
    /// message is then not sent. `shown.fields` is the whole record where messages are conflated, and one tick's fields
    /// in lossless forms; `kind` is [`MessageKind::Snapshot`] for the message that a subscription begins with.
    fn body(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    );

    /// Whether messages of this form that follow one another are one: what stands before and behind their bodies is
    /// then written once, and commas in between.
    fn is_array(_form: Form) -> bool {
        false
    }

    /// Appends the body of the one message with the trades that a subscription begins with, at least one, oldest first.
    /// Nothing in protocols where none begins so.
    fn past_trades(_trades: &[PastTrade<'_>], _out: &mut Vec<u8>) {}

    /// Appends what stands before the body. `state.sequence` is the session's own number of messages, which one that
    /// numbers them moves on.
    fn before(_head: &Addressed<'_>, _shown: &Shown<'_>, _state: &mut FrameTimes, _out: &mut Vec<u8>) {}

    /// Appends what stands behind the body.
    fn after(_head: &Addressed<'_>, _out: &mut Vec<u8>) {}

    /// Appends the last frame: the venue's code and words for the reason, behind its message of an error if it has one.
    fn close(reason: CloseReason, out: &mut Vec<u8>);
}

/// A trade from before the subscription.
#[derive(Clone, Copy, Debug)]
pub struct PastTrade<'a> {
    pub trade: Trade<'a>,
    pub seq: u64,
    pub ts: Nanos,
}

/// The encoding of a venue's messages.
pub struct Framed<V>(PhantomData<V>);

/// The kind of frame of a venue's messages.
const fn opcode<V: VenueMessages>() -> OpCode {
    OpCode::Data(if V::IS_BINARY { Data::Binary } else { Data::Text })
}

/// An array that grows beyond this is followed by another.
const ARRAY_BYTES_MAX: usize = 32 * 1024;

/// A message whose payload is being written.
struct OpenMessage {
    /// Where its payload begins.
    payload: usize,
    /// Whether frames of WebSocket before have a part of it.
    is_rest: bool,
}

/// Opens the array again that the frame ends with, or that the frames before have left unfinished, if it is of this
/// form. An unfinished one to which nothing is added is finished.
fn reopened<V: VenueMessages>(form: Form, state: &mut FrameTimes, out: &mut Vec<u8>) -> Option<OpenMessage> {
    if V::GATHERS
        && let Some(unfinished) = state.unfinished.take()
    {
        if (unfinished.form, unfinished.gathered) == (form, state.gathered) {
            return Some(rest_of(out));
        }
        unfinished.finish(out);
    }
    if !V::is_array(form) {
        return None;
    }
    let is_it = |array: &OpenArray| {
        let is_gathered = !form.is_gathered() || array.gathered == state.gathered;
        array.form == form && array.end == out.len() && is_gathered
    };
    let array = state.array.take().filter(is_it)?;
    let OpenArray { payload, end, closing_bytes, is_rest, .. } = array;
    if end - payload > ARRAY_BYTES_MAX {
        return form.is_gathered().then(|| {
            array.break_off(opcode::<V>(), out);
            rest_of(out)
        });
    }
    out.truncate(end - closing_bytes);
    out.push(b',');
    Some(OpenMessage { payload, is_rest })
}

/// Begins a part of an array that has elements before it.
fn rest_of(out: &mut Vec<u8>) -> OpenMessage {
    let payload = websocket::open(out);
    out.push(b',');
    OpenMessage { payload, is_rest: true }
}

/// Begins a message of its own.
fn begun<V: VenueMessages>(
    head: &Addressed<'_>,
    shown: &Shown<'_>,
    times: &mut FrameTimes,
    out: &mut Vec<u8>,
) -> OpenMessage {
    let payload = websocket::open(out);
    V::before(head, shown, times, out);
    OpenMessage { payload, is_rest: false }
}

/// Finishes what the frames before have left unfinished.
fn end_unfinished(times: &mut FrameTimes, out: &mut Vec<u8>) {
    if let Some(unfinished) = times.unfinished.take() {
        unfinished.finish(out);
    }
}

/// The symbol as the client spells it.
fn spelling_of<'a>(head: &Addressed<'a>) -> &'a str {
    spelling::of_name(head.name).unwrap_or(head.topic.symbol.as_str())
}

/// Appends what sessions share of a message, with the symbol as the client spells it where bodies have a place for it.
#[inline]
fn write_body<V: VenueMessages>(head: &Addressed<'_>, body: &[u8], out: &mut Vec<u8>) {
    if V::IS_SPELLED {
        spelling::write_spelled(body, spelling_of(head), out);
    } else {
        out.extend_from_slice(body);
    }
}

/// Ends a message.
#[inline]
fn close_message<V: VenueMessages>(
    head: &Addressed<'_>,
    OpenMessage { payload, is_rest }: OpenMessage,
    state: &mut FrameTimes,
    out: &mut Vec<u8>,
) {
    let body_end = out.len();
    V::after(head, out);
    let (closing_bytes, end) = (out.len() - body_end, out.len());
    websocket::seal(opcode_of(opcode::<V>(), is_rest), payload, out);
    if V::is_array(head.form) {
        // A header that became shorter has moved everything.
        let is_open = out.len() == end;
        let (form, gathered) = (head.form, state.gathered);
        state.array = is_open.then_some(OpenArray { form, gathered, is_rest, payload, end, closing_bytes });
    }
}

impl<V: VenueMessages> Encoder for Framed<V> {
    const ID: u8 = V::ID;
    type Messages = Self;
    const HAS_PINGS: bool = true;
    /// A venue's pings come at its own times, and there are no others.
    const HAS_WINDOW: bool = false;
    const IS_BINARY: bool = V::IS_BINARY;
    const IS_NUMBERED: bool = V::IS_NUMBERED;

    fn frame(_: &mut Vec<u8>, _: &mut Deflater) -> usize {
        HEAD_BYTES
    }

    fn control(_: &Control<'_>, _: &mut Vec<u8>) {}

    fn welcome(_: &Welcome, _: u64, _: &mut Vec<u8>) {}

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, _: &mut Deflater) {
        websocket::write_frame(opcode::<V>(), payload, out);
    }

    fn ping(out: &mut Vec<u8>) {
        websocket::write_ping(out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        V::close(reason, out);
    }
}

impl<V: VenueMessages> Messages for Framed<V> {
    const HAS_NUMBERS: bool = false;
    const CONTINUES: bool = true;

    #[inline]
    fn begin(_: &mut Vec<u8>) {}

    fn sent(_: Nanos, _: &mut Vec<u8>) {}

    #[inline]
    fn end(_: &mut Vec<u8>) {}

    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        V::body(kind, topic, shown, part, out);
    }

    #[inline]
    fn message(
        _: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        _: u64,
        part: &[u8],
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        if part.is_empty() {
            return;
        }
        let message = match reopened::<V>(head.form, times, out) {
            Some(message) => message,
            None => begun::<V>(head, shown, times, out),
        };
        write_body::<V>(head, part, out);
        close_message::<V>(head, message, times, out);
    }

    fn whole(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        _: u64,
        part: &RecordPart<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        let begin = out.len();
        if V::is_array(head.form) {
            // Whether an array is opened again depends on whether there is anything to add.
            V::body(kind, &head.constant(), shown, part, out);
            let body = out.split_off(begin);
            return Self::message(kind, head, shown, 1, &body, times, out);
        }
        let saved = *times;
        end_unfinished(times, out);
        let message = begun::<V>(head, shown, times, out);
        let body = out.len();
        V::body(kind, &head.constant(), shown, part, out);
        if out.len() == body {
            *times = saved;
            return out.truncate(begin);
        }
        if V::IS_SPELLED {
            spelling::spell(body, spelling_of(head), out);
        }
        close_message::<V>(head, message, times, out);
    }

    const GATHERS: bool = V::GATHERS;

    fn end_gathered(is_last: bool, times: &mut FrameTimes, out: &mut Vec<u8>) {
        if is_last {
            return end_unfinished(times, out);
        }
        let array = times.array.take().filter(|array| array.form.is_gathered() && array.end == out.len());
        if let Some(array) = array {
            times.unfinished = Some(array.break_off(opcode::<V>(), out));
        }
    }

    fn run(
        head: &Addressed<'_>,
        ticks: &[Stamped],
        parts: RunParts<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        for (tick, part) in ticks.iter().zip(parts.iter()) {
            Self::tick(head, &tick.into(), part, times, out);
        }
    }

    fn past_trades(
        head: &Addressed<'_>,
        trades: &[Stamped],
        view: &View,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        let past: Vec<PastTrade<'_>> = trades
            .iter()
            .filter_map(|tick| {
                let report = view.report_of(&tick.fields);
                let part = RecordPart { fields: view.wanted, report, numbers: view.numbers, form: view.form };
                let trade = Trade::of(&tick.into(), &part)?;
                Some(PastTrade { trade, seq: tick.seq, ts: tick.ts })
            })
            .collect();
        let (Some(newest), false) = (trades.last(), past.is_empty()) else { return };
        let mut body = Vec::new();
        V::past_trades(&past, &mut body);
        if body.is_empty() {
            return;
        }
        end_unfinished(times, out);
        // The body has the symbol once for each trade.
        let message = begun::<V>(head, &newest.into(), times, out);
        let spelled = spelling_of(head);
        for part in body.split_inclusive(|byte| *byte == spelling::PLACE) {
            spelling::write_spelled(part, spelled, out);
        }
        close_message::<V>(head, message, times, out);
    }

    /// No venue has a word for it. Where it matters the session ends (`session/dialect/`).
    fn gap(_: &Addressed<'_>, _: u64, _: u64, _: GapReason, _: &mut Vec<u8>) {}
}
