//! Captures of exchanges' streams: one JSON message per line, as received, with or without its receive time before it.
//!
//! ```text
//! 1617233403.123456: {"type":"match","product_id":"BTC-USD","price":"58000.1","size":"0.5","side":"sell","time":"..."}
//! ```
//! Binance's single streams, Bybit v5, OKX v5, Coinbase (Exchange and Advanced Trade), Kraken (v1 and v2), Hyperliquid,
//! Alpaca and Massive; the lines of cryptofeed's dumps, Tardis's raw feeds (a time in ISO-8601 before the message) and tardis-machine's
//! (`localTimestamp` and `message`). Binary messages are in base64 ([`binary`]). Each message identifies its exchange, so that one file may mix several.
//!
//! Trades come only from channels of trades: the last price of a ticker is a price without a size, so that a trade
//! counts once. Everything else, depth, candles, answers to requests, is skipped. Of a message with several trades the
//! earliest is taken first. Trades that a venue repeats when one subscribes are a history, and skipped.
//!
//! Connections to venues (`feed::upstream`) decode with the same functions, a message at a time.
//!
//! Where fields are configured beside the fixed ones, messages of derivatives fill those of these names: `mark`, `index`,
//! `open_interest`, `funding`, `predicted_funding`, and `funding_time` in microseconds.
//!
//! Invariant: a number in quotes is exact; one without is rounded to 9 places, as a JSON number of ours is.

pub(crate) mod alpaca;
pub(crate) mod binary;
pub(crate) mod binance;
pub(crate) mod bybit;
pub(crate) mod coinbase;
mod found;
pub(crate) mod hyperliquid;
pub(crate) mod kraken;
pub(crate) mod massive;
pub(crate) mod okx;
pub(crate) mod value;

use std::sync::Arc;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{Decoder, DecoderOutput, FormatFault, moment::Unit, trade_events::TradeEvents};
use crate::{
    feed::{
        ndjson::{LineSplitter, RawLine, ValueFault},
        recording::RecordPosition,
    },
    tick::{CustomFields, Nanos},
};
pub use binance::mark_price;
pub use found::{FoundTicks, TradesOf};
use value::{Raw, parse};

/// The state between chunks.
pub struct Streams {
    lines: LineSplitter,
    line_bytes_max: usize,
    binance: TradeEvents,
    /// Of one line.
    found: FoundTicks,
}

/// The names that identify an exchange. They mean other things elsewhere, so values are not parsed.
#[derive(Deserialize)]
#[serde(rename = "Head")]
struct MessageHead<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    arg: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "localTimestamp")]
    local: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    /// Binance's kind of event, and its symbol.
    #[serde(borrow)]
    e: Option<&'a RawValue>,
    #[serde(borrow)]
    s: Option<&'a RawValue>,
    /// A binary message.
    #[serde(borrow)]
    binary: Option<&'a RawValue>,
}

/// The longest time before a message.
const TIME_BYTES_MAX: usize = 64;
/// Where cryptofeed records its connections, requests and answers, in place of a time.
const NOTES: [&str; 3] = ["configuration:", "wss://", "http"];

/// Whether a line is one of these: by names that no other format of lines has.
pub fn is_line(line: &[u8]) -> bool {
    let line = &line[..line.len().min(super::HEAD_BYTES)];
    // A dump of cryptofeed starts with its requests.
    if line.starts_with(b"configuration: ") || (line.starts_with(b"wss://") && contains(line, b"> ")) {
        return true;
    }
    let Some((time, message)) = divide(line) else { return false };
    if !time.is_empty() && std::str::from_utf8(time).ok().and_then(|time| Unit::BySize.read(time)).is_none() {
        return false;
    }
    let has = |names: &[&str]| names.iter().all(|name| contains(message, name.as_bytes()));
    if message.starts_with(b"[") {
        let is_points = message[1..].trim_ascii_start().starts_with(b"{");
        let names: [&[&str]; 3] = [&["\"ev\":\""], &["\"T\":\"", "\"S\":\""], &["\"T\":\"", "\"msg\":"]];
        if is_points && names.into_iter().any(has) {
            return true;
        }
        return ["\"trade\",", "\"spread\",", "\"ticker\","].iter().any(|name| has(&[name]));
    }
    [
        &["\"stream\":", "\"data\":"][..],
        &["\"topic\":", "\"data\":"],
        &["\"arg\":", "\"channel\":"],
        &["\"channel\":", "\"events\":"],
        &["\"channel\":", "\"data\":"],
        &["\"type\":", "\"product_id\":"],
        &["\"type\":\"subscriptions\"", "\"channels\":"],
        &["\"localTimestamp\":", "\"message\":"],
        &["\"e\":\"", "\"s\":\"", "\"E\":"],
        &["\"u\":", "\"s\":\"", "\"b\":\"", "\"B\":\"", "\"a\":\"", "\"A\":\""],
        &["\"binary\":\""],
        &["\"event\":\"systemStatus\"", "\"connectionID\":"],
    ]
    .into_iter()
    .any(has)
}

/// Whether a part of a message is at this point; spaces after colons make no difference.
fn contains(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
        || (part.contains(&b':') && {
            let spaced = String::from_utf8_lossy(part).replacen(':', ": ", 1);
            memchr::memmem::find(line, spaced.trim_end().as_bytes()).is_some()
        })
}

/// The time before a message, without the separator, and the message.
fn divide(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().take(TIME_BYTES_MAX).position(|byte| matches!(byte, b'{' | b'['))?;
    let (time, message) = line.split_at(at);
    let end = time.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b':' | b',' | b';' | b'|'));
    Some((time[..end.map_or(0, |end| end + 1)].trim_ascii_start(), message))
}

