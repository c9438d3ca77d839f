//! What drives replays of one's own: threads that decode, tasks that hand over what was decoded, and counts.
//!
//! ```text
//! driver, a task for each replay -> parts -> the connection: `http/replays`
//!  |  ^
//!  v  | 32 KiB at a time
//! workers: two threads of low priority, which run `crate::replays`
//! ```
//! A connection holds a few parts, and the next is decoded when one was taken: its reader sets the pace. Decoding is off
//! the shards' threads and behind them in priority.
//!
//! Invariants: a replay's messages do not depend on who else replays; what waits for a connection is a bounded number of
//! parts; there are `limits.replays` at most.

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

/// What the replays of one service share.
#[derive(Default)]
pub struct Replays {
    pub library: Library,
    pub workers: Arc<Workers>,
    pub sessions: ReplaySessions,
    pub stats: ReplayStats,
    open: AtomicUsize,
}

/// The place of one replay, given back by drop.
pub struct ReplayPlace(Arc<Replays>);

impl Replays {
    pub fn new(library: Library) -> Self {
        Replays { library, ..Replays::default() }
    }

    /// Replays that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place, unless there are as many as there may be.
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
