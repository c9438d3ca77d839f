//! The stage on which the scenarios play: a real server process, clients over real sockets, a model of the market.
//!
//! Nothing here uses the crate under test: it is written from the contract, as a stranger would write it. Waits are
//! for events, with a [`DEADLINE`] that only a broken server reaches.

pub mod client;
pub mod http;
pub mod metrics;
pub mod raw;
pub mod server;
pub mod sse;
#[path = "../../support/judge/mod.rs"]
mod judge;

use std::{
    future::Future,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use client::Client;
pub use http::{Reply, Request};
pub use judge::{Decimal, Market, Message, Store, message, subscription::Subscription};
pub use metrics::Metrics;
pub use server::Server;
pub use sse::Sse;

/// How long an event may take before the test calls it missing. Generous: these machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Microseconds since the Unix epoch, as the JSON wire has times.
pub fn now_micros() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(wall.as_micros()).expect("a clock before the year 294246")
}

/// A tick as a line, its values as the JSON text that is given: `line("A", &[("bid", "1.5")])`.
pub fn line(symbol: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, text)| [",\"", name, "\":", text].concat()).collect();
    format!("{{\"symbol\":\"{symbol}\"{fields}}}")
}

/// A tick for each number of the range, which is its bid.
pub fn bids(symbol: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| line(symbol, &[("bid", &number.to_string())])).collect()
}

/// Waits for `event`, or panics with its name.
pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(DEADLINE, event).await;
    awaited.unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Asks again and again until `probe` says yes: for states that the server shows and does not announce.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut probe: impl FnMut() -> F) {
    let start = Instant::now();
    while !probe().await {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
