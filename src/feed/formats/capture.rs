//! Raw captures of Binance's combined streams, as hftbacktest's collector writes them: one frame per line, after its
//! receive time.
//!
//! ```text
//! 1676419207212527000 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"61837.63","B":"3.7","a":"61837.64","A":"1.5"}}
//! ```
//! `bookTicker`, `trade` and `aggTrade` are ticks. Other streams, lines without a stream (answers to requests), and
//! trades of futures settled elsewhere (price 0, mark `NA`) are skipped. A line without the time has no receive time.
//! The unit of a time is detected from its size.
//!
//! `trade` and `aggTrade` report the same trades: for each symbol those of the stream that comes first are taken, the
//! others are skipped, and a note says so.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Decoder, DecoderOutput, FormatFault,
    streams::{self, FoundTicks},
    table::{RowValue, decimal},
    trade_events::{TradeEvent, TradeEvents},
};
use crate::{
    feed::{
        ndjson::{LineSplitter, RawLine, ValueFault},
        recording::RecordPosition,
    },
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Side, Symbol, Tick, TradeId},
};

/// The state between chunks.
pub struct Capture {
    lines: LineSplitter,
    line_bytes_max: usize,
    trades: TradeEvents,
    found: FoundTicks,
}

#[derive(Deserialize)]
#[serde(rename = "Frame")]
struct CombinedFrame<'a> {
    /// Empty when there is none; within an [`Option`] it would be copied.
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Decimals are strings, so no value passes through a float.
#[derive(Deserialize)]
#[serde(rename = "BookTicker")]
struct CapturedQuote<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    b: Cow<'a, str>,
    #[serde(borrow, rename = "B")]
    bid_size: Cow<'a, str>,
    #[serde(borrow)]
    a: Cow<'a, str>,
    #[serde(borrow, rename = "A")]
    ask_size: Cow<'a, str>,
    /// Only of futures.
    #[serde(rename = "T")]
    time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct CapturedTrade<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "T")]
    time: i64,
    /// The names of a trade and of an aggregated one.
    #[serde(borrow)]
    t: Option<&'a RawValue>,
    #[serde(borrow)]
    a: Option<&'a RawValue>,
    /// Whether the buyer's order was resting in the book.
    m: bool,
    /// How the trade came about, only of futures.
    #[serde(borrow, default, rename = "X")]
    mark: Cow<'a, str>,
}

/// The mark of what was not traded on the exchange.
const MARK_NONE: &str = "NA";

/// The message of a line, without the time before it.
pub fn without_time(line: &[u8]) -> &[u8] {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = line[digits..].trim_ascii_start();
    if digits >= 10 && rest.len() < line.len() - digits { rest } else { line }
}

// === impl Capture ===

impl Capture {
    /// Messages fill these fields too.
    pub fn new(line_bytes_max: usize, fields: Arc<CustomFields>) -> Self {
        Capture {
            found: FoundTicks::new(fields),
            lines: LineSplitter::new(line_bytes_max),
            line_bytes_max,
            trades: TradeEvents::of_streams(),
        }
    }
}

impl Decoder for Capture {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let mut chunk = self.lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(&mut self.trades, &mut self.found, self.line_bytes_max, line, out);
        }
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        if let Some(line) = self.lines.finish() {
            decode_line(&mut self.trades, &mut self.found, self.line_bytes_max, line, out);
        }
    }
}

fn decode_line(
    trades: &mut TradeEvents,
    found: &mut FoundTicks,
    line_bytes_max: usize,
    line: RawLine<'_>,
    out: &mut DecoderOutput,
) {
    let (number, line, made) = match line {
        RawLine::Whole { number, bytes } => (number, &*bytes, make(bytes, trades, found)),
        RawLine::TooLong { number } => (number, &[][..], Err(FormatFault::TooLong { limit: line_bytes_max })),
    };
    out.notes.extend(trades.note.take());
    match made {
        Ok(RowValue::Tick(rx, tick)) => out.tick(RecordPosition::Line(number), rx, tick),
        Ok(RowValue::Nothing) => out.pass(line),
        Err(fault) => out.reject(RecordPosition::Line(number), fault.reason(), || fault.to_string()),
    }
}

fn make(line: &[u8], trades: &mut TradeEvents, found: &mut FoundTicks) -> Result<RowValue, FormatFault> {
    let line = FormatFault::text(line)?;
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rx = match &line[..digits] {
        "" => None,
        count => {
            let rx = count.parse().ok().and_then(Nanos::by_size);
            Some(rx.ok_or(FormatFault::value("time", ValueFault::Nanos))?)
        }
    };
    let json = &line[digits..];
    // Answers to requests have other shapes, arrays among them.
    let frame: CombinedFrame<'_> = match serde_json::from_str(json) {
        Ok(frame) => frame,
        Err(error) if error.is_data() && serde_json::from_str::<IgnoredAny>(json).is_ok() => {
            return Ok(RowValue::Nothing);
        }
        Err(error) => return Err(FormatFault::json(&error)),
    };
    let Some(data) = frame.data else { return Ok(RowValue::Nothing) };
    let kind = frame.stream.split_once('@').map_or("", |(_, kind)| kind);
    let tick = match kind {
        "bookTicker" => Some(quote(&parse(data)?)?),
        "trade" => {
            trade(&parse(data)?, |data| data.t)?.filter(|tick| trades.takes(&tick.symbol, TradeEvent::Trade))
        }
        "aggTrade" => trade(&parse(data)?, |data| data.a)?
            .filter(|tick| trades.takes(&tick.symbol, TradeEvent::AggTrade)),
        _ if kind.starts_with("markPrice") => {
            found.ticks.clear();
            streams::mark_price(data.get(), found)?;
            found.ticks.pop().filter(|tick| tick.fields.has_values())
        }
        _ => None,
    };
    Ok(tick.map_or(RowValue::Nothing, |tick| RowValue::Tick(rx, tick)))
}

