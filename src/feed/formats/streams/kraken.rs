//! Kraken: arrays of its first version (`trade`, `spread`, `ticker`), objects of its second (`trade`, `ticker`).
//!
//! The `snapshot` of the second version's `trade` is a history. The second version's numbers have no quotes, and are decimals.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder, TradesOf};
use super::value::{DecimalNumber, QuotedLevel, Raw, each, parse, quote, set, trade};
use crate::tick::{Decimal, Field, Fields, Tick};

#[derive(Deserialize)]
#[serde(rename = "Trade")]
struct KrakenTrade<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    side: Raw<'a>,
    #[serde(borrow)]
    price: DecimalNumber<'a>,
    #[serde(borrow)]
    qty: DecimalNumber<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Ticker")]
struct KrakenTicker<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    bid: Option<DecimalNumber<'a>>,
    #[serde(borrow)]
    bid_qty: Option<DecimalNumber<'a>>,
    #[serde(borrow)]
    ask: Option<DecimalNumber<'a>>,
    #[serde(borrow)]
    ask_qty: Option<DecimalNumber<'a>>,
    #[serde(borrow)]
    last: Option<DecimalNumber<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
}

/// Best ask and bid (price, whole lots, lots), and the last trade's price.
#[derive(Deserialize)]
struct FirstTicker<'a> {
    #[serde(borrow)]
    a: Vec<Raw<'a>>,
    #[serde(borrow)]
    b: Vec<Raw<'a>>,
    #[serde(borrow)]
    c: Vec<Raw<'a>>,
}

/// A message of the second version.
pub fn object(
    channel: &RawValue,
    kind: Option<&RawValue>,
    data: &RawValue,
    found: &mut FoundTicks,
) -> Result<(), FormatFault> {
    match Raw(channel).text() {
        "trade" => {
            let told = TradesOf::by_kind(kind.map(Raw));
            found.order = MessageOrder::Numbers;
            each(data.get(), |one: KrakenTrade<'_>| {
                let fields = trade(one.price, one.qty, one.side.side()?, one.trade_id)?;
                let (symbol, ts) = (one.symbol.symbol()?, Some(one.timestamp.time("timestamp")?));
                found.push_trade(told, Tick { symbol, ts, fields });
                Ok(())
            })?;
        }
        "ticker" => {
            for one in parse::<Vec<KrakenTicker<'_>>>(data.get())? {
                let mut fields = Fields::default();
                set(Field::Last, one.last, &mut fields)?;
                quote((one.bid, one.bid_qty), (one.ask, one.ask_qty), &mut fields)?;
                fields.withdraw_sides_at_zero();
                // A pair that has not traded has a last price of 0.
                if fields.get_decimal(Field::Last) == Some(Decimal::ZERO) {
                    fields.clear(Field::Last.bit());
                }
                let ts = one.timestamp.map(|time| time.time("timestamp")).transpose()?;
                if fields.has_values() {
                    found.push(Tick { symbol: one.symbol.symbol()?, ts, fields });
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A message of the first version: number of the channel, data, name of the channel, pair.
pub fn array(message: &str, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let parts: Vec<Raw<'_>> = parse(message)?;
    let [_, data, channel, pair] = parts[..] else { return Ok(()) };
    match channel.text() {
        "trade" => {
            for one in parse::<Vec<Vec<Raw<'_>>>>(data.0.get())? {
                let [price, size, time, side, ..] = one[..] else {
                    return Err(FormatFault::Missing { field: "price, volume, time or side of a trade" });
                };
                let fields = trade(price, size, side.side()?, None)?;
                found.push(Tick { symbol: pair.symbol()?, ts: Some(time.time("time")?), fields });
            }
        }
        "spread" => {
            let data: Vec<Raw<'_>> = parse(data.0.get())?;
            let [bid, ask, time, ..] = data[..] else {
                return Err(FormatFault::Missing { field: "bid, ask or time of a spread" });
            };
            let mut fields = Fields::default();
            quote((Some(bid), data.get(3).copied()), (Some(ask), data.get(4).copied()), &mut fields)?;
            found.push(Tick { symbol: pair.symbol()?, ts: Some(time.time("time")?), fields });
        }
        "ticker" => {
            let data: FirstTicker<'_> = parse(data.0.get())?;
            let mut fields = Fields::default();
            set(Field::Last, data.c.first().copied(), &mut fields)?;
            quote(best(&data.b), best(&data.a), &mut fields)?;
            if !fields.mask.is_empty() {
                found.push(Tick { symbol: pair.symbol()?, ts: None, fields });
            }
        }
        _ => {}
    }
    Ok(())
}

fn best<'a>(side: &[Raw<'a>]) -> QuotedLevel<Raw<'a>> {
    (side.first().copied(), side.get(2).copied())
}
