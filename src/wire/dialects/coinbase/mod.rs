//! Both of Coinbase's protocols at one address: Exchange asks for `channels`, Advanced Trade for a `channel`, so the first
//! message tells which it is.
//!
//! Invariant: a session that has said nothing is sent nothing, so it matters to nobody as what it begins.

mod choice;
mod rest;

use super::{dialect::Dialect, row::DialectRow};

pub const ROW: DialectRow =
    DialectRow { name: "coinbase", begin, rest: rest::REST, refusals: rest::REFUSALS };

fn begin(path: &str, _: &str) -> Option<Box<dyn Dialect>> {
    let is_own = matches!(path.strip_suffix('/').unwrap_or(path), "/coinbase" | "");
    is_own.then(|| Box::new(choice::CoinbaseDialect::default()) as Box<dyn Dialect>)
}
