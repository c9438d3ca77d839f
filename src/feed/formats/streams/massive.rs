//! Massive (formerly Polygon): trades and quotes of stocks and options (`T`, `Q`), of crypto (`XT`, `XQ`) and of
//! currencies (`C`).
//!
//! A trade of stocks affects what its conditions let it affect (docs/CONDITIONS.md). Sizes that are fractions come as text
//! beside their whole part, and are taken from there.

use serde::Deserialize;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder};
use super::value::{Raw, quote, trade};
use crate::{
    feed::conditions,
    tick::{Fields, Side, Tick},
};

/// One event of a message, which is an array of them. Aggregates and answers have some of these names too.
#[derive(Deserialize)]
#[serde(rename = "Event")]
pub struct MassiveEvent<'a> {
    #[serde(borrow)]
    pub ev: Raw<'a>,
    #[serde(borrow)]
    pub sym: Option<Raw<'a>>,
    /// Of crypto, and of currencies.
    #[serde(borrow)]
    pub pair: Option<Raw<'a>>,
    /// Of currencies.
    #[serde(borrow, rename = "p")]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    t: Option<Raw<'a>>,
    /// The name of a trade; the indicators of a limit.
    #[serde(borrow)]
    pub i: Option<Raw<'a>>,
    /// The symbol of a limit.
    #[serde(borrow, rename = "T")]
    pub ticker: Option<Raw<'a>>,
    #[serde(borrow)]
    s: Option<Raw<'a>>,
    /// The size with its fraction.
    #[serde(borrow)]
    ds: Option<Raw<'a>>,
    #[serde(borrow)]
    c: Option<Raw<'a>>,
    #[serde(borrow)]
    bp: Option<Raw<'a>>,
    #[serde(borrow)]
    bs: Option<Raw<'a>>,
    #[serde(borrow)]
    ap: Option<Raw<'a>>,
    #[serde(borrow, rename = "as")]
    ask_size: Option<Raw<'a>>,
    /// The venue's number of the event among those of its symbol; it rises through the day, and jumps.
    #[serde(borrow)]
    q: Option<Raw<'a>>,
    /// Ask and bid of currencies.
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    #[serde(borrow)]
    b: Option<Raw<'a>>,
    /// Of answers.
    #[serde(borrow)]
    pub status: Option<Raw<'a>>,
    #[serde(borrow)]
    pub message: Option<Raw<'a>>,
}

/// An event, if ticks are made of its kind.
pub fn event(event: &MassiveEvent<'_>, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let kind = event.ev.text();
    if !matches!(kind, "T" | "Q" | "XT" | "XQ" | "C") {
        return Ok(());
    }
    // Currencies have their pair where trades have a price.
    let name = match kind {
        "C" => event.price,
        _ => event.sym.or(event.pair),
    };
    let symbol = name.ok_or(FormatFault::Missing { field: "sym or pair" })?.symbol()?;
    let ts = Some(event.t.ok_or(FormatFault::Missing { field: "t" })?.time("t")?);
    let mut fields = Fields::default();
    match kind {
        "T" | "XT" => {
            let (Some(price), Some(size)) = (event.price, event.ds.or(event.s)) else {
                return Err(FormatFault::Missing { field: "p or s of a trade" });
            };
            fields = trade(price, size, side(event, kind), event.i)?;
            // Other securities than stocks have a prefix or a pair, and their conditions other numbers.
            if kind == "T" && !symbol.as_str().contains(':') {
                let numbers = event.c.map_or("", |numbers| numbers.0.get());
                fields.limit_trade(conditions::of_massive(numbers.trim_matches(['[', ']'])));
            }
        }
        "C" => {
            quote((event.b, None), (event.a, None), &mut fields)?;
            fields.withdraw_sides_at_zero();
        }
        _ => {
            quote((event.bp, event.bs), (event.ap, event.ask_size), &mut fields)?;
            fields.withdraw_sides_at_zero();
        }
    }
    // Times are those of several exchanges.
    found.order = MessageOrder::Written;
    found.push_placed(event.q.and_then(Raw::number), Tick { symbol, ts, fields });
    Ok(())
}

/// Of crypto, conditions 1 and 2 are who took: the seller, and the buyer.
fn side(event: &MassiveEvent<'_>, kind: &str) -> Side {
    match event.c.filter(|_| kind == "XT").map(Raw::text) {
        Some("[1]") => Side::Sell,
        Some("[2]") => Side::Buy,
        _ => Side::Unknown,
    }
}
