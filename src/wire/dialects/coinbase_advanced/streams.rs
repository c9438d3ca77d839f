//! What each of Advanced Trade's channels is here.

use std::time::Duration;

use crate::{tick::FieldSet, wire::dialects::stream::DialectStream};

/// Each trade, behind a snapshot with the last ones before the client came. How many the venue tells of is not known.
pub static MARKET_TRADES: DialectStream = DialectStream::trades("market_trades", 1).behind_snapshot(50);
pub static TICKER: DialectStream = ticker("ticker", 2);
pub static TICKER_BATCH: DialectStream = ticker("ticker_batch", 3).at_most_each(BATCHED);

const BATCHED: Duration = Duration::from_secs(5);

const fn ticker(name: &'static str, form: u8) -> DialectStream {
    DialectStream::conflated(name, form, FieldSet::LAST_TRADE).behind_snapshot(0)
}

/// A channel that is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdvancedChannel {
    /// Of the connection, and of no product.
    AdvancedHeartbeats,
    Of(&'static DialectStream),
}

/// Those of products.
static SERVED: [&DialectStream; 3] = [&MARKET_TRADES, &TICKER, &TICKER_BATCH];

impl AdvancedChannel {
    pub fn parse(name: &str) -> Option<AdvancedChannel> {
        match name {
            "heartbeats" => Some(AdvancedChannel::AdvancedHeartbeats),
            _ => SERVED.into_iter().find(|kind| kind.name == name).map(AdvancedChannel::Of),
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            AdvancedChannel::AdvancedHeartbeats => "heartbeats",
            AdvancedChannel::Of(kind) => kind.name,
        }
    }
}
