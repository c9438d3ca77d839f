//! The stage on which the scenarios play: a real server process, clients over real sockets, a model of the market.
//!
//! Nothing here uses the crate under test: it is written from the contract, as a stranger would write it; binary frames
//! are read by the client crate. A test of [`each_encoding`] runs once for each encoding of its clients. Waits are for
//! events, with a [`DEADLINE`] that only a broken server reaches.

pub mod client;
mod dialect;
pub mod files;
pub mod http;
pub mod inflating;
pub mod metrics;
mod packed;
pub mod program;
pub mod raw;
pub mod recorded;
pub mod server;
pub mod socket;
pub mod sse;
pub mod tokens;
pub mod venue;
#[path = "../../support/judge/mod.rs"]
mod judge;

use std::{
    cell::Cell,
    future::Future,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use client::{Client, upgrade};
pub use dialect::VenueClient;
pub use http::{Reply, Request};
pub use inflating::Inflating;
pub use judge::{
    Decimal, Encoding, Frames, Market, Message, Store, inflate, message, subscription::Subscription,
};
pub use metrics::Metrics;
pub use server::Server;
pub use socket::Socket;
pub use sse::Sse;
pub use venue::{Venue, VenueEnd};

/// How long an event may take before the test calls it missing. Generous: these machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long a test may take in all: events may keep coming, as pings do, and the one that is waited for never.
const TEST_DEADLINE: Duration = Duration::from_secs(300);

thread_local! {
    /// When the test that runs on this thread waited for the first time.
    static BEGIN: Cell<Option<Instant>> = const { Cell::new(None) };
    static ENCODING: Cell<Encoding> = const { Cell::new(Encoding::Json) };
    static SPEAKS_TLS: Cell<bool> = const { Cell::new(false) };
}

/// What clients ask for in the test that runs on this thread.
pub fn encoding() -> Encoding {
    ENCODING.get()
}

/// Runs a test whose clients ask for this encoding. The runtime of a test has one thread.
pub async fn in_encoding(encoding: Encoding, test: impl Future<Output = ()>) {
    ENCODING.set(encoding);
    test.await;
}

/// Whether servers and clients speak TLS in the test that runs on this thread.
pub fn speaks_tls() -> bool {
    SPEAKS_TLS.get()
}

/// Runs a test whose servers and clients speak TLS.
pub async fn in_tls(test: impl Future<Output = ()>) {
    SPEAKS_TLS.set(true);
    test.await;
}

/// Makes four tests of each of these functions: `json::NAME`, `compressed::NAME`, `binary::NAME`, and `tls::NAME` in JSON over
/// TLS.
macro_rules! each_encoding {
    ($($test:ident),+ $(,)?) => {
        mod json {
            $(#[tokio::test] async fn $test() {
                crate::harness::in_encoding(crate::harness::Encoding::Json, super::$test()).await;
            })+
        }
        mod compressed {
            $(#[tokio::test] async fn $test() {
                crate::harness::in_encoding(crate::harness::Encoding::Compressed, super::$test()).await;
            })+
        }
        mod binary {
            $(#[tokio::test] async fn $test() {
                crate::harness::in_encoding(crate::harness::Encoding::Binary, super::$test()).await;
            })+
        }
        mod tls {
            $(#[tokio::test] async fn $test() {
                crate::harness::in_tls(super::$test()).await;
            })+
        }
    };
}
pub(crate) use each_encoding;

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

/// What is left of the time that the test on this thread may take.
fn left() -> Duration {
    let begin = BEGIN.get().unwrap_or_else(Instant::now);
    BEGIN.set(Some(begin));
    TEST_DEADLINE.saturating_sub(begin.elapsed())
}

/// Waits for `event`, or panics with its name.
pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    let left = left();
    assert!(!left.is_zero(), "the test has run for {TEST_DEADLINE:?}, and waits for {what}");
    let most = left.min(DEADLINE);
    let awaited = tokio::time::timeout(most, event).await;
    awaited.unwrap_or_else(|_| panic!("waited {most:?} in vain for {what}"))
}

/// Asks again and again until `probe` says yes: for states that the server shows and does not announce.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut probe: impl FnMut() -> F) {
    let start = Instant::now();
    while !probe().await {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
