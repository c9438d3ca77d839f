//! The messages of data: raw, or combined with the name of their stream; with times in milliseconds or microseconds.
//!
//! Numbers are strings with eight decimals, and more when the value has more. `E` is the time of receipt, `T` that of the
//! trade, `u` the seq of the record, `t` the venue's number of the trade or else its seq. The market has no quote volume and
//! no average price: `q` of the tickers and `w` are zero.

use super::streams::{
    AGG_TRADE, ALL_BOOK_TICKERS, ALL_MINI_TICKERS, ALL_TICKERS, BOOK_TICKER, MINI_TICKER, TRADE,
};
use crate::{
    fanout::{Form, Name},
    tick::{Decimal, Field, Nanos, Side, Symbol},
    wire::{
        CloseReason,
        assembled::write_int,
        dialects::{
            numbers::{write_padded, write_padded_volume, write_smallest},
            quote::Quote,
            trade::Trade,
        },
        encodings::{
            encoder::{Addressed, Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
        frames::FrameTimes,
        websocket,
    },
};

/// Messages of a session. `ROW` is its index in the table of encodings.
pub struct BinanceMessages<const ROW: u8, const COMBINED: bool, const MICROS: bool>;

const PLACES: usize = 8;
const DAY_NANOS: i64 = 86_400_000_000_000;

impl<const ROW: u8, const COMBINED: bool, const MICROS: bool> VenueMessages
    for BinanceMessages<ROW, COMBINED, MICROS>
{
    const ID: u8 = ROW;
    const GATHERS: bool = true;

    fn body(
        kind: MessageKind,
        topic: &Constant<'_>,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        out: &mut Vec<u8>,
    ) {
        let time = |time: Nanos, out: &mut Vec<u8>| write_time::<MICROS>(time, out);
        let form = part.form;
        if form == TRADE.form || form == AGG_TRADE.form {
            // What a gap is followed by is no trade.
            if kind == MessageKind::Update
                && let Some(trade) = Trade::of(shown, part)
            {
                write_trade(form == AGG_TRADE.form, topic.symbol, shown, &trade, time, out);
            }
        } else if form == BOOK_TICKER.form || form == ALL_BOOK_TICKERS.form {
            write_book_ticker(topic.symbol, shown, out);
        } else if form == MINI_TICKER.form || form == ALL_MINI_TICKERS.form {
            write_mini_ticker(topic.symbol, shown, time, out);
        } else {
            write_ticker(topic.symbol, shown, time, out);
        }
    }

    fn is_array(form: Form) -> bool {
        form == ALL_MINI_TICKERS.form || form == ALL_TICKERS.form
    }

    fn before(head: &Addressed<'_>, _: &Shown<'_>, _: &mut FrameTimes, out: &mut Vec<u8>) {
        if COMBINED {
            out.extend_from_slice(br#"{"stream":""#);
            write_stream(head, out);
            out.extend_from_slice(br#"","data":"#);
        }
        if Self::is_array(head.form) {
            out.push(b'[');
        }
    }

    fn after(head: &Addressed<'_>, out: &mut Vec<u8>) {
        if Self::is_array(head.form) {
            out.push(b']');
        }
        if COMBINED {
            out.push(b'}');
        }
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        let (code, phrase) = close_of(reason);
        websocket::write_close_of(code, phrase, out);
    }
}

/// The venue's code and words.
pub fn close_of(reason: CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::PongTimeout => (1008, "Pong timeout"),
        CloseReason::Policy => (1008, "Too many requests"),
        CloseReason::Slow | CloseReason::MemoryBudget => (1008, "Slow consumer: messages were lost"),
        CloseReason::Normal => (1000, ""),
        CloseReason::Drain => (1001, "serverShutdown"),
        reason if reason.code() < 4000 => (reason.code(), reason.phrase()),
        reason => (1008, reason.phrase()),
    }
}

fn write_time<const MICROS: bool>(time: Nanos, out: &mut Vec<u8>) {
    let micros = time.micros();
    let shown = if MICROS { micros } else { micros / 1000 };
    out.extend_from_slice(itoa::Buffer::new().format(shown).as_bytes());
}

fn write_stream(head: &Addressed<'_>, out: &mut Vec<u8>) {
    if let Some(all) =
        [&ALL_BOOK_TICKERS, &ALL_MINI_TICKERS, &ALL_TICKERS].into_iter().find(|kind| kind.form == head.form)
    {
        return out.extend_from_slice(all.name.as_bytes());
    }
    let begin = out.len();
    out.extend_from_slice(head.topic.symbol.as_str().as_bytes());
    out[begin..].make_ascii_lowercase();
    out.push(b'@');
    out.extend_from_slice(head.name.map(Name::as_str).unwrap_or_default().as_bytes());
}

/// The name, then the text of a decimal in quotes.
fn put(name: &str, value: Option<Decimal>, out: &mut Vec<u8>) {
    begin_value(name, out);
    write_padded(value.unwrap_or(Decimal::ZERO), PLACES, out);
    out.push(b'"');
}

fn begin_value(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
}

fn put_int(name: &str, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_int(value, out);
}

fn write_event(
    event: &str,
    symbol: &Symbol,
    shown: &Shown<'_>,
    time: impl Fn(Nanos, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"{"e":""#);
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(br#"","E":"#);
    time(shown.rx, out);
    out.extend_from_slice(br#","s":""#);
    write_upper(symbol, out);
    out.push(b'"');
}

pub(super) fn write_upper(symbol: &Symbol, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(symbol.as_str().as_bytes());
    out[begin..].make_ascii_uppercase();
}

fn write_trade(
    is_aggregate: bool,
    symbol: &Symbol,
    shown: &Shown<'_>,
    trade: &Trade<'_>,
    time: impl Fn(Nanos, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let number = trade.number(shown.seq);
    write_event(if is_aggregate { "aggTrade" } else { "trade" }, symbol, shown, &time, out);
    put_int(if is_aggregate { "a" } else { "t" }, number, out);
    put("p", Some(trade.price), out);
    put("q", Some(trade.size), out);
    if is_aggregate {
        put_int("f", number, out);
        put_int("l", number, out);
    }
    out.extend_from_slice(br#","T":"#);
    time(shown.ts, out);
    out.extend_from_slice(br#","m":"#);
    out.extend_from_slice(if trade.side == Some(Side::Sell) { b"true" } else { b"false" });
    out.extend_from_slice(br#","M":true}"#);
}

/// A side without orders has zeros, as on the venue. Nothing without a quote.
fn write_book_ticker(symbol: &Symbol, shown: &Shown<'_>, out: &mut Vec<u8>) {
    let Some(quote) = Quote::of(shown) else { return };
    out.extend_from_slice(br#"{"u":"#);
    write_int(shown.seq, out);
    out.extend_from_slice(br#","s":""#);
    write_upper(symbol, out);
    out.push(b'"');
    for (name, value) in [("b", quote.bid), ("B", quote.bid_size), ("a", quote.ask), ("A", quote.ask_size)] {
        put(name, Some(value), out);
    }
    out.push(b'}');
}

/// The last price and the day's; nothing before the first trade.
#[derive(Clone, Copy, Default)]
pub(super) struct DayPrices {
    pub last: Decimal,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
}

impl DayPrices {
    pub fn of(shown: &Shown<'_>) -> Option<DayPrices> {
        let of = |field| shown.fields.get_decimal(field);
        let last = of(Field::Last)?;
        let or_last = |field| of(field).unwrap_or(last);
        Some(DayPrices {
            last,
            open: or_last(Field::Open),
            high: or_last(Field::High),
            low: or_last(Field::Low),
        })
    }
}

fn write_mini_ticker(
    symbol: &Symbol,
    shown: &Shown<'_>,
    time: impl Fn(Nanos, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let Some(day) = DayPrices::of(shown) else { return };
    write_event("24hrMiniTicker", symbol, shown, time, out);
    for (name, value) in [("c", day.last), ("o", day.open), ("h", day.high), ("l", day.low)] {
        put(name, Some(value), out);
    }
    write_volumes(shown, out);
    out.push(b'}');
}

fn write_volumes(shown: &Shown<'_>, out: &mut Vec<u8>) {
    begin_value("v", out);
    write_padded_volume(shown.fields.volume(), PLACES, out);
    out.push(b'"');
    put("q", None, out);
}

fn write_ticker(symbol: &Symbol, shown: &Shown<'_>, time: impl Fn(Nanos, &mut Vec<u8>), out: &mut Vec<u8>) {
    let Some(day) = DayPrices::of(shown) else { return };
    let of = |field| shown.fields.get_decimal(field);
    write_event("24hrTicker", symbol, shown, &time, out);
    let (change, open) = (day.last.smallest_units() - day.open.smallest_units(), day.open.smallest_units());
    begin_value("p", out);
    write_smallest(change, PLACES, out);
    out.push(b'"');
    begin_value("P", out);
    write_percent(change, open, out);
    out.push(b'"');
    put("w", None, out);
    put("x", Some(day.open), out);
    put("c", Some(day.last), out);
    for (name, field) in [
        ("Q", Field::LastSize),
        ("b", Field::Bid),
        ("B", Field::BidSize),
        ("a", Field::Ask),
        ("A", Field::AskSize),
    ] {
        put(name, of(field), out);
    }
    for (name, value) in [("o", day.open), ("h", day.high), ("l", day.low)] {
        put(name, Some(value), out);
    }
    write_volumes(shown, out);
    out.extend_from_slice(br#","O":"#);
    time(Nanos(shown.rx.0.saturating_sub(DAY_NANOS)), out);
    out.extend_from_slice(br#","C":"#);
    time(shown.rx, out);
    let trades = shown.fields.trades;
    let last_id = shown.fields.trade_id().text().parse::<u64>().unwrap_or(trades);
    put_int("F", last_id.saturating_sub(trades.saturating_sub(1)), out);
    put_int("L", last_id, out);
    put_int("n", trades, out);
    out.push(b'}');
}

/// With three places, as the venue has it; zero without an open.
pub(super) fn write_percent(change: i128, open: i128, out: &mut Vec<u8>) {
    let coarse = || change.checked_div(open / 100_000);
    let thousandths = change.checked_mul(100_000).map_or_else(coarse, |change| change.checked_div(open));
    let thousandths = thousandths.unwrap_or(0);
    let size = thousandths.unsigned_abs();
    let sign = if thousandths < 0 { "-" } else { "" };
    out.extend_from_slice(format!("{sign}{}.{:03}", size / 1000, size % 1000).as_bytes());
}
