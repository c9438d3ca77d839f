//! Massive, formerly Polygon (massive.com/docs, websocket): trades and quotes of stocks, options, futures and crypto, quotes
//! of currencies, and values of indices.

mod conversation;
pub mod messages;
mod request;
mod status;
mod streams;
#[cfg(test)]
mod tests;

use super::{dialect::Dialect, row::DialectRow};

pub const ROW: DialectRow = DialectRow { name: "massive", begin, rest: &[] };

/// Each market has a path of its own, and each exchange of futures one below theirs.
fn begin(path: &str, _: &str) -> Option<Box<dyn Dialect>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let market = path.strip_prefix("/massive").unwrap_or(path).strip_prefix('/')?;
    let market = streams::MassiveCluster::of_path(market)?;
    Some(Box::new(conversation::MassiveDialect::new(market)))
}
