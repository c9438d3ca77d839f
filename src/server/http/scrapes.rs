//! The queue of metrics scrapes: one runs at a time, and waiting requests share the next.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};

/// Scrapes, one at a time: requests that arrive during a scrape share the next one.
///
/// A scrape is never older than its request. The next starts only after the sessions had most of the time since the
/// last, so that continuous scraping slows no session.
#[derive(Default)]
pub struct ScrapeQueue {
    /// The number of scrapes started.
    pub begun: AtomicU64,
    /// Locked by the task that runs one.
    pub last: Mutex<LastScrape>,
}

/// The last scrape.
#[derive(Default)]
pub struct LastScrape {
    pub number: u64,
    pub text: Bytes,
    /// The next scrape does not start before this.
    pub next: Option<Instant>,
}
