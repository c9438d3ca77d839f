//! What each of Exchange's channels is here.

use std::time::Duration;

use crate::{tick::FieldSet, wire::dialects::stream::DialectStream};

/// Each trade, behind the last one before the client came.
pub static MATCHES: DialectStream = DialectStream::trades("matches", 1).behind_snapshot(1);
pub static TICKER: DialectStream = conflated("ticker", 2, FieldSet::LAST_TRADE);
pub static TICKER_BATCH: DialectStream =
    conflated("ticker_batch", 2, FieldSet::LAST_TRADE).at_most_each(BATCHED);
/// Sent by the clock, and by no tick.
pub static HEARTBEAT: DialectStream = conflated("heartbeat", 3, FieldSet::NONE);

const BATCHED: Duration = Duration::from_secs(5);

const fn conflated(name: &'static str, form: u8, fields: FieldSet) -> DialectStream {
    DialectStream::conflated(name, form, fields).behind_snapshot(0)
}

/// The channels that are served.
static SERVED: [&DialectStream; 4] = [&MATCHES, &TICKER, &TICKER_BATCH, &HEARTBEAT];

/// The channel of this name.
pub fn channel(name: &str) -> Option<&'static DialectStream> {
    SERVED.into_iter().find(|kind| kind.name == name)
}
