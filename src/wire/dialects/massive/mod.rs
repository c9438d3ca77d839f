//! Massive, formerly Polygon (massive.com/docs, websocket): trades and quotes of stocks, options, futures and crypto, quotes
//! of currencies, and values of indices.

mod conversation;
pub mod messages;
mod request;
mod status;
pub(crate) mod streams;
#[cfg(test)]
mod tests;

use super::{dialect::Dialect, rest::RestRefusal, row::DialectRow};

pub const ROW: DialectRow = DialectRow { name: "massive", begin, rest: &[], refusals: REFUSALS };

/// Its history and reference are not here.
const NOT_HERE: RestRefusal =
    RestRefusal { status: 404, body: r#"{"status":"NOT_FOUND","message":"Data not found."}"# };
const REFUSALS: &[(&str, RestRefusal)] = &[
    ("/v1/marketstatus/", NOT_HERE),
    ("/v1/open-close/", NOT_HERE),
    ("/v2/aggs/", NOT_HERE),
    ("/v2/last/", NOT_HERE),
    ("/v2/snapshot/", NOT_HERE),
    ("/v3/", NOT_HERE),
];

/// Each market has a path of its own, and each exchange of futures one below theirs.
fn begin(path: &str, _: &str) -> Option<Box<dyn Dialect>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let market = path.strip_prefix("/massive").unwrap_or(path).strip_prefix('/')?;
    let market = streams::MassiveCluster::of_path(market)?;
    Some(Box::new(conversation::MassiveDialect::new(market)))
}
