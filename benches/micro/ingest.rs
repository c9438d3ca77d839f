//! Ticks to records: the market, and what it is made of.
//!
//! Rings are full before anything is measured: a topic that has run for a while forgets a tick for each that it takes.

use tickcast::{
    tick::{Nanos, Tick},
    topic::{Batch, FeedId, Market, Record, Stamped, TopicId, ring::Ring},
};

use crate::{
    inputs::{Kind, RING_TICKS, START, Ticks},
    work::{Case, Done, Scale, Work, fed, repeated},
};

pub const CASES: [Case; 8] = [
    Case::new("batch_of_1000_quotes_to_100_topics", |scale| market(scale, Kind::Quotes, 100, 1_000)),
    Case::new("batch_of_1000_trades_to_100_topics", |scale| market(scale, Kind::Trades, 100, 1_000)),
    Case::new("batch_of_1000_quotes_to_10000_topics", |scale| market(scale, Kind::Quotes, 10_000, 1_000)),
    Case::new("100_batches_of_10_quotes_to_500_topics", small_batches),
    Case::new("batch_of_1000_births", births),
    Case::new("merge_1000_ticks_into_records", merge),
    Case::new("push_1000_ticks_on_full_rings", push),
    Case::new("read_1000_ticks_from_a_ring", read),
];

fn full_market(ticks: &mut Ticks, topics: usize) -> Market {
    let mut market = Market::new(vec!["bench".to_owned()], topics, RING_TICKS);
    for _ in 0..=RING_TICKS {
        take_in(&mut market, &mut ticks.take(topics));
    }
    market
}

fn take_in(market: &mut Market, ticks: &mut Vec<Tick>) -> Batch {
    let mut refused = Vec::new();
    let batch = market.ingest(FeedId(0), ticks, START, &mut refused);
    assert!(refused.is_empty(), "every tick is taken");
    batch
}

fn market(scale: Scale, kind: Kind, topics: usize, count: usize) -> Box<dyn Work> {
    let (topics, count) = (scale.of(topics), scale.of(count));
    let mut ticks = Ticks::new(kind, topics);
    let mut market = full_market(&mut ticks, topics);
    fed(
        move |spent: Option<(Vec<Tick>, Batch)>| {
            let (mut input, _) = spent.unwrap_or_default();
            ticks.append(count, &mut input);
            (input, Batch::default())
        },
        move |(input, output)| {
            *output = take_in(&mut market, input);
            assert_eq!(output.ticks.len(), count);
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
                *output = take_in(&mut market, input);
                done.items += output.ticks.len() as u64;
            }
            assert_eq!(done.items, 10 * batches as u64);
            done
        },
    )
}

fn births(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let input = Ticks::new(Kind::Quotes, count).take(count);
    fed(
        move |_| {
            let market = Market::new(vec!["bench".to_owned()], count, RING_TICKS);
            (market, input.clone(), Batch::default())
        },
        move |(market, input, output)| {
            *output = take_in(market, input);
            assert_eq!(output.births.len(), count);
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
            let fields = record.totals(&tick.fields);
            record.fields.merge(&fields);
        }
        let changed = divan::black_box(&records).iter().filter(|record| !record.fields.mask.is_empty());
        assert_eq!(changed.count(), count);
        Done { items: count as u64, bytes: 0 }
    })
}

/// Ticks as the market stamps them, each topic's in a row of its own.
fn stamped(count: usize) -> impl FnMut(u64) -> Vec<Stamped> {
    let ticks = Ticks::new(Kind::Mixed, count).take(count);
    move |seq| {
        let stamp = |(tick, topic): (&Tick, u32)| Stamped {
            topic: TopicId(topic),
            seq,
            order: seq * count as u64,
            ts: START,
            rx: Nanos(START.0 + 1),
            fields: tick.fields,
        };
        ticks.iter().zip(0..).map(stamp).collect()
    }
}

fn push(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let mut next = stamped(count);
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
        move |ticks| {
            push_each(&mut rings, ticks);
            assert_eq!(rings.first().and_then(Ring::oldest), Some(ticks[0].seq - RING_TICKS as u64 + 1));
            Done { items: count as u64, bytes: 0 }
        },
    )
}

fn push_each(rings: &mut [Ring], ticks: &[Stamped]) {
    for (ring, tick) in rings.iter_mut().zip(ticks) {
        ring.push(tick, RING_TICKS);
    }
}

fn read(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    let mut ring = Ring::default();
    for (tick, seq) in Ticks::new(Kind::Mixed, 1).take(count).iter().zip(1..) {
        let (ts, rx) = (START, START);
        ring.push(&Stamped { topic: TopicId(0), seq, order: seq, ts, rx, fields: tick.fields }, count);
    }
    let mut out = Vec::new();
    repeated(move || {
        out.clear();
        ring.read(TopicId(0), 1, count as u64, usize::MAX, &mut out);
        assert_eq!(out.len(), count);
        Done { items: count as u64, bytes: 0 }
    })
}
