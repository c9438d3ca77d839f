//! Batches from ingest to shards: the queue alone, its overflow, and the whole way through ingest.

use std::sync::Arc;

use tickcast::{
    tick::Tick,
    topic::{Batch, BatchQueue, FeedId, Ingest, Market, Outlet},
};

use crate::{
    inputs::{Kind, RING_TICKS, START, Ticks},
    work::{Case, Done, Scale, Work, fed, repeated},
};

pub const CASES: [Case; 3] = [
    Case::new("1000_batches_pushed_and_taken_by_tens", |scale| queue(scale, 10 * TICKS)),
    Case::new("1000_batches_pushed_and_each_tenth_overflows", |scale| queue(scale, 9 * TICKS)),
    Case::new("1000_ticks_by_tens_through_the_market_to_2_shards", through_ingest),
];

/// Ticks of a batch.
const TICKS: usize = 10;

/// Batches are pushed by tens and taken; whether the tenth overflows, the limit decides.
fn queue(scale: Scale, ticks_max: usize) -> Box<dyn Work> {
    let rounds = scale.of(100);
    let missed = ticks_max < 10 * TICKS;
    let batch_queue = BatchQueue::new(ticks_max);
    let batch = Arc::new(Batch::default());
    let mut taken = Vec::new();
    repeated(move || {
        for _ in 0..rounds {
            for number in 0..10 {
                assert_eq!(batch_queue.push(&batch, TICKS), number == 0, "the first push wakes");
            }
            assert_eq!(batch_queue.take(&mut taken).missed, missed);
            taken.clear();
        }
        Done { items: 10 * rounds as u64, bytes: 0 }
    })
}

fn through_ingest(scale: Scale) -> Box<dyn Work> {
    let (topics, rounds) = (scale.of(500), scale.of(100));
    let batch_queues = [0; 2].map(|_| Arc::new(BatchQueue::new(1_000_000)));
    let outlets = batch_queues
        .iter()
        .map(|batch_queue| Outlet {
            queue: Arc::clone(batch_queue),
            wake: Box::new(|| {}),
            interest: Arc::default(),
        })
        .collect();
    let market = Market::new(vec!["bench".to_owned()], topics, RING_TICKS);
    let ingest = Ingest::new(market, outlets);
    let mut ticks = Ticks::new(Kind::Quotes, topics);
    let mut refused = Vec::new();
    fed(
        move |_| {
            let batches = (0..rounds).map(|_| ticks.take(TICKS)).collect();
            (batches, batch_queues.clone().map(|batch_queue| (batch_queue, Vec::new())))
        },
        move |(batches, shards): &mut (Vec<Vec<Tick>>, [(_, Vec<_>); 2])| {
            let mut done = Done::default();
            for batch in batches {
                done.items += ingest.submit(FeedId(0), batch, START, &mut refused) as u64;
            }
            for (batch_queue, taken) in shards {
                assert!(!BatchQueue::take(batch_queue, taken).missed);
                assert_eq!(taken.len(), rounds);
            }
            done
        },
    )
}
