//! [`Readers`]: what shards report back to feeds, so that feeds need not know sessions: the number of subscribed
//! clients, and the order up to which subscriptions in mode `every` were sent everything.
//!
//! Law 1 has one exception, for feeds that ask for it: a replay that steps, or runs at speed `max`, stays within [a
//! window](Readers::room) of the slowest subscription in mode `every`. Nothing waits here: the feed itself waits for
//! its wakeup. Shards [note](Readers::note) their watermarks once a turn, and only while a feed asks.
//!
//! Invariants: no wake-up is lost, however feeds and shards interleave (checked under loom, `tests/loom`);
//! a client that has [joined](Readers::join) is counted until its [`JoinedReader`] is dropped.

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
    /// Wakeups of the feeds that follow changes here.
    wakeups: Mutex<Vec<Wakeup>>,
    /// The number of feeds that ask for room.
    watching: AtomicUsize,
    /// A feed found no room and waits.
    waiting: AtomicBool,
    /// For each shard, its watermark: the order up to which all its subscriptions in mode `every` were sent everything.
    marks: Vec<AtomicU64>,
    window: u64,
}

/// One client that has subscribed.
#[derive(Debug)]
pub struct JoinedReader(Arc<Readers>);

/// The most that [`Readers::room`] ever returns. Shards keep at least 128 recent ticks of a topic, which are sent in
/// order over all topics; within this window no subscription falls behind them.
pub(super) const WINDOW_TICKS_MAX: usize = 96;

impl Readers {
    /// `ticks_max`: the capacity of a topic's ring.
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

    /// Counts a client as subscribed. Call it after its subscriptions are in force.
    pub fn join(self: &Arc<Self>) -> JoinedReader {
        self.clients.fetch_add(1, Ordering::Release);
        self.notify();
        JoinedReader(Arc::clone(self))
    }

    /// The number of subscribed clients that are still connected.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// Notifies this wakeup of every change.
    pub fn listen(&self, wakeup: &Wakeup) {
        self.wakeups.lock().unwrap_or_else(PoisonError::into_inner).push(wakeup.clone());
    }

    /// A feed starts to ask for room. The watermarks are stale: shards must be woken to note theirs.
    pub fn watch(&self) {
        self.watching.fetch_add(1, Ordering::SeqCst);
    }

    /// A feed stops asking for room.
    pub fn unwatch(&self) {
        self.watching.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many ticks may follow `order` before a subscription could miss one. At 0 the feed's wakeup fires when there
    /// may be room.
    pub fn room(&self, order: u64) -> usize {
        self.unless_waiting(|low_water| self.window.saturating_sub(order.saturating_sub(low_water)) as usize)
    }

    /// Whether all ticks up to `order` were sent to every subscription; if not, the wakeup fires when that may be so.
    pub fn is_taken(&self, order: u64) -> bool {
        self.unless_waiting(|low_water| usize::from(low_water >= order)) > 0
    }

    /// Evaluates the watermarks; at 0 the wakeup fires at the next note.
    fn unless_waiting(&self, allowed: impl Fn(u64) -> usize) -> usize {
        // Set the flag, then read the watermarks: a note in between wakes. The fences order the two sides.
        self.waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let allowed = allowed(self.low_water());
        if allowed > 0 {
            self.waiting.store(false, Ordering::Relaxed);
        }
        allowed
    }

    /// Whether a feed asks for watermarks.
    pub fn is_watched(&self) -> bool {
        self.watching.load(Ordering::SeqCst) > 0
    }

    /// How many ticks a subscription's interval may hold back before it is ended early.
    pub fn held_max(&self) -> u64 {
        (self.window / 3).max(1)
    }

    /// Records a shard's watermark.
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
