//! [`Encoding`]: how a session's bytes are written, chosen at the handshake. It holds everything that differs between
//! encodings; what is sent is decided elsewhere.
//!
//! To add one: implement [`Encoder`] in a file here, and add a row to [`ENCODINGS`] before that of the tests, whose ID
//! moves up by one.
//!
//! Invariants: only sessions with the same encoding share frames. One dynamic call writes a whole frame; the calls
//! within it are static.

pub mod binary;
pub mod encoder;
pub mod event_stream;
mod event_stream_gzip;
pub mod json;
pub mod json_deflated;
#[cfg(test)]
mod tests;
pub mod venue;

use binary::Binary;
use encoder::{Addressed, Encoder, MessageKind, Messages, RecordPart, Shown};
use event_stream::EventStream;
use event_stream_gzip::EventStreamGzip;
use json::Json;
use json_deflated::{FULL, JsonDeflated, SMALL};
use venue::Framed;

use super::{
    CloseReason, Control,
    assembled::Welcome,
    compression::{DeflateWindow, Deflater},
    control::NumberedField,
    dialects::{
        alpaca::{json::AlpacaJson, packed::AlpacaPacked},
        binance::messages::BinanceMessages,
        coinbase_advanced::messages::AdvancedMessages,
        coinbase_exchange::messages::ExchangeMessages,
        kraken::messages::KrakenMessages,
        massive::messages::MassiveMessages,
    },
    frames::{FrameSize, FrameTimes, Framer},
};
use crate::{
    fanout::{Fanout, FrameTally, SessionKey, View},
    tick::{CustomFields, Nanos},
    topic::{Ingest, Stamped},
};

/// All encodings, indexed by [`Encoder::ID`], with the WebSocket subprotocols that select them.
const ENCODINGS: &[EncodingRow] = &[
    EncodingRow::of::<Json>(Some("tickcast.v1.json")),
    EncodingRow::of::<EventStream>(None),
    EncodingRow::of::<JsonDeflated<FULL>>(None),
    EncodingRow::of::<JsonDeflated<SMALL>>(None),
    EncodingRow::of::<Binary>(Some("tickcast.v1.binary")),
    EncodingRow::of::<EventStreamGzip>(None),
    EncodingRow::of::<Framed<BinanceMessages<BINANCE_ROW, false, false>>>(None),
    EncodingRow::of::<Framed<BinanceMessages<{ BINANCE_ROW + 1 }, false, true>>>(None),
    EncodingRow::of::<Framed<BinanceMessages<{ BINANCE_ROW + 2 }, true, false>>>(None),
    EncodingRow::of::<Framed<BinanceMessages<{ BINANCE_ROW + 3 }, true, true>>>(None),
    EncodingRow::of::<Framed<KrakenMessages<KRAKEN_ROW>>>(None),
    EncodingRow::of::<Framed<ExchangeMessages<{ KRAKEN_ROW + 1 }>>>(None),
    EncodingRow::of::<Framed<AdvancedMessages<{ KRAKEN_ROW + 2 }>>>(None),
    EncodingRow::of::<Framed<MassiveMessages<MASSIVE_ROW>>>(None),
    EncodingRow::of::<Framed<AlpacaJson<ALPACA_ROW>>>(None),
    EncodingRow::of::<Framed<AlpacaPacked<{ ALPACA_ROW + 1 }>>>(None),
    #[cfg(test)]
    EncodingRow::of::<tests::tabbed::Tabbed>(Some("tickcast.test.tabbed")),
];

/// Binance's rows: raw, then combined, each with milliseconds and with microseconds.
const BINANCE_ROW: u8 = 6;
/// Kraken's row, followed by those of Coinbase.
const KRAKEN_ROW: u8 = BINANCE_ROW + 4;
const MASSIVE_ROW: u8 = KRAKEN_ROW + 3;
/// Alpaca's JSON row, followed by that of `MessagePack`.
const ALPACA_ROW: u8 = MASSIVE_ROW + 1;

/// A session's encoding: a row of [`ENCODINGS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoding {
    row: u8,
    /// Whether each data frame carries its send time.
    tells_sent: bool,
}

/// The functions and constants of an [`Encoder`], as a value for the table.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct EncodingRow {
    id: u8,
    subprotocol: Option<&'static str>,
    has_position: bool,
    has_pings: bool,
    has_window: bool,
    is_deflated: bool,
    has_field_table: bool,
    is_gzip: bool,
    is_binary: bool,
    fill: Fill,
    message: WriteMessage,
    past_trades: WritePastTrades,
    control: fn(&Control<'_>, &mut Vec<u8>),
    welcome: fn(&Welcome, u64, &mut Vec<u8>),
    frame_control: fn(&[u8], &mut Vec<u8>, &mut Deflater),
    ping: fn(&mut Vec<u8>),
    retry: fn(u64, &mut Vec<u8>),
    close: fn(CloseReason, &mut Vec<u8>),
}

