//! What readers report to feeds, so that feeds do not depend on sessions: how many clients have subscribed, and how far
//! the readers in mode `every` have been sent.
//!
//! Law 1 has one exception, for feeds that ask for it: a replay that steps, or at speed `max`, stays within
//! [a window](Readers::room) of the slowest subscription in mode `every`. Nothing waits here: the feed waits by itself
//! and is notified when there is room. Shards [note](Readers::note) their marks once a turn, only while a feed asks.
//!
//! No wake-up is lost, in whatever order feeds look and shards note: checked under loom (`tests/loom`).
//!
//! Invariant: a client that has [joined](Readers::join) is counted until its [`JoinedReader`] is dropped.

use std::sync::PoisonError;

use crate::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
    wakeup::Wakeup,
};

/// Shared by feeds and shards.
#[derive(Debug)]
pub struct Readers {
    clients: AtomicUsize,
    /// Wakeups of the feeds that want to know of changes here.
    wakeups: Mutex<Vec<Wakeup>>,
    /// How many feeds ask for room.
    watching: AtomicUsize,
    /// A feed found no room, and waits for it.
    waiting: AtomicBool,
    /// For each shard, the order up to which all its readers in mode `every` were sent everything.
    marks: Vec<AtomicU64>,
    window: u64,
}

/// One client that has subscribed.
#[derive(Debug)]
pub struct JoinedReader(Arc<Readers>);

/// The most that [`Readers::room`] ever gives. Shards keep at least 128 of a topic's newest ticks, from which all
/// topics are served in the order of their ticks. Within this room no reader falls behind them.
pub(super) const WINDOW_TICKS_MAX: usize = 96;

impl Readers {
    /// `ticks_max`: what a topic's ring holds.
    pub fn new(shards: usize, ticks_max: usize) -> Self {
        let window = (ticks_max * 3 / 4).clamp(1, WINDOW_TICKS_MAX);
        Readers {
            clients: AtomicUsize::new(0),
            wakeups: Mutex::default(),
            watching: AtomicUsize::new(0),
            waiting: AtomicBool::new(false),
            marks: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            window: window as u64,
        }
    }

    /// Counts a client that has subscribed. Its subscriptions must be in force already.
    pub fn join(self: &Arc<Self>) -> JoinedReader {
        self.clients.fetch_add(1, Ordering::Release);
        self.notify();
        JoinedReader(Arc::clone(self))
    }

    /// Clients that have subscribed and are still connected.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// Notifies this wakeup of every change.
    pub fn listen(&self, wakeup: &Wakeup) {
        self.wakeups.lock().unwrap_or_else(PoisonError::into_inner).push(wakeup.clone());
    }

    /// A feed starts to ask for room. The marks are old: shards must be woken to note theirs.
    pub fn watch(&self) {
        self.watching.fetch_add(1, Ordering::SeqCst);
    }

    /// The feed stops asking.
    pub fn unwatch(&self) {
        self.watching.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many more ticks may come after `order` before a reader misses one. With 0 the wakeup is notified when there
    /// may be room.
    pub fn room(&self, order: u64) -> usize {
        self.unless_waiting(|low_water| self.window.saturating_sub(order.saturating_sub(low_water)) as usize)
    }

    /// Whether all `order` ticks were sent to all readers; if not, the wakeup is notified when that may be so.
    pub fn is_taken(&self, order: u64) -> bool {
        self.unless_waiting(|low_water| usize::from(low_water >= order)) > 0
    }

    /// What the marks allow; with 0 the wakeup is notified at the next mark.
    fn unless_waiting(&self, allowed: impl Fn(u64) -> usize) -> usize {
        // First the flag, then the marks: a mark noted in between notifies. The fences order the two sides.
        self.waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let allowed = allowed(self.low_water());
        if allowed > 0 {
            self.waiting.store(false, Ordering::Relaxed);
        }
        allowed
    }

    /// Whether a feed asks for marks.
    pub fn is_watched(&self) -> bool {
        self.watching.load(Ordering::SeqCst) > 0
    }

    /// How many ticks a subscription's interval may hold back; beyond it the interval ends early.
    pub fn held_max(&self) -> u64 {
        (self.window / 3).max(1)
    }

    /// Records how far a shard has come.
    pub fn note(&self, shard: usize, mark: u64) {
        let Some(noted) = self.marks.get(shard) else { return };
        if noted.swap(mark, Ordering::AcqRel) == mark {
            return;
        }
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) {
            self.notify();
        }
    }

    fn low_water(&self) -> u64 {
        self.marks.iter().map(|mark| mark.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }

    fn notify(&self) {
        self.wakeups.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Wakeup::notify);
    }
}

impl Drop for JoinedReader {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
