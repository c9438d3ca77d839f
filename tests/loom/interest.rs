//! The interest that a shard publishes: whether batches should carry their ticks one by one. The flag is read without
//! an order, so a batch may come without ticks although the shard has asked for them. Nothing may be lost by that.
//!
//! The queue is the service's own. The shard is a model of what `src/fanout/apply.rs` does: it begins at the topic's
//! record, and reads the ring where a batch has no ticks.

use loom::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{
    batch_queue::BatchQueue,
    failure,
    sync::{Arc, Mutex},
};

/// One tick of one topic; `tick` when the shard had asked for it.
struct Batch {
    head: u64,
    tick: Option<u64>,
}

/// Ingest: the flag is read under the market's lock, and so is the batch pushed.
struct Market {
    ring: Mutex<Vec<u64>>,
    queue: BatchQueue<Batch>,
    wants_ticks: AtomicBool,
}

/// What a shard does with a batch without ticks.
#[derive(Clone, Copy)]
enum Shard {
    /// Reads the ring, from its position on.
    Careful,
    /// Believes that its interest was seen: what has no ticks was nothing for it.
    Trusting,
    /// Begins at the next tick that comes instead of at the record.
    StartsLate,
}

const TICKS: u64 = 3;

impl Market {
    fn submit(&self) {
        let mut ring = self.ring.lock().unwrap();
        let seq = ring.len() as u64 + 1;
        ring.push(seq);
        let tick = self.wants_ticks.load(Ordering::Relaxed).then_some(seq);
        let _ = self.queue.push(&Arc::new(Batch { head: seq, tick }), 1);
    }
}

/// A subscription in mode `every` that begins while a feed submits is sent every tick behind the record it began with.
fn every_tick_comes(shard: Shard) {
    loom::model(move || {
        let market = Arc::new(Market {
            ring: Mutex::new(Vec::new()),
            queue: BatchQueue::new(8),
            wants_ticks: AtomicBool::new(false),
        });
        let feed = {
            let market = Arc::clone(&market);
            thread::spawn(move || (0..TICKS).for_each(|_| market.submit()))
        };
        // The interest is published behind the command, which has read the record.
        let begin = market.ring.lock().unwrap().len() as u64;
        market.wants_ticks.store(true, Ordering::Relaxed);
        let mut cursor = if matches!(shard, Shard::StartsLate) { None } else { Some(begin) };
        let (mut batches, mut sent) = (Vec::new(), Vec::new());
        let mut turn = |market: &Market| {
            let _ = market.queue.take(&mut batches);
            for batch in batches.drain(..) {
                let from = *cursor.get_or_insert(batch.head);
                match batch.tick {
                    _ if batch.head <= from => continue,
                    Some(tick) if tick == from + 1 => sent.push(tick),
                    None if matches!(shard, Shard::Trusting) => {}
                    _ => sent.extend(&market.ring.lock().unwrap()[from as usize..batch.head as usize]),
                }
                cursor = Some(batch.head);
            }
        };
        turn(&market);
        feed.join().unwrap();
        turn(&market);
        assert_eq!(sent, (begin + 1..=TICKS).collect::<Vec<_>>(), "ticks were lost in silence");
    });
}

#[test]
fn a_shard_that_begins_to_want_ticks_misses_none() {
    every_tick_comes(Shard::Careful);
}

#[test]
fn shards_that_trust_their_interest_are_found() {
    for shard in [Shard::Trusting, Shard::StartsLate] {
        let text = failure(move || every_tick_comes(shard));
        assert!(text.contains("lost in silence"), "{text}");
    }
}
