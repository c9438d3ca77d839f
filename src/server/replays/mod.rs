//! Drives client-requested replays: threads that decode, tasks that hand over parts, and counts.
//!
//! ```text
//! driver, a task for each replay -> parts -> the connection: `http/replays`
//!  |  ^
//!  v  | 32 KiB at a time
//! workers: two threads of low priority, which run `crate::replays`
//! ```
//! A connection holds a few parts, and the next is decoded when one was taken: its client sets the pace (backpressure).
//! Decoding runs off the shards' threads, at lower priority.
//!
//! Invariants: a replay's messages do not depend on other replays; a bounded number of parts waits for a connection;
//! there are at most `limits.replays` replays.

pub mod driver;
pub mod sessions;
pub mod stats;
pub mod workers;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use self::{sessions::ReplaySessions, stats::ReplayStats, workers::Workers};
use crate::replays::library::Library;

/// State shared by all replays of the service.
#[derive(Default)]
pub struct Replays {
    pub library: Library,
    pub workers: Arc<Workers>,
    pub sessions: ReplaySessions,
    pub stats: ReplayStats,
    open: AtomicUsize,
}

/// The slot of one replay, released by drop.
pub struct ReplayPlace(Arc<Replays>);

impl Replays {
    pub fn new(library: Library) -> Self {
        Replays { library, ..Replays::default() }
    }

    /// The number of open replays.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a slot, if fewer than `most` are in use.
    pub fn place(self: &Arc<Self>, most: usize) -> Option<ReplayPlace> {
        let room = |open: usize| (open < most).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(ReplayPlace(Arc::clone(self)))
    }
}

impl Drop for ReplayPlace {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
