//! OKX v5: `trades`, `trades-all`, `bbo-tbt` and `tickers`; for configured fields `mark-price`, `index-tickers`,
//! `open-interest` and `funding-rate`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder};
use super::value::{QuotedLevel, Raw, each, parse, quote, set, trade};
use crate::tick::{Field, FieldSet, Fields, Tick};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arg<'a> {
    #[serde(borrow)]
    channel: Raw<'a>,
    #[serde(borrow)]
    inst_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename = "Trade")]
struct OkxTrade<'a> {
    #[serde(borrow)]
    inst_id: Raw<'a>,
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
    #[serde(borrow)]
    side: Raw<'a>,
    #[serde(borrow)]
    ts: Raw<'a>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename = "Ticker")]
struct OkxTicker<'a> {
    #[serde(borrow)]
    inst_id: Raw<'a>,
    #[serde(borrow)]
    last: Option<Raw<'a>>,
    #[serde(borrow)]
    bid_px: Option<Raw<'a>>,
    #[serde(borrow)]
    bid_sz: Option<Raw<'a>>,
    #[serde(borrow)]
    ask_px: Option<Raw<'a>>,
    #[serde(borrow)]
    ask_sz: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Raw<'a>,
}

/// The state of a derivative; each channel has some of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OkxState<'a> {
    #[serde(borrow)]
    inst_id: Raw<'a>,
    #[serde(borrow)]
    mark_px: Option<Raw<'a>>,
    #[serde(borrow)]
    idx_px: Option<Raw<'a>>,
    #[serde(borrow)]
    oi: Option<Raw<'a>>,
    #[serde(borrow)]
    funding_rate: Option<Raw<'a>>,
    #[serde(borrow)]
    next_funding_rate: Option<Raw<'a>>,
    #[serde(borrow)]
    funding_time: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Raw<'a>,
}

/// Levels have a price, a size, and counts of orders.
#[derive(Deserialize)]
struct Best<'a> {
    #[serde(borrow)]
    bids: Vec<Vec<Raw<'a>>>,
    #[serde(borrow)]
    asks: Vec<Vec<Raw<'a>>>,
    #[serde(borrow)]
    ts: Raw<'a>,
}

const BID: FieldSet = Field::Bid.bit().with(Field::BidSize);
const ASK: FieldSet = Field::Ask.bit().with(Field::AskSize);

pub fn event(arg: &RawValue, data: &RawValue, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let arg: Arg<'_> = parse(arg.get())?;
    match arg.channel.text() {
        "trades" | "trades-all" => {
            found.order = MessageOrder::Numbers;
            each(data.get(), |one: OkxTrade<'_>| {
                let fields = trade(one.px, one.sz, one.side.side()?, one.trade_id)?;
                found.push(Tick { symbol: one.inst_id.symbol()?, ts: Some(one.ts.time("ts")?), fields });
                Ok(())
            })?;
        }
        "tickers" => {
            for one in parse::<Vec<OkxTicker<'_>>>(data.get())? {
                let mut fields = Fields::default();
                set(Field::Last, one.last, &mut fields)?;
                quote((one.bid_px, one.bid_sz), (one.ask_px, one.ask_sz), &mut fields)?;
                for (price, side) in [(one.bid_px, BID), (one.ask_px, ASK)] {
                    if price.is_some_and(|price| price.text().is_empty()) {
                        fields.withdraw_all(side);
                    }
                }
                found.push(Tick { symbol: one.inst_id.symbol()?, ts: Some(one.ts.time("ts")?), fields });
            }
        }
        "mark-price" | "index-tickers" | "open-interest" | "funding-rate" => {
            for one in parse::<Vec<OkxState<'_>>>(data.get())? {
                let mut fields = Fields::default();
                let configured = [
                    ("mark", one.mark_px),
                    ("index", one.idx_px),
                    ("open_interest", one.oi),
                    ("funding", one.funding_rate),
                    ("predicted_funding", one.next_funding_rate),
                ];
                found.fill(&configured, &mut fields)?;
                found.fill_time("funding_time", one.funding_time, &mut fields)?;
                found.push(Tick { symbol: one.inst_id.symbol()?, ts: Some(one.ts.time("ts")?), fields });
            }
        }
        "bbo-tbt" => {
            let symbol = arg.inst_id.ok_or(FormatFault::Missing { field: "instId" })?.symbol()?;
            for one in parse::<Vec<Best<'_>>>(data.get())? {
                let mut fields = Fields::default();
                // Without a level, the side is empty.
                quote(best(&one.bids), best(&one.asks), &mut fields)?;
                for (levels, side) in [(&one.bids, BID), (&one.asks, ASK)] {
                    if levels.is_empty() {
                        fields.withdraw_all(side);
                    }
                }
                found.push(Tick { symbol: symbol.clone(), ts: Some(one.ts.time("ts")?), fields });
            }
        }
        _ => {}
    }
    Ok(())
}

fn best<'a>(side: &[Vec<Raw<'a>>]) -> QuotedLevel<Raw<'a>> {
    side.first().map_or((None, None), |level| (level.first().copied(), level.get(1).copied()))
}
