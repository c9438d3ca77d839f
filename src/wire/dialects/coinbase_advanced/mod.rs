//! Coinbase Advanced Trade (docs.cdp.coinbase.com, advanced-trade-apis/websocket): the channels `market_trades`, `ticker`,
//! `ticker_batch` and `heartbeats`.

mod conversation;
pub mod messages;
mod request;
pub(crate) mod streams;
#[cfg(test)]
mod tests;

pub use conversation::AdvancedDialect;
