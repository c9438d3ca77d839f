//! The two parts of an encoding: how it frames, and how it writes data messages.
//!
//! Both are types with static functions, so the code for a whole frame is chosen once
//! ([`Encoding::fill`](super::Encoding::fill)). They have no state; cached messages are in `wire/frames/cached.rs`.

use crate::{
    fanout::{Form, GapReason, Name, TopicRef, View},
    tick::{CustomFields, Fields, Nanos, Numbers, Symbol, TradeReport, WantedFields},
    topic::{Record, Reference, Stamped},
    wire::{
        CloseReason, Control,
        assembled::Welcome,
        compression::Deflater,
        frames::{FrameTimes, RunParts},
    },
};

/// Bytes before the payload of a data frame that are reserved for its header. A server's WebSocket header has at most
/// 10.
pub const HEAD_BYTES: usize = 10;
/// More than the longest message that one call of [`Emit`](crate::fanout::Emit) adds, in any encoding: a gap and a
/// snapshot together.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The same for a service whose configuration adds fields. Beside a gap, a message has a field at most once.
pub fn message_bytes_max(fields: &CustomFields) -> usize {
    MESSAGE_BYTES_MAX + fields.message_bytes()
}

/// How a session's bytes are written.
pub trait Encoder: 'static {
    /// Its index in the table of encodings. Frames are shared by sessions with the same one, and by no others.
    const ID: u8;
    /// How its data messages are written. Encodings with the same type share cached messages.
    type Messages: Messages;
    /// Whether each data frame begins with the position of the session in the market.
    const HAS_POSITION: bool = false;
    /// Whether the client answers pings.
    const HAS_PINGS: bool = false;
    /// Whether the session learns by pings how far its client has read, and sends no further ahead.
    const HAS_WINDOW: bool = Self::HAS_PINGS;
    /// Whether messages have the session's own number, so that no two sessions share a frame.
    const IS_NUMBERED: bool = false;
    /// Whether its WebSocket has permessage-deflate, in both directions.
    const IS_DEFLATED: bool = false;
    /// Whether data has numbers in place of the names of fields, so that the client is told what they mean.
    const HAS_FIELD_TABLE: bool = false;
    /// Whether its messages are binary frames of WebSocket. Read for dialects alone.
    const IS_BINARY: bool = false;
    /// Whether it is one gzip member, of which frames are parts (`wire/compression/gzip.rs`).
    const IS_GZIP: bool = false;

    /// Frames the payload that begins at [`HEAD_BYTES`]; returns where the frame begins.
    fn frame(bytes: &mut Vec<u8>, deflater: &mut Deflater) -> usize;

    /// Appends the payload of a control message. One without a payload is not sent.
    fn control(message: &Control<'_>, payload: &mut Vec<u8>) {
        message.write(payload);
    }

    /// Appends the payload of the first message to the session of this number.
    fn welcome(welcome: &Welcome, session: u64, payload: &mut Vec<u8>) {
        welcome.write(session, payload);
    }

    /// Appends a frame with the payload of a control message.
    fn frame_control(payload: &[u8], out: &mut Vec<u8>, deflater: &mut Deflater);

    /// Appends a ping, when it [has](Self::HAS_PINGS) pings.
    fn ping(_out: &mut Vec<u8>) {}

    /// Appends how long the client should wait to reconnect if the connection is lost. Nothing in most encodings.
    fn retry(_retry_ms: u64, _out: &mut Vec<u8>) {}

    /// Appends the last frame, with the reason why the session ends.
    fn close(reason: CloseReason, out: &mut Vec<u8>);
}

/// How the data messages of one frame are written, one after another.
///
/// A message has a part that depends on its topic and on nothing else. It is cached for all sessions.
///
/// Invariant: no call appends more than [`message_bytes_max`], runs and past trades aside.
pub trait Messages: Encoder {
    /// Whether decimals are numbers or text, as a view has them.
    const HAS_NUMBERS: bool = true;
    /// Whether a run of ticks is one message, with the name of its subscription.
    const JOINS_RUNS: bool = false;
    /// Whether messages depend on more of those before than their times: they have the session's own number, or add to
    /// an array. Frames of all others begin without this part of [`FrameTimes`].
    const CONTINUES: bool = false;

    /// Whether messages may go over several frames, which [`Self::end_gathered`] ends.
    const GATHERS: bool = false;

    /// Ends the messages of a frame, after which the session is sent no more for now (`is_last`), or another frame.
    fn end_gathered(_is_last: bool, _times: &mut FrameTimes, _out: &mut Vec<u8>) {}

