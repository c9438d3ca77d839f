//! The bounded queue of batches from ingest to one shard. Ingest never waits on it.
//!
//! Loss: at most `ticks_max` ticks wait. A batch that would exceed that is dropped together with all queued batches,
//! and the reader learns that it missed batches ([`TakenBatches::missed`]). It then reads the current records from the
//! market: the lost ticks are conflated and counted, never silent.
//!
//! Invariants: a reader that found the queue empty and sleeps is woken by the next push; once a reader has been told of
//! a miss, every later batch is in its queue. Checked under loom (`tests/loom`), which is why `Mutex` comes from
//! `src/sync.rs`.

use crate::sync::{Arc, Mutex};

/// The queue between ingest and one shard.
pub struct BatchQueue<B> {
    queue: Mutex<Queued<B>>,
    ticks_max: usize,
}

struct Queued<B> {
    batches: Vec<Arc<B>>,
    ticks: usize,
    missed: bool,
    /// The reader was woken and has not taken anything since: it needs no second wake-up.
    woken: bool,
}

/// What [`BatchQueue::take`] returns besides the batches.
#[derive(Debug)]
pub struct TakenBatches {
    /// Batches were dropped before the ones that were taken.
    pub missed: bool,
}

impl<B> BatchQueue<B> {
    pub fn new(ticks_max: usize) -> Self {
        let queue = Queued { batches: Vec::new(), ticks: 0, missed: false, woken: false };
        BatchQueue { queue: Mutex::new(queue), ticks_max }
    }

    /// Queues a batch of `ticks` ticks. Returns whether the reader must be woken.
    #[must_use]
    pub fn push(&self, batch: &Arc<B>, ticks: usize) -> bool {
        let mut queue = lock(&self.queue);
        if queue.ticks + ticks > self.ticks_max {
            queue.batches.clear();
            queue.ticks = 0;
            queue.missed = true;
        } else {
            queue.batches.push(Arc::clone(batch));
            queue.ticks += ticks;
        }
        !std::mem::replace(&mut queue.woken, true)
    }

    /// Takes all waiting batches, in order, into `batches` (which must be empty; its memory is reused).
    pub fn take(&self, batches: &mut Vec<Arc<B>>) -> TakenBatches {
        let mut queue = lock(&self.queue);
        std::mem::swap(&mut queue.batches, batches);
        queue.ticks = 0;
        queue.woken = false;
        TakenBatches { missed: std::mem::take(&mut queue.missed) }
    }
}

/// A panic elsewhere leaves the queue consistent: every change to it is complete before the lock is released.
fn lock<T>(mutex: &Mutex<T>) -> crate::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
