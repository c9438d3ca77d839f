//! Alpaca v2: trades (`t`), quotes (`q`), cancels (`x`) and corrections (`c`), of stocks and of crypto.
//!
//! A trade of stocks affects what its conditions let it affect (docs/CONDITIONS.md), by the letters of its tape. A cancel
//! names its trade by Alpaca's number, and a correction gives the trade another number, which cannot be followed here: it
//! is a correction of the first one.

use std::sync::Arc;

use serde::Deserialize;

use super::super::FormatFault;
use super::found::{FoundTicks, MessageOrder};
use super::value::{Raw, id_of, quote, set, trade};
use crate::{
    feed::conditions,
    tick::{Affects, Field, Fields, ReportKind, Side, Tick, TradeReport},
};

/// One point of a message, which is an array of them. Bars, statuses and answers have some of these names too.
#[derive(Deserialize)]
#[serde(rename = "Point")]
pub struct AlpacaPoint<'a> {
    #[serde(borrow, rename = "T")]
    pub kind: Raw<'a>,
    #[serde(borrow, rename = "S")]
    pub symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    t: Option<Raw<'a>>,
    #[serde(borrow)]
    i: Option<Raw<'a>>,
    #[serde(borrow)]
    p: Option<Raw<'a>>,
    #[serde(borrow)]
    s: Option<Raw<'a>>,
    /// Conditions of a trade; a number of bars.
    #[serde(borrow)]
    c: Option<Raw<'a>>,
    /// The tape.
    #[serde(borrow)]
    z: Option<Raw<'a>>,
    /// Who took, only of crypto.
    #[serde(borrow)]
    tks: Option<Raw<'a>>,
    #[serde(borrow)]
    bp: Option<Raw<'a>>,
    #[serde(borrow)]
    bs: Option<Raw<'a>>,
    #[serde(borrow)]
    ap: Option<Raw<'a>>,
    #[serde(borrow, rename = "as")]
    ask_size: Option<Raw<'a>>,
    /// Of a correction: the number of what was wrong, and price and size as they are right.
    #[serde(borrow)]
    oi: Option<Raw<'a>>,
    #[serde(borrow)]
    cp: Option<Raw<'a>>,
    #[serde(borrow)]
    cs: Option<Raw<'a>>,
    /// Of answers.
    #[serde(borrow)]
    pub code: Option<Raw<'a>>,
    #[serde(borrow)]
    pub msg: Option<Raw<'a>>,
    #[serde(borrow)]
    pub trades: Option<Raw<'a>>,
    #[serde(borrow)]
    pub quotes: Option<Raw<'a>>,
    /// Of a status: the code of the trading state, what it means, and why.
    #[serde(borrow)]
    pub sc: Option<Raw<'a>>,
    #[serde(borrow)]
    pub sm: Option<Raw<'a>>,
    #[serde(borrow)]
    pub rm: Option<Raw<'a>>,
}

/// Whether a point is of a kind that ticks are made of.
pub fn is_tick(kind: &str) -> bool {
    matches!(kind, "t" | "q" | "x" | "c")
}

/// A point, if ticks are made of its kind.
pub fn point(point: &AlpacaPoint<'_>, found: &mut FoundTicks) -> Result<(), FormatFault> {
    let kind = point.kind.text();
    if !is_tick(kind) {
        return Ok(());
    }
    let symbol = point.symbol.ok_or(FormatFault::Missing { field: "S" })?.symbol()?;
    let ts = Some(point.t.ok_or(FormatFault::Missing { field: "t" })?.time("t")?);
    let mut fields = Fields::default();
    match kind {
        "t" => {
            let (Some(price), Some(size)) = (point.p, point.s) else {
                return Err(FormatFault::Missing { field: "p or s of a trade" });
            };
            let side = match point.tks.map(Raw::text) {
                Some("B") => Side::Buy,
                Some("S") => Side::Sell,
                _ => Side::Unknown,
            };
            fields = trade(price, size, side, point.i)?;
            fields.limit_trade(affects(point.c, point.z)?);
        }
        "q" => {
            quote((point.bp, point.bs), (point.ap, point.ask_size), &mut fields)?;
            fields.withdraw_sides_at_zero();
        }
        "x" => {
            let id = id_of(point.i).ok_or(FormatFault::Missing { field: "i of a cancel" })?;
            fields.set_report(Some(Arc::new(TradeReport::of(ReportKind::Cancel, id))));
        }
        _ => {
            let id = id_of(point.oi).ok_or(FormatFault::Missing { field: "oi of a correction" })?;
            let mut values = Fields::default();
            set(Field::Last, point.cp, &mut values)?;
            set(Field::LastSize, point.cs, &mut values)?;
            let mut report = TradeReport::of(ReportKind::Correct, id);
            report.last = values.get_decimal(Field::Last);
            report.last_size = values.get_decimal(Field::LastSize);
            if report.last.is_none() && report.last_size.is_none() {
                return Err(FormatFault::Missing { field: "cp or cs of a correction" });
            }
            fields.set_report(Some(Arc::new(report)));
        }
    }
    // Times are those of several exchanges.
    found.order = MessageOrder::Written;
    found.push(Tick { symbol, ts, fields });
    Ok(())
}

/// By the letters of a tape: `A` and `B` are CTA's, `C` is UTP's.
fn affects(conditions: Option<Raw<'_>>, tape: Option<Raw<'_>>) -> Result<Affects, FormatFault> {
    let (Some(conditions), Some(tape)) = (conditions, tape) else { return Ok(Affects::ALL) };
    let tape = match tape.text() {
        "A" | "B" => conditions::ConditionTape::Cta,
        "C" => conditions::ConditionTape::Utp,
        _ => return Ok(Affects::ALL),
    };
    let letters: Vec<Raw<'_>> = super::value::parse(conditions.0.get())?;
    Ok(conditions::of_tape(letters.iter().map(|letter| letter.text().trim()), tape))
}
