//! Bybit v5: `publicTrade`, the best prices of `orderbook.1`, and `tickers`.
//!
//! A snapshot of `orderbook.1` is the whole of both sides; a `delta` has the levels that changed, and a size of 0 takes
//! its level out. Every message of `publicTrade` calls itself a snapshot, and none is a history.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder};
use super::value::{QuotedLevel, Raw, each, parse, quote, set, trade};
use crate::tick::{Field, Fields, Tick};

#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct BybitTrade<'a> {
    #[serde(borrow, rename = "T")]
    time: Raw<'a>,
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow, rename = "S")]
    side: Raw<'a>,
    #[serde(borrow)]
    v: Raw<'a>,
    #[serde(borrow)]
    p: Raw<'a>,
    #[serde(borrow)]
    i: Option<Raw<'a>>,
    /// The venue's number of the event; several trades may be of one.
    #[serde(borrow)]
    seq: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Book")]
struct BookData<'a> {
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow)]
    b: Vec<QuotedLevel<Raw<'a>>>,
    #[serde(borrow)]
    a: Vec<QuotedLevel<Raw<'a>>>,
}

/// The changed fields; for spot without best prices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename = "Ticker")]
struct BybitTicker<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    last_price: Option<Raw<'a>>,
    #[serde(borrow)]
    bid1_price: Option<Raw<'a>>,
    #[serde(borrow)]
    bid1_size: Option<Raw<'a>>,
    #[serde(borrow)]
    ask1_price: Option<Raw<'a>>,
    #[serde(borrow)]
    ask1_size: Option<Raw<'a>>,
    #[serde(borrow)]
    mark_price: Option<Raw<'a>>,
    #[serde(borrow)]
    index_price: Option<Raw<'a>>,
    #[serde(borrow)]
    open_interest: Option<Raw<'a>>,
    #[serde(borrow)]
    funding_rate: Option<Raw<'a>>,
    #[serde(borrow)]
    next_funding_time: Option<Raw<'a>>,
}

const BID: [Field; 2] = [Field::Bid, Field::BidSize];
const ASK: [Field; 2] = [Field::Ask, Field::AskSize];

/// A message by its topic, its `type`, its data and its `ts`.
pub fn event(
    topic: &RawValue,
    kind: Option<&RawValue>,
    data: &RawValue,
    ts: Option<&RawValue>,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    let time = || ts.map(|ts| Raw(ts).time("ts")).transpose();
    match Raw(topic).text().split('.').collect::<Vec<_>>()[..] {
        ["publicTrade", ..] => {
            found.order = MessageOrder::Written;
            each(data.get(), |one: BybitTrade<'_>| {
                let fields = trade(one.p, one.v, one.side.side()?, one.i)?;
                let tick = Tick { symbol: one.s.symbol()?, ts: Some(one.time.time("T")?), fields };
                found.push_placed(one.seq.and_then(Raw::number), tick);
                Ok(())
            })?;
        }
        ["orderbook", "1", ..] => {
            let book: BookData<'_> = parse(data.get())?;
            let whole = kind.is_none_or(|kind| Raw(kind).text() != "delta");
            let mut fields = Fields::default();
            side(&book.b, whole, BID, &mut fields)?;
            side(&book.a, whole, ASK, &mut fields)?;
            push(book.s, time()?, fields, found)?;
        }
        ["tickers", ..] => {
            let ticker: BybitTicker<'_> = parse(data.get())?;
            let mut fields = Fields::default();
            set(Field::Last, ticker.last_price, &mut fields)?;
            quote((ticker.bid1_price, ticker.bid1_size), (ticker.ask1_price, ticker.ask1_size), &mut fields)?;
            let configured = [
                ("mark", ticker.mark_price),
                ("index", ticker.index_price),
                ("open_interest", ticker.open_interest),
                ("funding", ticker.funding_rate),
            ];
            found.fill(&configured, &mut fields)?;
            found.fill_time("funding_time", ticker.next_funding_time, &mut fields)?;
            push(ticker.symbol, time()?, fields, found)?;
        }
        _ => {}
    }
    Ok(())
}

/// The best level of a side, or that the side is empty. Without a change of it, nothing.
fn side(
    levels: &[QuotedLevel<Raw<'_>>],
    whole: bool,
    [price, size]: [Field; 2],
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    match levels.iter().find(|level| !is_gone(level)) {
        Some(level) => {
            set(price, level.0, fields)?;
            set(size, level.1, fields)
        }
        None => {
            if whole || !levels.is_empty() {
                fields.withdraw_all(price.bit().with(size));
            }
            Ok(())
        }
    }
}

fn is_gone(level: &QuotedLevel<Raw<'_>>) -> bool {
    level.1.is_some_and(|size| size.text().bytes().all(|byte| matches!(byte, b'0' | b'.')))
}

fn push(
    symbol: Raw<'_>,
    ts: Option<crate::tick::Nanos>,
    fields: Fields,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    if fields.has_values() {
        found.push(Tick { symbol: symbol.symbol()?, ts, fields });
    }
    Ok(())
}
