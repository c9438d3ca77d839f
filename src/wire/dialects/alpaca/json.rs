//! Alpaca's messages of data in JSON: trades, and quotes, that follow one another are one array.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{
    answer::AlpacaError,
    point::{self, AlpacaDatum, CANCELLED, EXCHANGE, QUOTE_CONDITION, TAPE},
};
use crate::{
    fanout::Form,
    tick::Decimal,
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{iso, quote::Quote, spelling},
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
        frames::FrameTimes,
        websocket,
    },
};

/// `ROW` is its index in the table of encodings.
pub struct AlpacaJson<const ROW: u8>;

impl<const ROW: u8> VenueMessages for AlpacaJson<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(point) = AlpacaDatum::of(kind, shown, part) else { return };
        let is_crypto = point::is_crypto(part.form);
        begin(AlpacaDatum::kind(part.form, shown), out);
        match &point {
            AlpacaDatum::Trade { trade, number, conditions } => {
                put_number("i", *number, out);
                if !is_crypto {
                    put_text("x", EXCHANGE, out);
                }
                put("p", trade.price, out);
                put("s", trade.size, out);
                put_time(shown, out);
                if is_crypto {
                    put_text("tks", point::taker(trade.side), out);
                } else {
                    put_letters("c", point::letters(conditions), out);
                    put_text("z", TAPE, out);
                }
            }
            AlpacaDatum::Quote(quote) => write_quote(quote, shown, is_crypto, out),
            AlpacaDatum::Cancel { number } => {
                put_number("i", *number, out);
                put_text("x", EXCHANGE, out);
                put("p", Decimal::ZERO, out);
                put("s", Decimal::ZERO, out);
                put_text("a", CANCELLED, out);
                put_text("z", TAPE, out);
                put_time(shown, out);
            }
            AlpacaDatum::Correction { number, price, size, conditions } => {
                put_text("x", EXCHANGE, out);
                for (names, price, size) in [
                    (["oi", "op", "os", "oc"], Decimal::ZERO, Decimal::ZERO),
                    (["ci", "cp", "cs", "cc"], *price, *size),
                ] {
                    put_number(names[0], *number, out);
                    put(names[1], price, out);
                    put(names[2], size, out);
                    put_letters(names[3], point::letters(conditions), out);
                }
                put_text("z", TAPE, out);
                put_time(shown, out);
            }
        }
        out.push(b'}');
    }

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
        if let Some(error) = AlpacaError::of_close(reason) {
            websocket::write_frame(OpCode::Data(Data::Text), error.to_json().as_bytes(), out);
        }
        let (code, phrase) = AlpacaError::close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

fn write_quote(quote: &Quote, shown: &Shown<'_>, is_crypto: bool, out: &mut Vec<u8>) {
    for (exchange, price, size, values) in
        [("bx", "bp", "bs", (quote.bid, quote.bid_size)), ("ax", "ap", "as", (quote.ask, quote.ask_size))]
    {
        if !is_crypto {
            put_text(exchange, EXCHANGE, out);
        }
        put(price, values.0, out);
        put(size, values.1, out);
    }
    put_time(shown, out);
    if !is_crypto {
        put_letters("c", [QUOTE_CONDITION].into_iter(), out);
        put_text("z", TAPE, out);
    }
}

fn begin(kind: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"T":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","S":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
}

fn name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn put(key: &str, value: Decimal, out: &mut Vec<u8>) {
    name(key, out);
    value.write(out);
}

fn put_number(key: &str, value: u64, out: &mut Vec<u8>) {
    name(key, out);
    write_int(value, out);
}

fn put_text(key: &str, text: &str, out: &mut Vec<u8>) {
    name(key, out);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn put_time(shown: &Shown<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","t":""#);
    iso::write_shortest(shown.ts, out);
    out.push(b'"');
}

fn put_letters<'a>(key: &str, letters: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    name(key, out);
    for (at, letter) in letters.enumerate() {
        out.extend_from_slice(if at == 0 { b"[\"".as_slice() } else { b",\"" });
        out.extend_from_slice(letter.as_bytes());
        out.push(b'"');
    }
    out.push(b']');
}
