//! What each of Exchange's channels is here.

use std::time::Duration;

use crate::{
    fanout::{Form, Mode},
    tick::FieldSet,
    wire::dialects::stream::DialectStream,
};

/// Each trade, behind the last one before the client came.
pub static MATCHES: DialectStream = DialectStream {
    name: "matches",
    form: Form::lossless(1),
    mode: Mode::Every,
    fields: FieldSet::LAST_TRADE,
    interval: Duration::ZERO,
    snapshot: true,
    past_trades: 1,
    reports: true,
};
pub static TICKER: DialectStream = conflated("ticker", 2, FieldSet::LAST_TRADE, Duration::ZERO);
pub static TICKER_BATCH: DialectStream = conflated("ticker_batch", 2, FieldSet::LAST_TRADE, BATCHED);
/// Sent by the clock, and by no tick.
pub static HEARTBEAT: DialectStream = conflated("heartbeat", 3, FieldSet::NONE, Duration::ZERO);

const BATCHED: Duration = Duration::from_secs(5);

const fn conflated(name: &'static str, form: u8, fields: FieldSet, interval: Duration) -> DialectStream {
    DialectStream {
        name,
        form: Form::conflated(form),
        mode: Mode::Latest,
        fields,
        interval,
        snapshot: true,
        past_trades: 0,
        reports: false,
    }
}

/// The channels that are served.
static SERVED: [&DialectStream; 4] = [&MATCHES, &TICKER, &TICKER_BATCH, &HEARTBEAT];

/// The channel of this name.
pub fn channel(name: &str) -> Option<&'static DialectStream> {
    SERVED.into_iter().find(|kind| kind.name == name)
}
