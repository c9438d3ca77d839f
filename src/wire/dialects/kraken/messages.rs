//! Kraken's messages of data: `trade` and `ticker`, with numbers as JSON numbers and times in microseconds.
//!
//! A venue's figures of 24 hours are here those since the market began. `vwap` is the last price, because the market keeps
//! no turnover. What it does not know yet is 0, as of a pair that has not traded.

use super::streams::TRADE;
use crate::{
    tick::{Decimal, Field, Nanos, Side},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{iso, numbers::write_smallest, percent::percent, quote::Quote, spelling, trade::Trade},
        encodings::{
            encoder::{Constant, MessageKind, RecordPart, Shown},
            venue::{PastTrade, VenueMessages},
        },
        websocket,
    },
};

/// JSON, as all of Kraken's. `ROW` is its index in the table of encodings.
pub struct KrakenMessages<const ROW: u8>;

impl<const ROW: u8> VenueMessages for KrakenMessages<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        if part.form != TRADE.form {
            return write_ticker(kind, shown, out);
        }
        // What a gap is followed by is no trade.
        if let (MessageKind::Update, Some(trade)) = (kind, Trade::of(shown, part)) {
            begin("trade", kind, out);
            write_trade(&trade, shown.seq, shown.ts, out);
            out.extend_from_slice(b"]}");
        }
    }

    fn past_trades(trades: &[PastTrade<'_>], out: &mut Vec<u8>) {
        begin("trade", MessageKind::Snapshot, out);
        for (at, PastTrade { trade, seq, ts }) in trades.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_trade(trade, *seq, *ts, out);
        }
        out.extend_from_slice(b"]}");
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        let (code, phrase) = close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

/// The venue closes what is too slow, or asks too much, without a word of its own.
fn close_of(reason: CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::Normal => (1000, ""),
        CloseReason::Drain => (1001, ""),
        CloseReason::Slow | CloseReason::MemoryBudget => (1013, "slow consumer: messages were lost"),
        CloseReason::Policy => (1008, "Exceeded msg rate"),
        reason if reason.code() < 4000 => (reason.code(), reason.phrase()),
        reason => (1008, reason.phrase()),
    }
}

fn begin(channel: &str, kind: MessageKind, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"channel":""#);
    out.extend_from_slice(channel.as_bytes());
    out.extend_from_slice(br#"","type":""#);
    out.extend_from_slice(match kind {
        MessageKind::Snapshot => b"snapshot",
        MessageKind::Update => b"update",
    });
    out.extend_from_slice(br#"","data":["#);
}

fn begin_entry(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"symbol":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
}

fn write_trade(trade: &Trade<'_>, seq: u64, ts: Nanos, out: &mut Vec<u8>) {
    begin_entry(out);
    out.extend_from_slice(br#","side":""#);
    // Without a side it counts as a purchase, as a trade at a rising price does.
    out.extend_from_slice(if trade.side == Some(Side::Sell) { b"sell" } else { b"buy" });
    out.push(b'"');
    put("price", trade.price, out);
    put("qty", trade.size, out);
    out.extend_from_slice(br#","ord_type":"market","trade_id":"#);
    write_int(trade.number(seq), out);
    end_entry(ts, out);
}

fn end_entry(ts: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","timestamp":""#);
    iso::write_micros(ts, out);
    out.extend_from_slice(b"\"}");
}

/// Nothing of a symbol without a quote and a price.
fn write_ticker(kind: MessageKind, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let of = |field| shown.fields.get_decimal(field);
    let quote = Quote::of(shown);
    if quote.is_none() && of(Field::Last).is_none() {
        return;
    }
    let quote = quote.unwrap_or(Quote::EMPTY);
    let last = of(Field::Last).unwrap_or(Decimal::ZERO);
    let (change, open) = match of(Field::Open) {
        Some(open) => (last.smallest_units() - open.smallest_units(), open.smallest_units()),
        None => (0, 0),
    };
    begin("ticker", kind, out);
    begin_entry(out);
    put("bid", quote.bid, out);
    put("bid_qty", quote.bid_size, out);
    put("ask", quote.ask, out);
    put("ask_qty", quote.ask_size, out);
    put("last", last, out);
    begin_value("volume", out);
    shown.fields.volume().write(out);
    put("vwap", last, out);
    put("low", of(Field::Low).unwrap_or(last), out);
    put("high", of(Field::High).unwrap_or(last), out);
    begin_value("change", out);
    write_smallest(change, 1, out);
    begin_value("change_pct", out);
    write_percent(change, open, out);
    end_entry(shown.ts, out);
    out.extend_from_slice(b"]}");
}

fn put(name: &str, value: Decimal, out: &mut Vec<u8>) {
    begin_value(name, out);
    value.write(out);
}

fn begin_value(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// With two places, rounded; 0 without an open.
fn write_percent(change: i128, open: i128, out: &mut Vec<u8>) {
    let signed = percent(change, open, 2);
    let hundredths = signed.unsigned_abs();
    if signed < 0 {
        out.push(b'-');
    }
    write_int(u64::try_from(hundredths / 100).unwrap_or(u64::MAX), out);
    out.push(b'.');
    // Both are digits.
    out.extend([b'0' + (hundredths / 10 % 10) as u8, b'0' + (hundredths % 10) as u8]);
}
