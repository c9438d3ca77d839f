//! Advanced Trade's messages of data: `market_trades`, `ticker` and `ticker_batch`, with numbers as strings.
//!
//! A message has one event with one trade or one ticker. Its number is the session's, so it stands before what sessions
//! share. A trade has the side of the order that rested. The figures of 24 hours and 52 weeks are those since the market
//! began.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::streams::{MARKET_TRADES, TICKER, TICKER_BATCH};
use crate::{
    fanout::Form,
    tick::{Decimal, Field, Nanos, Side},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{
            coinbase_exchange::messages::{close_of, put, write_volume},
            iso,
            numbers::write_smallest,
            percent::percent,
            spelling,
            trade::Trade,
        },
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::{PastTrade, VenueMessages},
        },
        frames::FrameTimes,
        websocket,
    },
};

/// JSON, as all of Advanced Trade's. `ROW` is its index in the table of encodings.
pub struct AdvancedMessages<const ROW: u8>;

/// Behind the channel of every message. The venue's documents have an empty `client_id` there, which clients with types ask
/// for (`cbadv`, `cbat`); its wire of 2026 was seen without.
pub const NO_CLIENT: &[u8] = br#"","client_id":"","timestamp":""#;
/// Before the trades of an event.
const TRADES: &[u8] = br#""trades":["#;
const TEXT: OpCode = OpCode::Data(Data::Text);

impl<const ROW: u8> VenueMessages for AdvancedMessages<ROW> {
    const ID: u8 = ROW;
    const IS_SPELLED: bool = true;
    const IS_NUMBERED: bool = true;

    fn body(
        kind: MessageKind,
        _: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(trade) = Trade::of(shown, part) else { return };
        out.extend_from_slice(match kind {
            MessageKind::Snapshot => br#"[{"type":"snapshot","#.as_slice(),
            MessageKind::Update => br#"[{"type":"update","#,
        });
        if part.form == MARKET_TRADES.form {
            out.extend_from_slice(TRADES);
            write_trade(&trade, shown.seq, shown.ts, out);
        } else {
            write_ticker(&trade, shown, out);
        }
        out.extend_from_slice(b"]}]}");
    }

    /// The newest comes first, as the venue has it.
    fn past_trades(trades: &[PastTrade<'_>], out: &mut Vec<u8>) {
        out.extend_from_slice(br#"[{"type":"snapshot","#);
        out.extend_from_slice(TRADES);
        for (at, PastTrade { trade, seq, ts }) in trades.iter().rev().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_trade(trade, *seq, *ts, out);
        }
        out.extend_from_slice(b"]}]}");
    }

    fn before(head: &Addressed<'_>, shown: &Shown<'_>, state: &mut FrameTimes, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"channel":""#);
        out.extend_from_slice(channel_of(head.form).as_bytes());
        out.extend_from_slice(NO_CLIENT);
        iso::write_nanos(shown.rx, out);
        out.extend_from_slice(br#"","sequence_num":"#);
        write_int(state.sequence, out);
        state.sequence += 1;
        out.extend_from_slice(br#","events":"#);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        if matches!(reason, CloseReason::Slow | CloseReason::MemoryBudget) {
            websocket::write_frame(TEXT, br#"{"type":"error","message":"ErrSlowConsume"}"#, out);
        }
        let (code, phrase) = close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

fn channel_of(form: Form) -> &'static str {
    let all = [&MARKET_TRADES, &TICKER, &TICKER_BATCH];
    all.into_iter().find(|kind| kind.form == form).map_or("", |kind| kind.name)
}

fn write_trade(trade: &Trade<'_>, seq: u64, ts: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"product_id":""#);
    out.push(spelling::PLACE);
    out.extend_from_slice(br#"","trade_id":""#);
    write_int(trade.number(seq), out);
    out.push(b'"');
    put("price", trade.price, out);
    put("size", trade.size, out);
    out.extend_from_slice(br#","time":""#);
    iso::write_micros(ts, out);
    out.extend_from_slice(br#"","side":""#);
    out.extend_from_slice(if trade.side == Some(Side::Sell) { b"BUY" } else { b"SELL" });
    out.extend_from_slice(b"\"}");
}

fn write_ticker(trade: &Trade<'_>, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let of = |field| shown.fields.get_decimal(field);
    let or_last = |field| of(field).unwrap_or(trade.price);
    let or_zero = |field| of(field).unwrap_or(Decimal::ZERO);
    let (low, high) = (or_last(Field::Low), or_last(Field::High));
    out.extend_from_slice(br#""tickers":[{"type":"ticker","product_id":""#);
    out.push(spelling::PLACE);
    out.push(b'"');
    put("price", trade.price, out);
    write_volume("volume_24_h", shown, out);
    put("low_24_h", low, out);
    put("high_24_h", high, out);
    put("low_52_w", low, out);
    put("high_52_w", high, out);
    out.extend_from_slice(br#","price_percent_chg_24_h":""#);
    write_percent(trade.price, or_last(Field::Open), out);
    out.push(b'"');
    put("best_bid", or_zero(Field::Bid), out);
    put("best_ask", or_zero(Field::Ask), out);
    put("best_bid_quantity", or_zero(Field::BidSize), out);
    put("best_ask_quantity", or_zero(Field::AskSize), out);
    out.push(b'}');
}

/// With up to fourteen places, rounded, as the venue has them; 0 without an open.
fn write_percent(last: Decimal, open: Decimal, out: &mut Vec<u8>) {
    const PLACES: u32 = 14;
    let (open, change) = (open.smallest_units(), last.smallest_units() - open.smallest_units());
    // A value of that many places in units of 1e-18.
    write_smallest(percent(change, open, PLACES).saturating_mul(10i128.pow(18 - PLACES)), 1, out);
}
