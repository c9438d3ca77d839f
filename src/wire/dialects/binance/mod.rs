//! Binance spot: market streams over WebSocket (`binance-spot-api-docs`, web-socket-streams.md).

mod address;
mod conversation;
pub mod messages;
mod request;
#[cfg(test)]
mod request_tests;
mod rest;
pub(crate) mod streams;
#[cfg(test)]
mod tests;

use super::{dialect::Dialect, row::DialectRow};

pub const ROW: DialectRow = DialectRow { name: "binance", begin, rest: rest::REST, refusals: rest::REFUSALS };

fn begin(path: &str, query: &str) -> Option<Box<dyn Dialect>> {
    let address = address::Address::of(path, query)?;
    Some(Box::new(conversation::BinanceSession::new(address)))
}
