//! What each of Massive's channels is here. A channel has the symbol behind its name: `T.AAPL`, or `T.*` for all.

use crate::{
    tick::{Field, FieldSet},
    wire::dialects::stream::DialectStream,
};

// The venue sends nothing of what was before the client came.
pub static TRADES: DialectStream = DialectStream::trades("T", 1);
pub static QUOTES: DialectStream = DialectStream::conflated("Q", 2, FieldSet::QUOTE);
pub static CRYPTO_TRADES: DialectStream = DialectStream::trades("XT", 3);
pub static CRYPTO_QUOTES: DialectStream = DialectStream::conflated("XQ", 4, FieldSet::QUOTE);
pub static CURRENCIES: DialectStream = DialectStream::conflated("C", 5, FieldSet::QUOTE);
/// Events of futures have other members than those of stocks.
pub static FUTURES_TRADES: DialectStream = DialectStream::trades("T", 6);
pub static FUTURES_QUOTES: DialectStream = DialectStream::conflated("Q", 7, FieldSet::QUOTE);
pub static VALUES: DialectStream = DialectStream::conflated("V", 8, FieldSet::NONE.with(Field::Last));

/// The market of a connection, which the venue calls its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MassiveCluster {
    Stocks,
    Options,
    Crypto,
    Forex,
    Indices,
    Futures,
}

impl MassiveCluster {
    pub fn of_path(path: &str) -> Option<MassiveCluster> {
        match path {
            "stocks" => Some(MassiveCluster::Stocks),
            "options" => Some(MassiveCluster::Options),
            "crypto" => Some(MassiveCluster::Crypto),
            "forex" => Some(MassiveCluster::Forex),
            "indices" => Some(MassiveCluster::Indices),
            "futures" | "futures/cme" | "futures/cbot" | "futures/nymex" | "futures/comex" => {
                Some(MassiveCluster::Futures)
            }
            _ => None,
        }
    }

    /// A channel that is served, by its name.
    pub fn channel(self, name: &str) -> Option<&'static DialectStream> {
        match (self, name) {
            (MassiveCluster::Stocks | MassiveCluster::Options, "T") => Some(&TRADES),
            (MassiveCluster::Stocks | MassiveCluster::Options, "Q") => Some(&QUOTES),
            (MassiveCluster::Futures, "T") => Some(&FUTURES_TRADES),
            (MassiveCluster::Futures, "Q") => Some(&FUTURES_QUOTES),
            (MassiveCluster::Crypto, "XT") => Some(&CRYPTO_TRADES),
            (MassiveCluster::Crypto, "XQ") => Some(&CRYPTO_QUOTES),
            (MassiveCluster::Forex, "C") => Some(&CURRENCIES),
            (MassiveCluster::Indices, "V") => Some(&VALUES),
            _ => None,
        }
    }

    /// Whether its symbols are pairs, which the market may have with another separator or none.
    pub const fn has_pairs(self) -> bool {
        matches!(self, MassiveCluster::Crypto | MassiveCluster::Forex)
    }
}
