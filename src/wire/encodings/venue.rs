//! Encodings of dialects: each message of a venue is a WebSocket frame of its own, so a data frame here is a run of
//! whole WebSocket frames.
//!
//! [`VenueMessages`] describes a venue's data messages, and [`Framed`] makes an [`Encoder`] of it for the table of
//! encodings. Our own control messages are not written: a venue's other messages come from its `Dialect`
//! (`wire/dialects/dialect.rs`).
//!
//! The array of a gathered form spans as many frames as it needs, as parts of one message: no buffer holds it whole.
//!
//! Invariants: a message with an empty body is not sent; the cached part of a message depends on its form, topic and
//! ticks, never on a session.

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

/// How a venue's data messages are written, in one of the variants that its clients can choose.
pub trait VenueMessages: 'static {
    /// Index in the table of encodings.
    const ID: u8;
    /// Whether messages are binary WebSocket frames.
    const IS_BINARY: bool = false;
    /// Whether bodies have a placeholder for the symbol, which each client receives in its own spelling
    /// (`wire/dialects/spelling.rs`).
    const IS_SPELLED: bool = false;
    /// Whether messages carry the session's own sequence number, so that no frame is shared.
    const IS_NUMBERED: bool = false;
    /// Whether some forms are [gathered](Form::gathered); these must be arrays.
    const GATHERS: bool = false;

    /// Appends the part of a message that all sessions share; nothing if no message is to be sent. `shown.fields` is
    /// the whole record in conflated forms, and one tick's fields in lossless ones; `kind` is [`MessageKind::Snapshot`]
    /// for a subscription's first message.
    fn body(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    );

    /// Whether consecutive messages of this form are merged into one array: the text before and after the bodies is
    /// then written once, with commas in between.
    fn is_array(_form: Form) -> bool {
        false
    }

    /// Appends the body of the one message with a subscription's past trades, at least one, oldest first. Nothing in
    /// protocols without such a message.
    fn past_trades(_trades: &[PastTrade<'_>], _out: &mut Vec<u8>) {}

    /// Appends the text before the body. `state.sequence` is the session's message number; an implementation that
    /// writes it also increments it.
    fn before(_head: &Addressed<'_>, _shown: &Shown<'_>, _state: &mut FrameTimes, _out: &mut Vec<u8>) {}

    /// Appends the text after the body.
    fn after(_head: &Addressed<'_>, _out: &mut Vec<u8>) {}

    /// Appends the last frame: the venue's close code and text, after its error message if it has one.
    fn close(reason: CloseReason, out: &mut Vec<u8>);
}

/// A trade from before the subscription.
#[derive(Clone, Copy, Debug)]
pub struct PastTrade<'a> {
    pub trade: Trade<'a>,
    pub seq: u64,
    pub ts: Nanos,
}

/// Makes an encoding of a venue's messages.
pub struct Framed<V>(PhantomData<V>);

/// The WebSocket opcode of a venue's messages.
const fn opcode<V: VenueMessages>() -> OpCode {
    OpCode::Data(if V::IS_BINARY { Data::Binary } else { Data::Text })
}

/// An array longer than this is ended, and another one started.
const ARRAY_BYTES_MAX: usize = 32 * 1024;

/// A message whose payload is being written.
struct OpenMessage {
    /// Offset of its payload.
    payload: usize,
    /// Whether earlier WebSocket frames hold the start of the message.
    is_rest: bool,
}

/// Reopens the array at the end of this frame, or the unfinished one of earlier frames, if it is of this form. An
/// unfinished array to which nothing is added is ended.
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

/// Starts a continuation of an array that has elements already.
fn rest_of(out: &mut Vec<u8>) -> OpenMessage {
    let payload = websocket::open(out);
    out.push(b',');
    OpenMessage { payload, is_rest: true }
}

/// Starts a new message.
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

/// Ends the unfinished message of earlier frames.
fn end_unfinished(times: &mut FrameTimes, out: &mut Vec<u8>) {
    if let Some(unfinished) = times.unfinished.take() {
        unfinished.finish(out);
    }
}

/// The symbol in the client's spelling.
fn spelling_of<'a>(head: &Addressed<'a>) -> &'a str {
    spelling::of_name(head.name).unwrap_or(head.topic.symbol.as_str())
}

/// Appends the shared part of a message, with the client's spelling of the symbol in its placeholder.
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
        // A header that became shorter has moved the payload.
        let is_open = out.len() == end;
        let (form, gathered) = (head.form, state.gathered);
        state.array = is_open.then_some(OpenArray { form, gathered, is_rest, payload, end, closing_bytes });
    }
}

impl<V: VenueMessages> Encoder for Framed<V> {
    const ID: u8 = V::ID;
    type Messages = Self;
    const HAS_PINGS: bool = true;
    /// A venue's pings come at the venue's own times only, so they cannot measure reading.
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
            // Write the body first: an array is reopened only if there is something to add.
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
        // The symbol occurs once for each trade.
        let message = begun::<V>(head, &newest.into(), times, out);
        let spelled = spelling_of(head);
        for part in body.split_inclusive(|byte| *byte == spelling::PLACE) {
            spelling::write_spelled(part, spelled, out);
        }
        close_message::<V>(head, message, times, out);
    }

    /// No venue has a gap message. Where a gap matters the session ends (`session/dialect/`).
    fn gap(_: &Addressed<'_>, _: u64, _: u64, _: GapReason, _: &mut Vec<u8>) {}
}
