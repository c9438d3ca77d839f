//! Raw captures of Binance's combined streams, as hftbacktest's collector writes them: one frame a line, behind the
//! nanoseconds at which it was received.
//!
//! ```text
//! 1676419207212527000 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"61837.63","B":"3.7","a":"61837.64","A":"1.5"}}
//! ```
//! `bookTicker`, `trade` and `aggTrade` are ticks. Other streams, and lines without a stream (answers to requests), are
//! passed over. A line without the time has no receive time.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Decoder, Fault, Output,
    table::{Made, decimal},
};
use crate::{
    feed::{
        ndjson::{Lines, RawLine, ValueFault},
        recording::Place,
    },
    tick::{Field, Fields, Nanos, Side, Symbol, Tick},
};

/// The state between chunks.
pub struct Capture {
    lines: Lines,
    line_bytes_max: usize,
}

#[derive(Deserialize)]
struct Frame<'a> {
    /// Empty, when there is none; within an [`Option`] it would be copied.
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Decimals are strings, so nothing passes through a float.
#[derive(Deserialize)]
struct BookTicker<'a> {
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
    /// Milliseconds, of futures alone.
    #[serde(rename = "T")]
    time: Option<i64>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    /// Milliseconds.
    #[serde(rename = "T")]
    time: i64,
    /// Whether the buyer waited in the book.
    m: bool,
}

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Whether a line looks like one of these.
pub fn is_line(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = line[digits..].trim_ascii_start();
    match digits {
        0 => rest.starts_with(b"{\"stream\""),
        _ => digits >= 16 && rest.len() < line.len() - digits && rest.starts_with(b"{"),
    }
}

// === impl Capture ===

impl Capture {
    pub fn new(line_bytes_max: usize) -> Self {
        Capture { lines: Lines::new(line_bytes_max), line_bytes_max }
    }
}

impl Decoder for Capture {
    fn feed(&mut self, chunk: &mut [u8], out: &mut Output) {
        let mut chunk = self.lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(self.line_bytes_max, line, out);
        }
    }

    fn finish(&mut self, out: &mut Output) {
        if let Some(line) = self.lines.finish() {
            decode_line(self.line_bytes_max, line, out);
        }
    }
}

fn decode_line(line_bytes_max: usize, line: RawLine<'_>, out: &mut Output) {
    let (number, made) = match line {
        RawLine::Whole { number, bytes } => (number, make(bytes)),
        RawLine::TooLong { number } => (number, Err(Fault::TooLong { limit: line_bytes_max })),
    };
    match made {
        Ok(Made::Tick(rx, tick)) => out.tick(Place::Line(number), rx, tick),
        Ok(Made::Nothing) => out.passed += 1,
        Err(fault) => out.reject(Place::Line(number), fault.reason(), || fault.to_string()),
    }
}

fn make(line: &[u8]) -> Result<Made, Fault> {
    let line = std::str::from_utf8(line).map_err(|_| Fault::Text)?;
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rx = match &line[..digits] {
        "" => None,
        nanos => Some(nanos.parse().map(Nanos).map_err(|_| Fault::value("time", ValueFault::Nanos))?),
    };
    let json = &line[digits..];
    // Answers to requests have shapes of their own, arrays among them.
    let frame: Frame<'_> = match serde_json::from_str(json) {
        Ok(frame) => frame,
        Err(error) if error.is_data() && serde_json::from_str::<IgnoredAny>(json).is_ok() => {
            return Ok(Made::Nothing);
        }
        Err(error) => return Err(json_fault(&error)),
    };
    let Some(data) = frame.data else { return Ok(Made::Nothing) };
    let kind = frame.stream.split_once('@').map_or("", |(_, kind)| kind);
    let tick = match kind {
        "bookTicker" => quote(&parse(data)?),
        "trade" | "aggTrade" => trade(&parse(data)?),
        _ => return Ok(Made::Nothing),
    }?;
    Ok(Made::Tick(rx, tick))
}

fn parse<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T, Fault> {
    serde_json::from_str(data.get()).map_err(|error| json_fault(&error))
}

/// The parser repeats names and values of the input, so its message is cut.
fn json_fault(error: &serde_json::Error) -> Fault {
    const CHARS_MAX: usize = 120;
    Fault::Json(error.to_string().chars().take(CHARS_MAX).collect())
}

fn quote(data: &BookTicker<'_>) -> Result<Tick, Fault> {
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

fn trade(data: &Trade<'_>) -> Result<Tick, Fault> {
    let mut fields = Fields::default();
    set(Field::Last, &data.p, &mut fields)?;
    set(Field::LastSize, &data.q, &mut fields)?;
    fields.set_side(if data.m { Side::Sell } else { Side::Buy });
    Ok(Tick { symbol: Symbol::new(&data.s)?, ts: Some(time(data.time)?), fields })
}

fn set(field: Field, text: &str, fields: &mut Fields) -> Result<(), Fault> {
    let value = decimal(text, field).map_err(|fault| Fault::value(field.name(), fault))?;
    fields.set_fixed(field, value);
    Ok(())
}

fn time(millis: i64) -> Result<Nanos, Fault> {
    millis.checked_mul(NANOS_PER_MILLI).map(Nanos).ok_or(Fault::value("T", ValueFault::Moment))
}
