//! Coinbase Exchange, the WebSocket feed (docs.cdp.coinbase.com, exchange/websocket-feed): the channels `matches`,
//! `ticker`, `ticker_batch` and `heartbeat`.

mod conversation;
pub mod messages;
mod request;
pub(crate) mod streams;
#[cfg(test)]
mod tests;

pub use conversation::ExchangeDialect;
