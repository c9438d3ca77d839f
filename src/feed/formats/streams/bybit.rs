//! Bybit v5: `publicTrade`, the best prices of `orderbook.1`, and `tickers`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::FoundTicks;
use super::value::{QuotedLevel, Raw, parse, quote, set, trade};
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
}

#[derive(Deserialize)]
#[serde(rename = "Book")]
struct BookData<'a> {
    #[serde(borrow)]
    s: Raw<'a>,
    #[serde(borrow)]
    b: Vec<QuotedLevel<'a>>,
    #[serde(borrow)]
    a: Vec<QuotedLevel<'a>>,
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

pub fn event(
    topic: &RawValue,
    data: &RawValue,
    ts: Option<&RawValue>,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    let time = || ts.map(|ts| Raw(ts).time("ts")).transpose();
    match Raw(topic).text().split('.').collect::<Vec<_>>()[..] {
        ["publicTrade", ..] => {
            for one in parse::<Vec<BybitTrade<'_>>>(data.get())? {
                let fields = trade(one.p, one.v, one.side.side()?, one.i)?;
                found.push(Tick { symbol: one.s.symbol()?, ts: Some(one.time.time("T")?), fields });
            }
        }
        ["orderbook", "1", ..] => {
            let book: BookData<'_> = parse(data.get())?;
            let mut fields = Fields::default();
            quote(first(&book.b), first(&book.a), &mut fields)?;
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

fn first<'a>(side: &[QuotedLevel<'a>]) -> QuotedLevel<'a> {
    side.first().copied().unwrap_or_default()
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
