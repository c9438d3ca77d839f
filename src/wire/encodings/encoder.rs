//! The two traits of an encoding: [`Encoder`] for framing, [`Messages`] for data messages.
//!
//! Implementations are types with static functions and no state, so that the code for a whole frame is chosen once
//! ([`Encoding::fill`](super::Encoding::fill)). Cached messages are in `wire/frames/cached.rs`.

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

/// Bytes reserved before a data frame's payload for its header. A server's WebSocket header takes at most 10.
pub const HEAD_BYTES: usize = 10;
/// Upper bound for what one call of [`Emit`](crate::fanout::Emit) adds in any encoding: a gap and a snapshot.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The same bound with configured fields. A message has each field at most once.
pub fn message_bytes_max(fields: &CustomFields) -> usize {
    MESSAGE_BYTES_MAX + fields.message_bytes()
}

/// How the frames of a session are written.
pub trait Encoder: 'static {
    /// Index in the table of encodings. Only sessions with the same encoding share frames.
    const ID: u8;
    /// How data messages are written. Encodings with the same type share cached messages.
    type Messages: Messages;
    /// Whether each data frame starts with the stream's position in the market.
    const HAS_POSITION: bool = false;
    /// Whether clients answer pings.
    const HAS_PINGS: bool = false;
    /// Whether pings measure how far the client has read, to limit how far ahead it is sent data.
    const HAS_WINDOW: bool = Self::HAS_PINGS;
    /// Whether messages carry the session's own sequence number, so that no frame is shared.
    const IS_NUMBERED: bool = false;
    /// Whether the WebSocket has permessage-deflate, in both directions.
    const IS_DEFLATED: bool = false;
    /// Whether data has numbers for field names; the client is then sent the table of numbers.
    const HAS_FIELD_TABLE: bool = false;
    /// Whether messages are binary WebSocket frames. Used only for dialects.
    const IS_BINARY: bool = false;
    /// Whether the stream is one gzip member, with frames as its parts (`wire/compression/gzip.rs`).
    const IS_GZIP: bool = false;

    /// Frames the payload that starts at [`HEAD_BYTES`]; returns the offset of the frame.
    fn frame(bytes: &mut Vec<u8>, deflater: &mut Deflater) -> usize;

    /// Appends a control message's payload. A message with an empty payload is not sent.
    fn control(message: &Control<'_>, payload: &mut Vec<u8>) {
        message.write(payload);
    }

    /// Appends the payload of the first message to session number `session`.
    fn welcome(welcome: &Welcome, session: u64, payload: &mut Vec<u8>) {
        welcome.write(session, payload);
    }

    /// Appends a frame with the payload of a control message.
    fn frame_control(payload: &[u8], out: &mut Vec<u8>, deflater: &mut Deflater);

    /// Appends a ping, if the encoding [has](Self::HAS_PINGS) pings.
    fn ping(_out: &mut Vec<u8>) {}

    /// Appends the reconnect delay for a lost connection; nothing in most encodings.
    fn retry(_retry_ms: u64, _out: &mut Vec<u8>) {}

    /// Appends the last frame, with the close reason.
    fn close(reason: CloseReason, out: &mut Vec<u8>);
}

/// How the data messages of a frame are written, one after another.
///
/// Part of a message depends only on its topic and is cached for all sessions.
///
/// Invariant: no call appends more than [`message_bytes_max`], except runs and past trades.
pub trait Messages: Encoder {
    /// Whether the view's choice of decimals as numbers or text matters.
    const HAS_NUMBERS: bool = true;
    /// Whether a run of ticks is one message, with the subscription's name.
    const JOINS_RUNS: bool = false;
    /// Whether messages depend on more than the times of the previous one: they are numbered per session, or extend an
    /// array. Frames of other encodings start without that part of [`FrameTimes`].
    const CONTINUES: bool = false;

