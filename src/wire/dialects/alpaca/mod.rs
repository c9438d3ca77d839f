//! Alpaca's market data v2 (docs.alpaca.markets, real-time stock pricing data and real-time crypto data): trades and quotes
//! of stocks and of crypto, in JSON or in `MessagePack`.
//!
//! Every message of the server is an array. Bars, statuses and the like are in the client's lists, and are not sent.

mod answer;
pub mod channels;
mod conversation;
mod halt;
pub mod json;
mod members;
pub mod packed;
pub mod point;
mod request;
pub mod streams;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;
mod values;

use super::{dialect::Dialect, rest::RestRefusal, row::DialectRow};
use conversation::{AlpacaDialect, AlpacaMarket};

pub const ROW: DialectRow = DialectRow { name: "alpaca", begin, rest: &[], refusals: REFUSALS };

/// Its trading and its history are not here.
const NOT_HERE: RestRefusal = RestRefusal { status: 404, body: r#"{"message":"endpoint not found."}"# };
const REFUSALS: &[(&str, RestRefusal)] = &[
    ("/v2/account", NOT_HERE),
    ("/v2/assets", NOT_HERE),
    ("/v2/calendar", NOT_HERE),
    ("/v2/clock", NOT_HERE),
    ("/v2/orders", NOT_HERE),
    ("/v2/positions", NOT_HERE),
    ("/v2/stocks/", NOT_HERE),
    ("/v1beta1/", NOT_HERE),
    ("/v1beta2/", NOT_HERE),
    ("/v1beta3/", NOT_HERE),
];

/// The sources of stocks. Each is the whole market here.
const SOURCES: [&str; 6] = ["iex", "sip", "delayed_sip", "boats", "overnight", "test"];

/// The places of crypto. Each is the whole market too.
const PLACES: [&str; 4] = ["us", "us-1", "us-2", "eu-1"];

fn begin(path: &str, query: &str) -> Option<Box<dyn Dialect>> {
    let path = path.strip_prefix("/alpaca").filter(|path| path.starts_with('/')).unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_stocks = path.strip_prefix("/v2/").is_some_and(|source| SOURCES.contains(&source));
    let market = match path {
        // The older version, which a client of its time still asks for, has the same messages.
        "/v1beta2/crypto" => AlpacaMarket::Crypto,
        _ if path.strip_prefix("/v1beta3/crypto/").is_some_and(|place| PLACES.contains(&place)) => {
            AlpacaMarket::Crypto
        }
        _ if is_stocks => AlpacaMarket::Stocks,
        _ => return None,
    };
    let has_token = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "token");
    Some(Box::new(AlpacaDialect::new(market, has_token)))
}
