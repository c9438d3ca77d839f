//! Hyperliquid: `trades` and `bbo`.
//!
//! Sides are `B` and `A`: who took the ask, and who took the bid.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::{FoundTicks, TradesOf};
use super::value::{Raw, each, parse, set, trade};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Field, Fields, Side, Tick},
};

#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct HyperliquidTrade<'a> {
    #[serde(borrow)]
    coin: Raw<'a>,
    #[serde(borrow)]
    side: Raw<'a>,
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
    #[serde(borrow)]
    time: Raw<'a>,
    #[serde(borrow)]
    tid: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Level")]
struct HyperliquidLevel<'a> {
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
}

/// Bid and ask; `null` where a side is empty.
#[derive(Deserialize)]
#[serde(rename = "Bbo")]
struct HyperliquidBbo<'a> {
    #[serde(borrow)]
    coin: Raw<'a>,
    #[serde(borrow)]
    time: Raw<'a>,
    #[serde(borrow)]
    bbo: [Option<HyperliquidLevel<'a>>; 2],
}

/// A message by its channel and data. What is a history is not marked there, so the caller says it.
pub fn event(
    channel: &RawValue,
    told: TradesOf,
    data: &RawValue,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    match Raw(channel).text() {
        "trades" => {
            each(data.get(), |one: HyperliquidTrade<'_>| {
                let fields = trade(one.px, one.sz, aggressor(one.side)?, one.tid)?;
                let (symbol, ts) = (one.coin.symbol()?, Some(one.time.time("time")?));
                found.push_trade(told, Tick { symbol, ts, fields });
                Ok(())
            })?;
        }
        "bbo" => {
            let data: HyperliquidBbo<'_> = parse(data.get())?;
            let mut fields = Fields::default();
            let sides = [(Field::Bid, Field::BidSize), (Field::Ask, Field::AskSize)];
            for (level, (price, size)) in data.bbo.iter().zip(sides) {
                match level {
                    Some(level) => {
                        set(price, Some(level.px), &mut fields)?;
                        set(size, Some(level.sz), &mut fields)?;
                    }
                    None => fields.withdraw_all(price.bit().with(size)),
                }
            }
            found.push(Tick { symbol: data.coin.symbol()?, ts: Some(data.time.time("time")?), fields });
        }
        _ => {}
    }
    Ok(())
}

fn aggressor(side: Raw<'_>) -> Result<Side, FormatFault> {
    match side.text() {
        "B" => Ok(Side::Buy),
        "A" => Ok(Side::Sell),
        _ => Err(FormatFault::value("side", ValueFault::Side)),
    }
}
