//! Exchange's messages of data: `match`, `ticker` and `heartbeat`, with numbers as strings.
//!
//! `sequence` is the symbol's seq here. A trade's orders are not known, so its two ids are made of that: they differ from
//! trade to trade and are always the same. A match has the side of the order that rested, as the venue has it. The figures
//! of 24 hours and 30 days are those since the market began.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::streams::{HEARTBEAT, MATCHES};
use crate::{
    tick::{Decimal, Field, Nanos, Side},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{iso, spelling, trade::Trade},
        encodings::{
            encoder::{Constant, MessageKind, RecordPart, Shown},
            venue::{PastTrade, VenueMessages},
        },
        websocket,
    },
};

/// JSON, as all of Exchange's. `ROW` is its index in the table of encodings.
pub struct ExchangeMessages<const ROW: u8>;

/// The type of the trade before the client came.
const LAST_MATCH: &str = "last_match";
const TEXT: OpCode = OpCode::Data(Data::Text);

impl<const ROW: u8> VenueMessages for ExchangeMessages<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(trade) = Trade::of(shown, part) else {
            // A product that has not traded has heartbeats all the same.
            if part.form == HEARTBEAT.form {
                write_heartbeat(0, shown, out);
            }
            return;
        };
        if part.form == MATCHES.form {
            let word = if kind == MessageKind::Snapshot { LAST_MATCH } else { "match" };
            write_match(word, &trade, shown.seq, shown.ts, out);
        } else if part.form == HEARTBEAT.form {
            write_heartbeat(trade.number(shown.seq), shown, out);
        } else {
            write_ticker(&trade, shown, out);
        }
    }

    fn past_trades(trades: &[PastTrade<'_>], out: &mut Vec<u8>) {
        if let Some(PastTrade { trade, seq, ts }) = trades.last() {
            write_match(LAST_MATCH, trade, *seq, *ts, out);
        }
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        if matches!(reason, CloseReason::Slow | CloseReason::MemoryBudget) {
            let error =
                br#"{"type":"error","message":"ErrSlowConsume","reason":"too many backed up messages"}"#;
            websocket::write_frame(TEXT, error, out);
        }
        let (code, phrase) = close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

/// The venue's code and words, both of Exchange's and of Advanced Trade's.
pub fn close_of(reason: CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::Normal => (1000, ""),
        CloseReason::Drain => (1001, ""),
        CloseReason::Slow | CloseReason::MemoryBudget => (1008, "ErrSlowConsume"),
        CloseReason::Policy => (1008, "ErrSlowRead"),
        reason if reason.code() < 4000 => (reason.code(), reason.phrase()),
        reason => (1008, reason.phrase()),
    }
}

fn write_match(word: &str, trade: &Trade<'_>, seq: u64, ts: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(br#"","trade_id":"#);
    write_int(trade.number(seq), out);
    out.extend_from_slice(br#","maker_order_id":""#);
    write_order_id(seq, b'a', out);
    out.extend_from_slice(br#"","taker_order_id":""#);
    write_order_id(seq, b'b', out);
    out.extend_from_slice(br#"","side":""#);
    out.extend_from_slice(if trade.side == Some(Side::Sell) { b"buy" } else { b"sell" });
    out.push(b'"');
    put("size", trade.size, out);
    put("price", trade.price, out);
    write_product(out);
    write_sequence(seq, out);
    end(ts, out);
}

fn write_ticker(trade: &Trade<'_>, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let of = |field| shown.fields.get_decimal(field);
    let or_last = |field| of(field).unwrap_or(trade.price);
    let or_zero = |field| of(field).unwrap_or(Decimal::ZERO);
    out.extend_from_slice(br#"{"type":"ticker""#);
    write_sequence(shown.seq, out);
    write_product(out);
    put("price", trade.price, out);
    put("open_24h", or_last(Field::Open), out);
    write_volume("volume_24h", shown, out);
    put("low_24h", or_last(Field::Low), out);
    put("high_24h", or_last(Field::High), out);
    write_volume("volume_30d", shown, out);
    put("best_bid", or_zero(Field::Bid), out);
    put("best_bid_size", or_zero(Field::BidSize), out);
    put("best_ask", or_zero(Field::Ask), out);
    put("best_ask_size", or_zero(Field::AskSize), out);
    // Of the taker, in this message.
    out.extend_from_slice(br#","side":""#);
    out.extend_from_slice(if trade.side == Some(Side::Sell) { b"sell" } else { b"buy" });
    out.extend_from_slice(br#"","time":""#);
    iso::write_micros(shown.ts, out);
    out.extend_from_slice(br#"","trade_id":"#);
    write_int(trade.number(shown.seq), out);
    put("last_size", trade.size, out);
    out.push(b'}');
}

fn write_heartbeat(last_trade: u64, shown: &Shown<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"heartbeat""#);
    write_sequence(shown.seq, out);
    out.extend_from_slice(br#","last_trade_id":"#);
    write_int(last_trade, out);
    write_product(out);
    end(shown.ts, out);
}

fn end(time: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","time":""#);
    iso::write_micros(time, out);
    out.extend_from_slice(b"\"}");
}

fn write_product(out: &mut Vec<u8>) {
    out.extend_from_slice(br#","product_id":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
}

fn write_sequence(seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","sequence":"#);
    write_int(seq, out);
}

/// A UUID of version 8, whose content is its maker's own.
fn write_order_id(seq: u64, which: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 16];
    for (digit, byte) in digits.chunks_exact_mut(2).zip(seq.to_be_bytes()) {
        digit.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    out.extend_from_slice(&digits[..8]);
    out.push(b'-');
    out.extend_from_slice(&digits[8..12]);
    out.extend_from_slice(b"-8000-8000-");
    out.push(which);
    out.extend_from_slice(b"0000000");
    out.extend_from_slice(&digits[12..]);
}

/// The name, then a decimal as a string.
pub fn put(name: &str, value: Decimal, out: &mut Vec<u8>) {
    begin_value(name, out);
    value.write(out);
    out.push(b'"');
}

/// What was traded since the market began.
pub fn write_volume(name: &str, shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin_value(name, out);
    shown.fields.volume().write(out);
    out.push(b'"');
}

fn begin_value(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
}
