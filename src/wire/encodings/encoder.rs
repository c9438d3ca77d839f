//! The two parts of an encoding: how it frames, and how it writes data messages.
//!
//! Both are types with static functions, so the code for a whole frame is chosen once
//! ([`Encoding::fill`](super::Encoding::fill)). They have no state; cached messages are in `wire/cached.rs`.

use crate::{
    fanout::{GapReason, Name},
    tick::{CustomFields, Numbers, Symbol, TradeReport, WantedFields},
    topic::{Record, Stamped},
    wire::{CloseReason, Control, assembled::Welcome, deflater::Deflater},
};

/// Bytes before the payload of a data frame that are reserved for its header. A server's WebSocket header has at most 10.
pub const HEAD_BYTES: usize = 10;
/// More than the longest message that one call of [`Emit`](crate::fanout::Emit) adds, in any encoding: a gap and a snapshot
/// together.
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
    /// Whether its WebSocket has permessage-deflate, in both directions.
    const IS_DEFLATED: bool = false;

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
/// Invariant: no call appends more than [`message_bytes_max`].
pub trait Messages: Encoder {
    /// Begins the payload of a frame.
    fn begin(out: &mut Vec<u8>);

    /// Ends the payload of a frame, which has at least one message.
    fn end(out: &mut Vec<u8>);

    /// Appends the part of a message with these fields of a record that depends on nothing else. It is cached for all
    /// sessions.
    fn record(symbol: &Symbol, record: &Record, part: &RecordPart<'_>, out: &mut Vec<u8>);

    /// Appends the part that lists which of these fields are withdrawn. It follows [`Self::record`] in an update. A snapshot
    /// does not have it, since it replaces the client's whole record.
    fn withdrawn(record: &Record, fields: WantedFields, out: &mut Vec<u8>);

    /// Appends a message, from the parts that [`Self::record`] and [`Self::withdrawn`] wrote.
    fn whole(kind: MessageKind, record: &[u8], n: u64, out: &mut Vec<u8>);

    /// Appends a message with some fields of a record. An update also lists which of them are withdrawn.
    /// `report`: what its last tick says of a trade.
    fn some(
        kind: MessageKind,
        symbol: &Symbol,
        record: &Record,
        part: &RecordPart<'_>,
        n: u64,
        out: &mut Vec<u8>,
    );

    /// Appends an update with the wanted fields of one tick, set or withdrawn, and what it says of a trade.
    fn tick(
        symbol: &Symbol,
        tick: &Stamped,
        wanted: WantedFields,
        numbers: Numbers,
        n: u64,
        out: &mut Vec<u8>,
    );

    /// Appends a gap: the subscription will not get the ticks `from..=to`.
    fn gap(symbol: &Symbol, from: u64, to: u64, reason: GapReason, out: &mut Vec<u8>);

    /// Gives the message that begins at an offset, the last one, the name of its subscription. So what is cached for all
    /// sessions has none.
    fn name(begin: usize, name: &Name, out: &mut Vec<u8>);
}

/// What a message shows of a record.
#[derive(Clone, Copy, Debug)]
pub struct RecordPart<'a> {
    pub fields: WantedFields,
    /// What the record's last tick says of a trade, for an update.
    pub report: Option<&'a TradeReport>,
    pub numbers: Numbers,
}

/// The kind of a message with fields of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// A snapshot.
    Snapshot,
    /// An update.
    Update,
}