fn parse<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T, FormatFault> {
    serde_json::from_str(data.get()).map_err(|error| FormatFault::json(&error))
}

fn quote(data: &CapturedQuote<'_>) -> Result<Tick, FormatFault> {
    let mut fields = Fields::default();
    for (field, text) in [
        (Field::Bid, &data.b),
        (Field::BidSize, &data.bid_size),
        (Field::Ask, &data.a),
        (Field::AskSize, &data.ask_size),
    ] {
        set(field, text, &mut fields)?;
    }
    let ts = data.time.map(time).transpose()?;
    Ok(Tick { symbol: Symbol::new(&data.s)?, ts, fields })
}

/// `None` when it is not a trade: futures also report trades settled elsewhere.
fn trade<'a>(
    data: &CapturedTrade<'a>,
    id: fn(&CapturedTrade<'a>) -> Option<&'a RawValue>,
) -> Result<Option<Tick>, FormatFault> {
    let mut fields = Fields::default();
    set(Field::Last, &data.p, &mut fields)?;
    set(Field::LastSize, &data.q, &mut fields)?;
    if data.mark == MARK_NONE || fields.get_decimal(Field::Last) == Some(Decimal::ZERO) {
        return Ok(None);
    }
    fields.set_side(if data.m { Side::Sell } else { Side::Buy });
    let id = id(data).and_then(|id| TradeId::of_venue(id.get().trim_matches('"')));
    if let Some(id) = id {
        fields.set_trade_id(id);
    }
    Ok(Some(Tick { symbol: Symbol::new(&data.s)?, ts: Some(time(data.time)?), fields }))
}

fn set(field: Field, text: &str, fields: &mut Fields) -> Result<(), FormatFault> {
    let value = decimal(text, field).map_err(|fault| FormatFault::value(field.name(), fault))?;
    fields.set_decimal(field, value);
    Ok(())
}

fn time(count: i64) -> Result<Nanos, FormatFault> {
    Nanos::by_size(count).ok_or(FormatFault::value("T", ValueFault::Moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> DecoderOutput {
        let (mut capture, mut out) = (Capture::new(4_096, CustomFields::none()), DecoderOutput::default());
        capture.feed(&mut text.as_bytes().to_vec(), &mut out);
        capture.finish(&mut out);
        out
    }

    fn trade(stream: &str, symbol: &str, more: &str) -> String {
        format!(
            r#"{{"stream":"x@{stream}","data":{{"s":"{symbol}","p":"1.5","q":"2","T":1735689600000,"m":true{more}}}}}"#
        ) + "\n"
    }

    #[test]
    fn each_trade_counts_once_and_a_note_says_by_which_stream() {
        let text = [
            trade("aggTrade", "A", ""),
            trade("trade", "B", ""),
            trade("trade", "A", ""),
            trade("trade", "A", ""),
            trade("aggTrade", "B", ""),
            trade("aggTrade", "A", ""),
        ];
        let out = decode(&text.concat());
        let symbols: Vec<_> = out.ticks.iter().map(|(_, tick)| tick.symbol.as_str()).collect();
        assert_eq!(symbols, ["A", "B", "A"]);
        assert_eq!((out.passed, out.tally.total()), (3, 0));
        assert_eq!(out.notes.len(), 1, "{:?}", out.notes);
        assert!(out.notes[0].contains("those of A are taken by @aggTrade"), "{}", out.notes[0]);
        let one = decode(&[trade("trade", "A", ""), trade("trade", "A", "")].concat());
        assert_eq!((one.ticks.len(), one.notes.len()), (2, 0));
    }

    #[test]
    fn what_is_settled_elsewhere_is_no_trade() {
        let zero = trade("trade", "A", r#","X":"NA""#).replace("1.5", "0").replace("\"2\"", "\"0\"");
        let text = [
            zero.clone(),
            zero.replace("NA", "MARKET"),
            trade("trade", "A", r#","X":"NA""#),
            trade("trade", "A", r#","X":"MARKET""#),
        ];
        let out = decode(&text.concat());
        assert_eq!((out.ticks.len(), out.passed, out.tally.total()), (1, 3, 0));
    }

    #[test]
    fn the_size_of_each_time_tells_its_unit() {
        for time in ["1735689600", "1735689600000", "1735689600000000", "1735689600000000000"] {
            let out = decode(&format!("{time} {}", trade("trade", "A", "").replace("1735689600000", time)));
            let moment = Some(Nanos(1_735_689_600_000_000_000));
            assert_eq!(
                out.ticks.iter().map(|(rx, tick)| (*rx, tick.ts)).collect::<Vec<_>>(),
                [(moment, moment)],
                "{time}"
            );
        }
        let out = decode(&format!("99999999999999999999 {}", trade("trade", "A", "")));
        assert_eq!((out.ticks.len(), out.tally.total()), (0, 1));
    }
}