    /// Begins the payload of a frame.
    fn begin(out: &mut Vec<u8>);

    /// Appends when the frame is sent, before its first message, for clients that have asked for it.
    fn sent(at: Nanos, out: &mut Vec<u8>);

    /// Completes that, once the newest time of receipt of the messages is known. Nothing where it is complete.
    fn complete_sent(_at: Nanos, _newest_rx: Option<Nanos>, _payload: &mut [u8]) {}

    /// Ends the payload of a frame, which has at least one message.
    fn end(out: &mut Vec<u8>);

    /// Appends the cached part of a message. Of the fields, an update lists those that are withdrawn; a snapshot does
    /// not, since it replaces the client's whole record.
    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    );

    /// Appends a message, from the part that [`Self::part`] wrote. `n`: how many ticks an update stands for.
    fn message(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &[u8],
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// As [`Self::part`] and [`Self::message`] together, with nothing in between.
    fn whole(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &RecordPart<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// Appends the cached part of an update with one tick, whose `n` is 1.
    fn tick_part(topic: &Constant<'_>, shown: &Shown<'_>, part: &RecordPart<'_>, out: &mut Vec<u8>) {
        Self::part(MessageKind::Update, topic, shown, part, out);
    }

    /// Appends the update, from the part that [`Self::tick_part`] wrote.
    #[inline]
    fn tick(head: &Addressed<'_>, shown: &Shown<'_>, part: &[u8], times: &mut FrameTimes, out: &mut Vec<u8>) {
        Self::message(MessageKind::Update, head, shown, 1, part, times, out);
    }

    /// Appends the updates of consecutive ticks, at least one, from the parts that [`Self::tick_part`] wrote.
    fn run(
        head: &Addressed<'_>,
        ticks: &[Stamped],
        parts: RunParts<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// Appends the one message with the trades that a subscription begins with, at least one, oldest first. Nothing
    /// where none begins so.
    fn past_trades(
        _head: &Addressed<'_>,
        _trades: &[Stamped],
        _view: &View,
        _times: &mut FrameTimes,
        _out: &mut Vec<u8>,
    ) {
    }

    /// Appends a gap: the subscription will not get the ticks `from..=to`.
    fn gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>);

    /// Gives the message that begins at an offset, the last one, the name of its subscription. So what is cached for
    /// all sessions has none. Nothing where [`Addressed::name`] is written.
    fn name(_begin: usize, _name: &Name, _out: &mut Vec<u8>) {}
}

/// What a cached part of a message knows of its topic.
#[derive(Clone, Copy, Debug)]
pub struct Constant<'a> {
    pub symbol: &'a Symbol,
    pub reference: Reference,
    /// How much later than in real time it is shown; `None` in real time.
    pub delay_ms: Option<u32>,
}

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub struct Addressed<'a> {
    pub topic: &'a TopicRef<'a>,
    /// Of the topic, for encodings in which prices are differences from it.
    pub reference: Reference,
    /// Of the subscription.
    pub name: Option<&'a Name>,
    pub form: Form,
}

/// A record, or one tick.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub seq: u64,
    pub ts: Nanos,
    pub rx: Nanos,
    pub fields: &'a Fields,
}

/// What a message shows of a record.
#[derive(Clone, Copy, Debug)]
pub struct RecordPart<'a> {
    pub fields: WantedFields,
    /// What the record's last tick says of a trade, for an update.
    pub report: Option<&'a TradeReport>,
    pub numbers: Numbers,
    /// Of a dialect's subscription.
    pub form: Form,
}

/// The kind of a message with fields of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// A snapshot.
    Snapshot,
    /// An update.
    Update,
}

impl<'a> Addressed<'a> {
    #[inline]
    pub fn constant(&self) -> Constant<'a> {
        let &TopicRef { symbol, delay_ms, .. } = self.topic;
        Constant { symbol, reference: self.reference, delay_ms }
    }
}

impl<'a> From<&'a Record> for Shown<'a> {
    #[inline]
    fn from(record: &'a Record) -> Self {
        Shown { seq: record.seq, ts: record.ts, rx: record.rx, fields: &record.fields }
    }
}

impl<'a> From<&'a Stamped> for Shown<'a> {
    #[inline]
    fn from(tick: &'a Stamped) -> Self {
        Shown { seq: tick.seq, ts: tick.ts, rx: tick.rx, fields: &tick.fields }
    }
}
