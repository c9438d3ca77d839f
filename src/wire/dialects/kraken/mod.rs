//! Kraken spot, WebSocket v2 (docs.kraken.com, spot-websocket-v2): the channels `trade` and `ticker`.

mod answer;
mod conversation;
pub mod messages;
mod request;
mod rest;
pub(crate) mod streams;
#[cfg(test)]
mod tests;

use super::{dialect::Dialect, row::DialectRow};

pub const ROW: DialectRow = DialectRow { name: "kraken", begin, rest: rest::REST, refusals: rest::REFUSALS };

fn begin(path: &str, _: &str) -> Option<Box<dyn Dialect>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    matches!(path, "/kraken" | "/kraken/v2" | "/v2")
        .then(|| Box::new(conversation::KrakenDialect::default()) as Box<dyn Dialect>)
}
