//! Ticks to records: the market, and what it is made of.
//!
//! Rings are full before anything is measured: a topic that has run for a while forgets a tick for each that it takes.

use tickcast::{
    tick::{Nanos, Tick},
    topic::{Batch, Detail, FeedId, Market, Record, TopicId, ring::Ring},
};

use crate::{
    inputs::{Kind, RING_TICKS, START, Ticks},
    work::{Case, Done, Scale, Work, fed, repeated},
};

pub const CASES: [Case; 9] = [
    Case::new("batch_of_1000_quotes_to_100_topics", |scale| {
        market(scale, Kind::Quotes, 100, Detail::Records)
    }),
    Case::new("batch_of_1000_trades_to_100_topics", |scale| {
        market(scale, Kind::Trades, 100, Detail::Records)
    }),
    Case::new("batch_of_1000_quotes_to_10000_topics", |scale| {
        market(scale, Kind::Quotes, 10_000, Detail::Records)
    }),
    Case::new("batch_of_1000_quotes_to_100_topics_with_single_ticks", |scale| {
        market(scale, Kind::Quotes, 100, Detail::Ticks)
    }),
    Case::new("100_batches_of_10_quotes_to_500_topics", small_batches),
    Case::new("batch_of_1000_births", new_topics),
    Case::new("merge_1000_ticks_into_records", merge),
    Case::new("push_1000_ticks_on_full_rings", push),
    Case::new("read_1000_ticks_from_a_ring", read),
];

fn full_market(ticks: &mut Ticks, topics: usize) -> Market {
    let mut market = Market::new(vec!["bench".to_owned()], topics, RING_TICKS);
    for _ in 0..=RING_TICKS {
        take_in(&mut market, &mut ticks.take(topics), Detail::Records);
    }
    market
}

fn take_in(market: &mut Market, ticks: &mut Vec<Tick>, detail: Detail) -> Batch {
    let mut refused = Vec::new();
    let batch = market.ingest(FeedId(0), ticks, START, &mut refused, detail);
    assert!(refused.is_empty(), "every tick is taken");
    batch
}

fn market(scale: Scale, kind: Kind, topics: usize, detail: Detail) -> Box<dyn Work> {
    let (topics, count) = (scale.of(topics), scale.of(1_000));
    let mut ticks = Ticks::new(kind, topics);
    let mut market = full_market(&mut ticks, topics);
    fed(
        move |spent: Option<(Vec<Tick>, Batch)>| {
            let (mut input, _) = spent.unwrap_or_default();
            ticks.append(count, &mut input);
            (input, Batch::default())
        },
        move |(input, output)| {
            *output = take_in(&mut market, input, detail);
            assert_eq!((output.taken, output.has_ticks()), (count, detail == Detail::Ticks));
            Done { items: count as u64, bytes: 0 }
        },
    )
}

fn small_batches(scale: Scale) -> Box<dyn Work> {
    let (topics, batches) = (scale.of(500), scale.of(100));
    let mut ticks = Ticks::new(Kind::Quotes, topics);
    let mut market = full_market(&mut ticks, topics);
    fed(
        move |_| {
            let inputs: Vec<_> = (0..batches).map(|_| (ticks.take(10), Batch::default())).collect();
            inputs
        },
        move |inputs: &mut Vec<(Vec<Tick>, Batch)>| {
            let mut done = Done::default();
            for (input, output) in inputs {
                *output = take_in(&mut market, input, Detail::Records);
                done.items += output.taken as u64;
            }
            assert_eq!(done.items, 10 * batches as u64);
            done
        },
    )
}

fn new_topics(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let input = Ticks::new(Kind::Quotes, count).take(count);
    fed(
        move |_| {
            let market = Market::new(vec!["bench".to_owned()], count, RING_TICKS);
            (market, input.clone(), Batch::default())
        },
        move |(market, input, output)| {
            *output = take_in(market, input, Detail::Records);
            assert_eq!(output.new_topics.len(), count);
            Done { items: count as u64, bytes: 0 }
        },
    )
}

fn merge(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let ticks = Ticks::new(Kind::Mixed, count).take(count);
    let mut records = vec![Record::default(); count];
    repeated(move || {
        for (record, tick) in records.iter_mut().zip(&ticks) {
            record.take(&tick.fields).expect("a volume that is not full");
        }
        let changed = divan::black_box(&records).iter().filter(|record| !record.fields.mask.is_empty());
        assert_eq!(changed.count(), count);
        Done { items: count as u64, bytes: 0 }
    })
}

/// Records as the market leaves them with each tick, each topic's in a row of its own.
fn records(count: usize) -> impl FnMut(u64) -> Vec<Record> {
    let ticks = Ticks::new(Kind::Mixed, count).take(count);
    move |seq| {
        let record = |tick: &Tick| {
            let (order, rx) = (seq * count as u64, Nanos(START.0 + 1));
            let mut record = Record { seq, order, ts: START, rx, ..Record::default() };
            record.take(&tick.fields).expect("a volume that is not full");
            record
        };
        ticks.iter().map(record).collect()
    }
}

fn push(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let mut next = records(count);
    let mut rings = vec![Ring::default(); count];
    let mut seq = 0;
    while seq <= RING_TICKS as u64 {
        seq += 1;
        push_each(&mut rings, &next(seq));
    }
    fed(
        move |_| {
            seq += 1;
            next(seq)
        },
        move |records| {
            push_each(&mut rings, records);
            assert_eq!(rings.first().and_then(Ring::oldest), Some(records[0].seq - RING_TICKS as u64 + 1));
            Done { items: count as u64, bytes: 0 }
        },
    )
}

fn push_each(rings: &mut [Ring], records: &[Record]) {
    for (ring, record) in rings.iter_mut().zip(records) {
        ring.push(record, RING_TICKS);
    }
}

fn read(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let mut ring = Ring::default();
    let mut record = Record { ts: START, rx: START, ..Record::default() };
    for (tick, order) in Ticks::new(Kind::Mixed, 1).take(count).iter().zip(1..) {
        record.order = order;
        record.take(&tick.fields).expect("a volume that is not full");
        ring.push(&record, count);
    }
    let mut out = Vec::new();
    repeated(move || {
        out.clear();
        ring.read(TopicId(0), 1, count as u64, usize::MAX, &mut out);
        assert_eq!(out.len(), count);
        Done { items: count as u64, bytes: 0 }
    })
}
