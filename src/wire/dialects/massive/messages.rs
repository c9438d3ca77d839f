//! Massive's messages of data: arrays of events, with numbers as JSON numbers and times in milliseconds.
//!
//! `q` is the symbol's seq. The market knows no exchanges and tapes: `x`, `bx`, `ax` and `z` are 0. `c` has the conditions
//! that say what a trade of a stock affects. Of crypto, `c` has the side of whoever took the trade, as the venue has it. A side without orders has the
//! price 0.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    status::{self, MassiveStatus},
    streams::{
        CRYPTO_QUOTES, CRYPTO_TRADES, CURRENCIES, FUTURES_QUOTES, FUTURES_TRADES, QUOTES, TRADES, VALUES,
    },
};
use crate::{
    fanout::Form,
    tick::{Affects, Decimal, Field, Nanos, Side},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{conditions, numbers::write_padded, quote::Quote, spelling, trade::Trade},
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
        frames::FrameTimes,
        websocket,
    },
};

/// JSON, as all of Massive's. `ROW` is its index in the table of encodings.
pub struct MassiveMessages<const ROW: u8>;

const TEXT: OpCode = OpCode::Data(Data::Text);
const MILLI: i64 = 1_000_000;

impl<const ROW: u8> VenueMessages for MassiveMessages<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;

    fn body(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let form = part.form;
        if form == VALUES.form {
            return write_value(shown, out);
        }
        if form == QUOTES.form
            || form == FUTURES_QUOTES.form
            || form == CRYPTO_QUOTES.form
            || form == CURRENCIES.form
        {
            return write_quote(form, shown, out);
        }
        // What a gap is followed by is no trade.
        let (MessageKind::Update, Some(trade)) = (kind, Trade::of(shown, part)) else { return };
        if form == CRYPTO_TRADES.form {
            write_crypto_trade(&trade, shown, out);
        } else if form == FUTURES_TRADES.form {
            write_futures_trade(&trade, shown, out);
        } else {
            debug_assert!(form == TRADES.form, "there are no other trades");
            // The conditions are those of stocks. Other securities have a prefix, and other numbers.
            let is_stock = !topic.symbol.as_str().contains(':');
            let affects = part.report.filter(|_| is_stock).map_or(Affects::ALL, |report| report.affects);
            write_trade(&trade, affects, shown, out);
        }
    }

    /// Events of one kind that are due together come in one message.
    fn is_array(_: Form) -> bool {
        true
    }

    fn before(_: &Addressed<'_>, _: &Shown<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        out.push(b'[');
    }

    fn after(_: &Addressed<'_>, out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        if let Some(status) = last_status(reason) {
            websocket::write_frame(TEXT, status.to_json().as_bytes(), out);
        }
        let (code, phrase) = close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

/// What is said before the end.
fn last_status(reason: CloseReason) -> Option<MassiveStatus<'static>> {
    match reason {
        CloseReason::Slow | CloseReason::MemoryBudget => Some(status::SLOW_CONSUMER),
        CloseReason::TooManyOfUser | CloseReason::TooManySessions => Some(status::MAX_CONNECTIONS),
        CloseReason::BadToken | CloseReason::Expired | CloseReason::Revoked => Some(status::AUTH_FAILED),
        _ => None,
    }
}

/// The venue closes with 1008 and no words. Its clients take 1001 for an end that they wanted, so a server that stops says
/// 1012: they connect again.
fn close_of(reason: CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::Normal => (1000, ""),
        CloseReason::Drain => (1012, ""),
        reason if reason.code() < 4000 => (reason.code(), reason.phrase()),
        _ => (1008, ""),
    }
}