// === impl Streams ===

impl Streams {
    /// Messages fill these fields too.
    pub fn new(line_bytes_max: usize, fields: Arc<CustomFields>) -> Self {
        Streams {
            lines: LineSplitter::new(line_bytes_max),
            line_bytes_max,
            binance: TradeEvents::of_messages(),
            found: FoundTicks::new(fields),
        }
    }
}

impl Decoder for Streams {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let Streams { lines, line_bytes_max, binance, found } = self;
        let mut chunk = lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(line, *line_bytes_max, binance, found, out);
        }
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        let Streams { lines, line_bytes_max, binance, found } = self;
        if let Some(line) = lines.finish() {
            decode_line(line, *line_bytes_max, binance, found, out);
        }
    }
}

fn decode_line(
    line: RawLine<'_>,
    line_bytes_max: usize,
    trades: &mut TradeEvents,
    found: &mut FoundTicks,
    out: &mut DecoderOutput,
) {
    found.clear();
    let (number, line, made) = match line {
        RawLine::Whole { number, bytes } => (number, &*bytes, make(bytes, trades, found)),
        RawLine::TooLong { number } => (number, &[][..], Err(FormatFault::TooLong { limit: line_bytes_max })),
    };
    out.notes.extend(trades.note.take());
    let place = RecordPosition::Line(number);
    found.oldest_first();
    let found = &mut found.ticks;
    found.retain(|tick| tick.fields.has_values() || tick.fields.report().is_some());
    match made {
        Ok(_) if found.is_empty() => out.pass(line),
        Ok(rx) => {
            found.drain(..).for_each(|tick| out.tick(place, rx, tick));
        }
        Err(fault) => out.reject(place, fault.reason(), || fault.to_string()),
    }
}

/// Appends the ticks of a line, and returns its receive time.
fn make(line: &[u8], trades: &mut TradeEvents, found: &mut FoundTicks) -> Result<Option<Nanos>, FormatFault> {
    let line = FormatFault::text(line)?;
    if NOTES.iter().any(|note| line.starts_with(note)) {
        return Ok(None);
    }
    let not_json = || FormatFault::Json("no object and no array".to_owned());
    let (time, message) = divide(line.as_bytes()).ok_or_else(not_json)?;
    let (time, message) = (&line[..time.len()], &line[line.len() - message.len()..]);
    let rx = match time {
        "" => None,
        time => Some(Unit::BySize.read(time).ok_or(FormatFault::value("time", ValueFault::Moment))?),
    };
    if message.starts_with('[') {
        array(message, found)?;
        return Ok(rx);
    }
    let head = head(message)?;
    if let Some(binary) = head.binary {
        let json = binary::read(binary)?;
        // Answers to requests are not arrays everywhere.
        if json.starts_with('[') {
            array(&json, found)?;
        }
        return Ok(rx);
    }
    match (head.local, head.message) {
        (Some(local), Some(inner)) => {
            let rx = Raw(local).time("localTimestamp")?;
            let inner = inner.get();
            if inner.starts_with('[') {
                array(inner, found)?;
            } else {
                object(&self::head(inner)?, inner, trades, found)?;
            }
            Ok(Some(rx))
        }
        _ => object(&head, message, trades, found).map(|()| rx),
    }
}

fn head(message: &str) -> Result<MessageHead<'_>, FormatFault> {
    parse(message)
}

/// A message that is an array: of Kraken's first version, or of points.
fn array(message: &str, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let points = message[1..].trim_ascii_start();
    if !points.starts_with('{') {
        return kraken::array(message, found);
    }
    if points.contains("\"ev\":") {
        return parse::<Vec<massive::MassiveEvent<'_>>>(message)?
            .iter()
            .try_for_each(|one| massive::event(one, found));
    }
    parse::<Vec<alpaca::AlpacaPoint<'_>>>(message)?.iter().try_for_each(|one| alpaca::point(one, found))
}

/// A message that is an object, by its exchange.
fn object(
    head: &MessageHead<'_>,
    message: &str,
    trades: &mut TradeEvents,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    match *head {
        MessageHead { stream: Some(_), data: Some(data), .. } => binance::event(data.get(), trades, found),
        MessageHead { topic: Some(topic), data: Some(data), ts, kind, .. } => {
            bybit::event(topic, kind, data, ts, found)
        }
        MessageHead { arg: Some(arg), data: Some(data), .. } => okx::event(arg, data, found),
        MessageHead { channel: Some(channel), events: Some(events), timestamp, .. } => {
            coinbase::advanced(channel, events, timestamp, found)
        }
        MessageHead { channel: Some(channel), data: Some(data), .. }
            if matches!(Raw(channel).text(), "trades" | "bbo") =>
        {
            hyperliquid::event(channel, TradesOf::Now, data, found)
        }
        MessageHead { channel: Some(channel), data: Some(data), kind, .. } => {
            kraken::object(channel, kind, data, found)
        }
        MessageHead { kind: Some(kind), product_id: Some(_), .. } => coinbase::exchange(kind, message, found),
        MessageHead { e: None, s: Some(_), .. } => binance::book_ticker(message, found),
        MessageHead { e: Some(_), s: Some(_), .. } => binance::event(message, trades, found),
        // Answers to requests, heartbeats.
        _ => serde_json::from_str::<IgnoredAny>(message).map(drop).map_err(|error| FormatFault::json(&error)),
    }
}

#[cfg(test)]
mod tests;