    /// Whether a message may span frames; [`Self::end_gathered`] then ends it.
    const GATHERS: bool = false;

    /// Ends a frame's messages. `is_last`: nothing more is sent for now; otherwise another frame follows.
    fn end_gathered(_is_last: bool, _times: &mut FrameTimes, _out: &mut Vec<u8>) {}

    /// Begins the payload of a frame.
    fn begin(out: &mut Vec<u8>);

    /// Appends the send time before the first message, for clients that asked for it.
    fn sent(at: Nanos, out: &mut Vec<u8>);

    /// Completes the send time once the newest receive time in the frame is known. Nothing if it is complete.
    fn complete_sent(_at: Nanos, _newest_rx: Option<Nanos>, _payload: &mut [u8]) {}

    /// Ends the payload of a frame with at least one message.
    fn end(out: &mut Vec<u8>);

    /// Appends the cached part of a message. An update lists withdrawn fields; a snapshot does not, since it replaces
    /// the client's whole record.
    fn part(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    );

    /// Appends a message from its cached part. `n`: how many ticks an update stands for.
    fn message(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &[u8],
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// [`Self::part`] and [`Self::message`] in one.
    fn whole(
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        n: u64,
        part: &RecordPart<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// Appends the cached part of a one-tick update, whose `n` is 1.
    fn tick_part(topic: &Constant<'_>, shown: &Shown<'_>, part: &RecordPart<'_>, out: &mut Vec<u8>) {
        Self::part(MessageKind::Update, topic, shown, part, out);
    }

    /// Appends that update, from its cached part.
    #[inline]
    fn tick(head: &Addressed<'_>, shown: &Shown<'_>, part: &[u8], times: &mut FrameTimes, out: &mut Vec<u8>) {
        Self::message(MessageKind::Update, head, shown, 1, part, times, out);
    }

    /// Appends updates of one or more consecutive ticks, from their cached parts.
    fn run(
        head: &Addressed<'_>,
        ticks: &[Stamped],
        parts: RunParts<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    );

    /// Appends one message with the past trades that a subscription starts with, at least one, oldest first. Nothing in
    /// encodings without such a message.
    fn past_trades(
        _head: &Addressed<'_>,
        _trades: &[Stamped],
        _view: &View,
        _times: &mut FrameTimes,
        _out: &mut Vec<u8>,
    ) {
    }

    /// Appends a gap: ticks `from..=to` are lost to the subscription.
    fn gap(head: &Addressed<'_>, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>);

    /// Adds the subscription's name to the last message, which starts at offset `begin`: cached messages have none.
    /// Nothing in encodings that write [`Addressed::name`].
    fn name(_begin: usize, _name: &Name, _out: &mut Vec<u8>) {}
}

/// The topic of a cached part.
#[derive(Clone, Copy, Debug)]
pub struct Constant<'a> {
    pub symbol: &'a Symbol,
    pub reference: Reference,
    /// The delay in milliseconds; `None` in real time.
    pub delay_ms: Option<u32>,
}

/// The topic and subscription of a message.
#[derive(Clone, Copy, Debug)]
pub struct Addressed<'a> {
    pub topic: &'a TopicRef<'a>,
    /// The topic's reference, for encodings that write prices as differences.
    pub reference: Reference,
    /// The subscription's name.
    pub name: Option<&'a Name>,
    pub form: Form,
}

/// The fields of a record, or of one tick.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub seq: u64,
    pub ts: Nanos,
    pub rx: Nanos,
    pub fields: &'a Fields,
}

/// The part of a record that a message shows.
#[derive(Clone, Copy, Debug)]
pub struct RecordPart<'a> {
    pub fields: WantedFields,
    /// The trade report of the record's last tick, for an update.
    pub report: Option<&'a TradeReport>,
    pub numbers: Numbers,
    /// The form of a dialect's subscription.
    pub form: Form,
}

/// The kind of a message with record fields.
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
