//! What threads share, under every interleaving (loom): the queue of batches from ingest to a shard, how a feed waits
//! for its readers, the interest that a shard publishes, accepted connections, and settings that are reloaded.
//!
//! The code under test is the service's own files, built on loom's types. Checked: no batch is lost unless the reader
//! learns of it, batches are taken in order, and a reader that sleeps is woken by the next push. Broken copies show
//! that each check can fail.

#[path = "../../src/server/admission/addresses.rs"]
#[expect(dead_code, reason = "handshakes of TLS are not part of it")]
mod addresses;
#[path = "../../src/server/admission/balancer.rs"]
#[expect(dead_code, reason = "limits that are reloaded, and operators, need no second thread")]
mod balancer;
mod broken;
mod connections;
mod interest;
mod live;
mod readers_wait;
#[path = "../../src/topic/readers.rs"]
#[expect(dead_code, reason = "what needs no second thread is checked beside the code")]
mod readers;
mod wakeup;
#[path = "../../src/topic/batch_queue.rs"]
mod batch_queue;
/// What the queue is built on. Its `Arc` only counts, and loom's cannot be dropped by a failing check.
mod sync {
    pub use loom::sync::{Mutex, MutexGuard, atomic};
    pub use std::sync::Arc;
}

use tickcast::{limits, planted, proxies};

use batch_queue::{BatchQueue, TakenBatches};
use loom::{sync::Notify, thread};
use sync::{Arc, Mutex};

/// What is checked: the service's queue, or a broken one.
trait Queue: Send + Sync + 'static {
    fn push(&self, batch: &Arc<u64>, ticks: usize) -> bool;
    fn take(&self, batches: &mut Vec<Arc<u64>>) -> TakenBatches;
}

impl Queue for BatchQueue<u64> {
    fn push(&self, batch: &Arc<u64>, ticks: usize) -> bool {
        BatchQueue::push(self, batch, ticks)
    }

    fn take(&self, batches: &mut Vec<Arc<u64>>) -> TakenBatches {
        BatchQueue::take(self, batches)
    }
}

/// Ingest, as the service has it: seqs are given and handed on under one lock.
struct Market<Q> {
    seq: Mutex<u64>,
    queue: Q,
    wake: Notify,
}

impl<Q: Queue> Market<Q> {
    fn new(queue: Q) -> Arc<Self> {
        Arc::new(Market { seq: Mutex::new(0), queue, wake: Notify::new() })
    }

    fn submit(&self) {
        let mut seq = self.seq.lock().unwrap();
        *seq += 1;
        if self.queue.push(&Arc::new(*seq), 1) {
            self.wake.notify();
        }
    }
}

/// A shard: its position, and the messages that it received.
#[derive(Default)]
struct Shard {
    seq: u64,
    batches: Vec<Arc<u64>>,
}

impl Shard {
    /// A turn: catches up when something was missed, then takes the batches in.
    fn turn<Q: Queue>(&mut self, market: &Market<Q>) {
        if market.queue.take(&mut self.batches).missed {
            self.seq = *market.seq.lock().unwrap();
        }
        for batch in self.batches.drain(..) {
            // What the record already had when it was looked at comes again, and is passed over.
            if *batch > self.seq {
                assert_eq!(*batch, self.seq + 1, "a batch was lost in silence or came out of order");
                self.seq = *batch;
            }
        }
    }
}

/// Feeds submit, a shard takes turns when it is woken, until it has seen all there will be.
fn all_arrives<Q: Queue>(queue: fn() -> Q, feeds: u64, ticks_a_feed: u64) {
    loom::model(move || {
        let market = Market::new(queue());
        let threads: Vec<_> = (0..feeds)
            .map(|_| {
                let market = Arc::clone(&market);
                thread::spawn(move || (0..ticks_a_feed).for_each(|_| market.submit()))
            })
            .collect();
        let mut shard = Shard::default();
        while shard.seq < feeds * ticks_a_feed {
            // Nothing else wakes it: were a wake-up lost, this would wait for ever, which loom reports.
            market.wake.wait();
            shard.turn(&market);
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// As [`all_arrives`], with a shard that also has turns of its own accord.
fn all_arrives_between_turns<Q: Queue>(queue: fn() -> Q) {
    loom::model(move || {
        let market = Market::new(queue());
        let feed = {
            let market = Arc::clone(&market);
            thread::spawn(move || (0..2).for_each(|_| market.submit()))
        };
        let mut shard = Shard::default();
        shard.turn(&market);
        while shard.seq < 2 {
            market.wake.wait();
            shard.turn(&market);
        }
        feed.join().unwrap();
    });
}

/// A reader that never looks at the market: the batches and the notices of loss that it got must account for every batch.
fn every_loss_is_told<Q: Queue>(queue: fn() -> Q) {
    const SUBMITTED: u64 = 3;
    loom::model(move || {
        let market = Market::new(queue());
        let feed = {
            let market = Arc::clone(&market);
            thread::spawn(move || (0..SUBMITTED).for_each(|_| market.submit()))
        };
        let (mut last, mut batches) = (0, Vec::new());
        // Batches after `last` are missing, and the reader was notified.
        let mut told = false;
        let mut take = |market: &Market<Q>| {
            told |= market.queue.take(&mut batches).missed;
            let taken: Vec<u64> = batches.drain(..).map(|batch| *batch).collect();
            assert!(taken.is_sorted_by(|a, b| a + 1 == *b), "batches {taken:?} came with a hole");
            if let (Some(&first), Some(&newest)) = (taken.first(), taken.last()) {
                assert!(told || first == last + 1, "a batch was lost in silence");
                assert!(first > last, "a batch came again");
                (last, told) = (newest, false);
            }
            told || last == SUBMITTED
        };
        take(&market);
        feed.join().unwrap();
        assert!(take(&market), "the newest batch was lost in silence");
    });
}

fn roomy() -> BatchQueue<u64> {
    BatchQueue::new(8)
}

/// Overflows when two batches wait.
fn tight() -> BatchQueue<u64> {
    BatchQueue::new(1)
}

#[test]
fn a_shard_that_rests_is_woken_by_what_comes() {
    all_arrives(roomy, 1, 3);
}

#[test]
fn two_feeds_wake_one_shard() {
    all_arrives(roomy, 2, 1);
    all_arrives(tight, 2, 1);
}

#[test]
fn a_shard_that_overflowed_catches_up() {
    all_arrives(tight, 1, 3);
}

#[test]
fn a_turn_of_its_own_accord_loses_no_wake_up() {
    all_arrives_between_turns(roomy);
    all_arrives_between_turns(tight);
}

#[test]
fn no_batch_is_lost_without_being_told() {
    every_loss_is_told(roomy);
    every_loss_is_told(tight);
}

/// Runs a check that must fail, on a thread of its own; says how it failed.
fn failure(check: impl FnOnce() + Send + 'static) -> String {
    let panic = std::thread::spawn(check).join().expect_err("a broken queue passes the check");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn broken_hand_overs_are_found() {
    let lost = |text: String| assert!(text.contains("lost in silence"), "{text}");
    let asleep = |text: String| assert!(text.contains("deadlock"), "{text}");
    lost(failure(|| every_loss_is_told(broken::Silent::new)));
    lost(failure(|| all_arrives(broken::Silent::new, 1, 3)));
    asleep(failure(|| all_arrives_between_turns(broken::SleepsLate::new)));
    asleep(failure(|| all_arrives(broken::WakesOnce::new, 1, 3)));
}