type WritePastTrades = fn(&Addressed<'_>, &[Stamped], &View, &mut FrameTimes, &mut Vec<u8>);

type WriteMessage =
    fn(MessageKind, &Addressed<'_>, &Shown<'_>, u64, &RecordPart<'_>, &mut FrameTimes, &mut Vec<u8>);

type Fill = fn(&mut Framer, FrameSize, Option<Nanos>, &mut Fanout, SessionKey, Nanos, &Ingest) -> FrameTally;

const _: () = {
    let mut index = 0;
    while index < ENCODINGS.len() {
        assert!(ENCODINGS[index].id as usize == index, "an encoding's ID is its index in the table");
        index += 1;
    }
};

impl EncodingRow {
    const fn of<E: Encoder>(subprotocol: Option<&'static str>) -> EncodingRow {
        EncodingRow {
            id: E::ID,
            subprotocol,
            has_position: E::HAS_POSITION,
            has_pings: E::HAS_PINGS,
            has_window: E::HAS_WINDOW,
            is_deflated: E::IS_DEFLATED,
            has_field_table: E::HAS_FIELD_TABLE,
            is_gzip: E::IS_GZIP,
            is_binary: E::IS_BINARY,
            fill: fill::<E>,
            message: <E::Messages as Messages>::whole,
            past_trades: <E::Messages as Messages>::past_trades,
            control: E::control,
            welcome: E::welcome,
            frame_control: E::frame_control,
            ping: E::ping,
            retry: E::retry,
            close: E::close,
        }
    }
}

/// [`Encoding::fill`] for one encoding.
fn fill<E: Encoder>(
    framer: &mut Framer,
    size: FrameSize,
    sent: Option<Nanos>,
    fanout: &mut Fanout,
    session: SessionKey,
    now: Nanos,
    ingest: &Ingest,
) -> FrameTally {
    let mut writer = framer.begin_sent::<E>(size, sent);
    let tally = fanout.fill(session, now, ingest, &mut writer);
    if E::Messages::GATHERS {
        writer.end_gathered(fanout.is_drained(session));
    }
    writer.end();
    tally
}

impl Encoding {
    /// The encoding of a WebSocket whose client asks for none.
    pub const JSON: Encoding = Encoding::of::<Json>();
    /// The encoding of event streams.
    pub const EVENT_STREAM: Encoding = Encoding::of::<EventStream>();
    /// Event streams compressed by gzip.
    pub const EVENT_STREAM_GZIP: Encoding = Encoding::of::<EventStreamGzip>();
    /// Binance's encoding: messages with or without stream names, times in microseconds or milliseconds.
    pub const fn binance(combined: bool, micros: bool) -> Encoding {
        Encoding::of_row(BINANCE_ROW + 2 * combined as u8 + micros as u8)
    }

    /// Kraken's encoding.
    pub const KRAKEN: Encoding = Encoding::of_row(KRAKEN_ROW);
    /// Coinbase Exchange's encoding.
    pub const COINBASE_EXCHANGE: Encoding = Encoding::of_row(KRAKEN_ROW + 1);
    /// Coinbase Advanced Trade's encoding.
    pub const COINBASE_ADVANCED: Encoding = Encoding::of_row(KRAKEN_ROW + 2);
    /// Massive's encoding.
    pub const MASSIVE: Encoding = Encoding::of_row(MASSIVE_ROW);
    /// Alpaca's encoding in JSON.
    pub const ALPACA: Encoding = Encoding::of_row(ALPACA_ROW);
    /// Alpaca's encoding in `MessagePack`.
    pub const ALPACA_PACKED: Encoding = Encoding::of_row(ALPACA_ROW + 1);
    /// Binary messages over WebSocket.
    pub const BINARY: Encoding = Encoding::of::<Binary>();

    pub const fn of<E: Encoder>() -> Encoding {
        Encoding::of_row(E::ID)
    }

    const fn of_row(row: u8) -> Encoding {
        Encoding { row, tells_sent: false }
    }

    /// The same encoding with send times in data frames. Frames are then shared only within one moment.
    #[must_use]
    pub const fn telling_sent(self) -> Encoding {
        Encoding { tells_sent: true, ..self }
    }

    /// The encoding of a WebSocket subprotocol; the name must match exactly, because clients accept only what they
    /// offered.
    pub fn by_subprotocol(name: &str) -> Option<Encoding> {
        let row = ENCODINGS.iter().find(|row| row.subprotocol == Some(name))?;
        Some(Encoding::of_row(row.id))
    }

    /// All WebSocket subprotocols.
    pub fn subprotocols() -> impl Iterator<Item = &'static str> {
        ENCODINGS.iter().filter_map(|row| row.subprotocol)
    }

    /// The WebSocket subprotocol of this encoding.
    pub fn subprotocol(self) -> Option<&'static str> {
        self.row().subprotocol
    }

    /// Whether each data frame starts with the stream's position in the market.
    pub fn has_position(self) -> bool {
        self.row().has_position
    }

    /// The same messages with permessage-deflate, for receivers with this window; `None` if there is no such encoding.
    pub fn deflated(self, window: DeflateWindow) -> Option<Encoding> {
        (self == Encoding::JSON).then_some(match window {
            DeflateWindow::Full => Encoding::of::<JsonDeflated<FULL>>(),
            DeflateWindow::Small => Encoding::of::<JsonDeflated<SMALL>>(),
        })
    }

    /// Whether the WebSocket has permessage-deflate, in both directions.
    pub fn is_deflated(self) -> bool {
        self.row().is_deflated
    }

    /// Whether the stream is one gzip member (`wire/compression/gzip.rs`): bytes outside frames must be made parts of
    /// it.
    pub fn is_gzip(self) -> bool {
        self.row().is_gzip
    }

    /// Whether clients answer pings.
    pub fn has_pings(self) -> bool {
        self.row().has_pings
    }

    /// Whether pings measure how far the client has read.
    pub fn has_window(self) -> bool {
        self.row().has_window
    }

    /// The numbers that stand for field names in data; empty if data has names.
    pub fn field_table(self, custom: &CustomFields) -> Vec<NumberedField<'_>> {
        if self.row().has_field_table { binary::field_table(custom) } else { Vec::new() }
    }

    /// Fills the session's next frame in `framer`: see [`Fanout::fill`].
    #[inline]
    pub fn fill(
        self,
        framer: &mut Framer,
        size: FrameSize,
        fanout: &mut Fanout,
        session: SessionKey,
        now: Nanos,
        ingest: &Ingest,
    ) -> FrameTally {
        (self.row().fill)(framer, size, self.tells_sent.then_some(now), fanout, session, now, ingest)
    }

    /// Appends a single message for one tick or one record, exactly as [`Self::fill`] writes it.
    pub fn write_message(
        self,
        kind: MessageKind,
        head: &Addressed<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        (self.row().message)(kind, head, shown, 1, part, times, out);
    }

    /// Appends the message with a subscription's past trades, if the encoding has one.
    pub fn write_past_trades(
        self,
        head: &Addressed<'_>,
        trades: &[Stamped],
        view: &View,
        times: &mut FrameTimes,
        out: &mut Vec<u8>,
    ) {
        (self.row().past_trades)(head, trades, view, times, out);
    }

    /// Whether messages are binary WebSocket frames.
    pub fn is_binary(self) -> bool {
        self.row().is_binary
    }

    /// The index in the table.
    pub fn number(self) -> u8 {
        self.row
    }

    /// Appends a control message's payload. A message with an empty payload is not sent.
    pub fn write_control(self, message: &Control<'_>, payload: &mut Vec<u8>) {
        (self.row().control)(message, payload);
    }

    /// Appends the payload of the first message to session number `session`.
    pub fn write_welcome(self, welcome: &Welcome, session: u64, payload: &mut Vec<u8>) {
        (self.row().welcome)(welcome, session, payload);
    }

    /// Appends a frame with the payload of a control message.
    pub fn frame_control(self, payload: &[u8], out: &mut Vec<u8>, deflater: &mut Deflater) {
        (self.row().frame_control)(payload, out, deflater);
    }

    /// Appends a ping, if the encoding [has](Self::has_pings) pings.
    pub fn write_ping(self, out: &mut Vec<u8>) {
        (self.row().ping)(out);
    }

    /// Appends the reconnect delay for a lost connection; nothing in most encodings.
    pub fn write_retry(self, retry_ms: u64, out: &mut Vec<u8>) {
        (self.row().retry)(retry_ms, out);
    }

    /// Appends the last frame, with the close reason.
    pub fn write_close(self, reason: CloseReason, out: &mut Vec<u8>) {
        (self.row().close)(reason, out);
    }

    fn row(self) -> &'static EncodingRow {
        &ENCODINGS[self.row as usize]
    }
}
