//! Binance's events, of spot and futures: `trade`, `aggTrade`, `bookTicker`, and `markPriceUpdate` for configured fields.
//!
//! `trade` and `aggTrade` report the same trades, and each counts once ([`TradeEvents`]).

use serde::Deserialize;

use super::super::{
    FormatFault,
    trade_events::{TradeEvent, TradeEvents},
};
use super::found::FoundTicks;
use super::value::{Raw, parse, quote, trade};
use crate::tick::{Decimal, Field, Fields, Side, Tick};

#[derive(Deserialize)]
#[serde(rename = "Event")]
struct BinanceEvent<'a> {
    #[serde(borrow)]
    e: Option<Raw<'a>>,
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow)]
    p: Option<Raw<'a>>,
    #[serde(borrow)]
    q: Option<Raw<'a>>,
    #[serde(borrow, rename = "T")]
    time: Option<Raw<'a>>,
    /// The names of a trade and of an aggregated one.
    #[serde(borrow)]
    t: Option<Raw<'a>>,
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    /// Whether the buyer's order was resting in the book.
    m: Option<bool>,
    /// How a trade of futures came about: `NA` is none.
    #[serde(borrow, rename = "X")]
    mark: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct MarkPrice<'a> {
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow, rename = "E")]
    time: Raw<'a>,
    #[serde(borrow)]
    p: Option<Raw<'a>>,
    #[serde(borrow)]
    i: Option<Raw<'a>>,
    #[serde(borrow)]
    r: Option<Raw<'a>>,
    /// When funding is paid next.
    #[serde(borrow, rename = "T")]
    next: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct BookTicker<'a> {
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow)]
    b: Raw<'a>,
    #[serde(borrow, rename = "B")]
    bid_size: Raw<'a>,
    #[serde(borrow)]
    a: Raw<'a>,
    #[serde(borrow, rename = "A")]
    ask_size: Raw<'a>,
    #[serde(borrow, rename = "T")]
    time: Option<Raw<'a>>,
    u: Option<u64>,
}

/// A message that names its event.
pub fn event(json: &str, trades: &mut TradeEvents, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let Ok(event) = serde_json::from_str::<BinanceEvent<'_>>(json) else {
        // Of another shape; invalid JSON is reported as such.
        return parse::<serde::de::IgnoredAny>(json).map(drop);
    };
    let by = match event.e.map(Raw::text) {
        None | Some("bookTicker") => return book_ticker(json, found),
        Some("trade") => TradeEvent::Trade,
        Some("aggTrade") => TradeEvent::AggTrade,
        Some("markPriceUpdate") => return mark_price(json, found),
        Some(_) => return Ok(()),
    };
    if let Some(tick) = trade_tick(&event, by)?
        && trades.takes(&tick.symbol, by)
    {
        found.push(tick);
    }
    Ok(())
}

/// The trade of a message, if it is one by this event.
pub fn one_trade(json: &str, by: TradeEvent) -> Result<Option<Tick>, FormatFault> {
    let event: BinanceEvent<'_> = parse(json)?;
    if event.e.map(Raw::text) == Some(by.name()) { trade_tick(&event, by) } else { Ok(None) }
}

/// `None` when it was settled elsewhere, which futures report in this way.
fn trade_tick(event: &BinanceEvent<'_>, by: TradeEvent) -> Result<Option<Tick>, FormatFault> {
    let (Some(price), Some(size), Some(time), Some(buyer_waited)) = (event.p, event.q, event.time, event.m)
    else {
        return Err(FormatFault::Missing { field: "price, quantity, time or m of a trade" });
    };
    let id = if by == TradeEvent::Trade { event.t } else { event.a };
    let fields = trade(price, size, if buyer_waited { Side::Sell } else { Side::Buy }, id)?;
    if event.mark.is_some_and(|mark| mark.text() == "NA")
        || fields.get_decimal(Field::Last) == Some(Decimal::ZERO)
    {
        return Ok(None);
    }
    Ok(Some(Tick { symbol: event.s.symbol()?, ts: Some(time.time("T")?), fields }))
}

/// The prices of a perpetual, which fill configured fields.
pub fn mark_price(json: &str, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let data: MarkPrice<'_> = parse(json)?;
    let mut fields = Fields::default();
    found.fill(&[("mark", data.p), ("index", data.i), ("funding", data.r)], &mut fields)?;
    found.fill_time("funding_time", data.next, &mut fields)?;
    found.push(Tick { symbol: data.s.symbol()?, ts: Some(data.time.time("E")?), fields });
    Ok(())
}

/// Best prices; those of spot do not name their event.
pub fn book_ticker(json: &str, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let Ok(data) = serde_json::from_str::<BookTicker<'_>>(json) else {
        return parse::<serde::de::IgnoredAny>(json).map(drop);
    };
    let mut fields = Fields::default();
    quote((Some(data.b), Some(data.bid_size)), (Some(data.a), Some(data.ask_size)), &mut fields)?;
    fields.withdraw_sides_at_zero();
    let ts = data.time.map(|time| time.time("T")).transpose()?;
    found.update = data.u;
    found.push(Tick { symbol: data.s.symbol()?, ts, fields });
    Ok(())
}
