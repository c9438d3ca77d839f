//! The queue of scrapes: one is made at a time, and requests that wait share it.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};

/// Scrapes, one at a time: requests that arrive during a scrape share the next one.
///
/// A scrape is never older than its request. The next begins only when most of the time since the last belonged to
/// sessions, so that scraping without a pause slows no session.
#[derive(Default)]
pub struct ScrapeQueue {
    /// How many scrapes have begun.
    pub begun: AtomicU64,
    /// Held by the task that makes one.
    pub last: Mutex<LastScrape>,
}

/// The last scrape.
#[derive(Default)]
pub struct LastScrape {
    pub number: u64,
    pub text: Bytes,
    /// The next scrape does not begin before this time.
    pub next: Option<Instant>,
}
