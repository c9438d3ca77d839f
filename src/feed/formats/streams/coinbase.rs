//! Coinbase: `match` and `ticker` of Exchange, `market_trades` and `ticker` of Advanced Trade.
//!
//! Both give the side of the resting order, so the aggressor side is the other one. `last_match`, which repeats a trade
//! from before the subscription, is a price and no trade; the `snapshot` of `market_trades` is a history.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder, TradesOf};
use super::value::{Raw, list, opposite, parse, quote, set, trade};
use crate::tick::{Field, Fields, Tick};

#[derive(Deserialize)]
struct Exchange<'a> {
    #[serde(borrow)]
    product_id: Raw<'a>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid_size: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_size: Option<Raw<'a>>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Event")]
struct CoinbaseEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    trades: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tickers: Vec<CoinbaseTicker<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct CoinbaseTrade<'a> {
    #[serde(borrow)]
    product_id: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    size: Raw<'a>,
    #[serde(borrow)]
    time: Raw<'a>,
    #[serde(borrow)]
    side: Raw<'a>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Ticker")]
struct CoinbaseTicker<'a> {
    #[serde(borrow)]
    product_id: Raw<'a>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid_quantity: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_quantity: Option<Raw<'a>>,
}

/// A message of Exchange.
pub fn exchange(kind: &RawValue, message: &str, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let kind = Raw(kind).text();
    if !matches!(kind, "match" | "last_match" | "ticker") {
        return Ok(());
    }
    let event: Exchange<'_> = parse(message)?;
    let ts = event.time.map(|time| time.time("time")).transpose()?;
    let fields = match (kind, event.price, event.size, event.side) {
        ("match", Some(price), Some(size), Some(side)) => {
            trade(price, size, opposite(side.side()?), event.trade_id)?
        }
        ("match", ..) => return Err(FormatFault::Missing { field: "price, size or side of a match" }),
        _ => {
            let mut fields = Fields::default();
            set(Field::Last, event.price, &mut fields)?;
            let (bid, ask) = ((event.best_bid, event.best_bid_size), (event.best_ask, event.best_ask_size));
            quote(bid, ask, &mut fields)?;
            fields
        }
    };
    if !fields.mask.is_empty() {
        found.push(Tick { symbol: event.product_id.symbol()?, ts, fields });
    }
    Ok(())
}

/// A message of Advanced Trade.
pub fn advanced(
    channel: &RawValue,
    events: &RawValue,
    timestamp: Option<&RawValue>,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    if !matches!(Raw(channel).text(), "market_trades" | "ticker" | "ticker_batch") {
        return Ok(());
    }
    let mut read = Ok(());
    for event in parse::<Vec<CoinbaseEvent<'_>>>(events.get())? {
        let told = TradesOf::by_kind(event.kind);
        if let Some(trades) = event.trades {
            found.order = MessageOrder::Numbers;
            let (mut trades, fault) = list::<CoinbaseTrade<'_>>(trades.get());
            if is_newest_first(&trades) {
                trades.reverse();
            }
            let mut take = |one: CoinbaseTrade<'_>| {
                let fields = trade(one.price, one.size, opposite(one.side.side()?), one.trade_id)?;
                let (symbol, ts) = (one.product_id.symbol()?, Some(one.time.time("time")?));
                found.push_trade(told, Tick { symbol, ts, fields });
                Ok(())
            };
            read = trades.into_iter().map(&mut take).fold(read.and(fault), Result::and);
        }
        for one in event.tickers {
            let mut fields = Fields::default();
            set(Field::Last, one.price, &mut fields)?;
            quote((one.best_bid, one.best_bid_quantity), (one.best_ask, one.best_ask_quantity), &mut fields)?;
            fields.withdraw_sides_at_zero();
            let ts = timestamp.map(|time| Raw(time).time("timestamp")).transpose()?;
            if fields.has_values() {
                found.push(Tick { symbol: one.product_id.symbol()?, ts, fields });
            }
        }
    }
    read
}

/// Trades of one time are told apart by their numbers alone.
fn is_newest_first(trades: &[CoinbaseTrade<'_>]) -> bool {
    let number = |trade: &CoinbaseTrade<'_>| trade.trade_id.and_then(|id| id.text().parse::<u64>().ok());
    let next_of_product = |at: usize| {
        let product = trades[at].product_id.text();
        trades[at + 1..].iter().find(|next| next.product_id.text() == product)
    };
    // Two trades of a product decide for all.
    let pair = (0..trades.len()).find_map(|at| next_of_product(at).map(|next| (&trades[at], next)));
    pair.is_some_and(|(one, next)| number(one) > number(next))
}
