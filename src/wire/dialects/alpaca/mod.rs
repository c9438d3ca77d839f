//! Alpaca's market data v2 (docs.alpaca.markets, real-time stock pricing data and real-time crypto data): trades and quotes
//! of stocks and of crypto, in JSON or in `MessagePack`.
//!
//! Every message of the server is an array. Bars, statuses and the like are in the client's lists, and are not sent.

mod answer;
pub mod channels;
mod conversation;
mod halt;
pub mod json;
pub mod packed;
pub mod point;
mod request;
pub mod streams;
#[cfg(test)]
mod tests;
mod values;

use super::{dialect::Dialect, row::DialectRow};
use conversation::{AlpacaDialect, AlpacaMarket};

pub const ROW: DialectRow = DialectRow { name: "alpaca", begin, rest: &[] };

/// The sources of stocks. Each is the whole market here.
const SOURCES: [&str; 6] = ["iex", "sip", "delayed_sip", "boats", "overnight", "test"];

fn begin(path: &str, query: &str) -> Option<Box<dyn Dialect>> {
    let path = path.strip_prefix("/alpaca").filter(|path| path.starts_with('/')).unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_stocks = path.strip_prefix("/v2/").is_some_and(|source| SOURCES.contains(&source));
    let market = match path {
        "/v1beta3/crypto/us" => AlpacaMarket::Crypto,
        _ if is_stocks => AlpacaMarket::Stocks,
        _ => return None,
    };
    let has_token = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "token");
    Some(Box::new(AlpacaDialect::new(market, has_token)))
}