fn write_trade(trade: &Trade<'_>, affects: Affects, shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin("T", "sym", out);
    out.extend_from_slice(br#","x":0"#);
    write_id(trade, shown, out);
    out.extend_from_slice(br#","z":0"#);
    put("p", trade.price, out);
    put("s", trade.size, out);
    out.extend_from_slice(br#","ds":""#);
    write_padded(trade.size, 1, out);
    out.extend_from_slice(br#"","c":["#);
    for (at, condition) in conditions::of(affects).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_int(u64::from(condition.number), out);
    }
    out.push(b']');
    put_time("t", shown.ts, out);
    put_sequence(shown, out);
    out.push(b'}');
}

fn write_futures_trade(trade: &Trade<'_>, shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin("T", "sym", out);
    put("p", trade.price, out);
    put("s", trade.size, out);
    put_time("t", shown.ts, out);
    put_sequence(shown, out);
    out.push(b'}');
}

fn write_crypto_trade(trade: &Trade<'_>, shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin("XT", "pair", out);
    put("p", trade.price, out);
    put_time("t", shown.ts, out);
    put("s", trade.size, out);
    out.extend_from_slice(match trade.side {
        Some(Side::Sell) => br#","c":[1]"#,
        Some(Side::Buy) => br#","c":[2]"#,
        _ => br#","c":[0]"#,
    });
    write_id(trade, shown, out);
    out.extend_from_slice(br#","x":0"#);
    put_time("r", shown.rx, out);
    out.push(b'}');
}

/// Nothing of a symbol that has no quote.
fn write_quote(form: Form, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let Some(Quote { bid, bid_size, ask, ask_size }) = Quote::of(shown) else { return };
    if form == CURRENCIES.form {
        begin("C", "p", out);
        out.extend_from_slice(br#","x":0"#);
        put("a", ask, out);
        put("b", bid, out);
        put_time("t", shown.ts, out);
    } else if form == CRYPTO_QUOTES.form {
        begin("XQ", "pair", out);
        put("bp", bid, out);
        put("bs", bid_size, out);
        put("ap", ask, out);
        put("as", ask_size, out);
        put_time("t", shown.ts, out);
        out.extend_from_slice(br#","x":0"#);
        put_time("r", shown.rx, out);
    } else if form == FUTURES_QUOTES.form {
        begin("Q", "sym", out);
        put("bp", bid, out);
        put("bs", bid_size, out);
        put_time("bt", shown.ts, out);
        put("ap", ask, out);
        put("as", ask_size, out);
        put_time("at", shown.ts, out);
        put_time("t", shown.ts, out);
    } else {
        begin("Q", "sym", out);
        out.extend_from_slice(br#","bx":0"#);
        put("bp", bid, out);
        put("bs", bid_size, out);
        out.extend_from_slice(br#","ax":0"#);
        put("ap", ask, out);
        put("as", ask_size, out);
        out.extend_from_slice(br#","c":0"#);
        put_time("t", shown.ts, out);
        put_sequence(shown, out);
        out.extend_from_slice(br#","z":0"#);
    }
    out.push(b'}');
}

fn write_value(shown: &Shown<'_>, out: &mut Vec<u8>) {
    let Some(value) = shown.fields.get_decimal(Field::Last) else { return };
    out.extend_from_slice(br#"{"ev":"V""#);
    put("val", value, out);
    out.extend_from_slice(br#","T":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
    put_time("t", shown.ts, out);
    out.push(b'}');
}

/// The event, and the member with the symbol.
fn begin(event: &str, member: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"ev":""#);
    out.extend_from_slice(event.as_bytes());
    out.push(b'"');
    begin_value(member, out);
    out.push(b'"');
    out.push(spelling::PLACE);
    out.push(b'"');
}

/// The name of the trade by its venue; its number here where it has none.
fn write_id(trade: &Trade<'_>, shown: &Shown<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","i":""#);
    if trade.id.is_empty() {
        write_int(shown.seq, out);
    } else {
        out.extend_from_slice(trade.id.text().as_bytes());
    }
    out.push(b'"');
}

fn put(name: &str, value: Decimal, out: &mut Vec<u8>) {
    begin_value(name, out);
    value.write(out);
}

fn put_time(name: &str, time: Nanos, out: &mut Vec<u8>) {
    begin_value(name, out);
    write_int(u64::try_from(time.0.div_euclid(MILLI)).unwrap_or(0), out);
}

fn put_sequence(shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin_value("q", out);
    write_int(shown.seq, out);
}

fn begin_value(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
