//! Tests that large work is done in slices of bounded size.

use std::{cell::Cell, time::Duration};

use super::world::ModelStore;
use crate::{
    fanout::{Fanout, SessionKey, Spec, SubscribeRequest, Units},
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick},
    topic::{Batch, Detail, FeedId, Market},
};

const TOPICS: usize = 500;
const SESSIONS: usize = 4;
const INTERVAL: Duration = Duration::from_secs(1);
const PIECE: u32 = 64;
/// How far the last step of a slice may exceed it: a topic with all subscriptions, or a whole interval group.
const BEYOND: usize = 32;

/// Sessions that all subscribe to all topics.
struct Crowd {
    store: ModelStore,
    fanout: Fanout,
    now: Nanos,
    sessions: Vec<SessionKey>,
}

impl Crowd {
    fn new(interval: Duration) -> Self {
        let store = ModelStore { market: Market::new(vec!["feed".into()], TOPICS, 4), reads: Cell::new(0) };
        let fanout = Fanout::new(Nanos(0), Duration::from_secs(5), TOPICS);
        let mut crowd = Crowd { store, fanout, now: Nanos(0), sessions: Vec::new() };
        let batch = crowd.tick();
        crowd.fanout.apply(&batch, crowd.now, &crowd.store);
        let spec = Spec { interval, snapshot: false, ..Spec::default() };
        for _ in 0..SESSIONS {
            let session = crowd.fanout.open();
            for number in 0..TOPICS {
                let symbol = symbol(number);
                let request = SubscribeRequest::new(&symbol, &spec);
                let done = crowd.fanout.subscribe(session, &request, crowd.now, &crowd.store);
                assert!(done.is_ok());
            }
            crowd.sessions.push(session);
        }
        crowd
    }

    /// One tick in each topic.
    fn tick(&mut self) -> Batch {
        self.now = self.now.plus(Duration::from_millis(10));
        let mut fields = Fields::default();
        fields.set_decimal(Field::Bid, Decimal::from_units(1));
        let mut ticks: Vec<Tick> = (0..TOPICS)
            .map(|number| Tick { symbol: symbol(number), ts: None, fields: fields.clone() })
            .collect();
        self.store.market.ingest(FeedId(0), &mut ticks, self.now, &mut Vec::new(), Detail::Records)
    }

    fn behind(&self) -> usize {
        self.fanout.all_behind().dirty
    }
}

fn symbol(number: usize) -> Symbol {
    Symbol::new(&format!("S{number}")).expect("a valid symbol")
}

/// Does the work in slices until it returns `true`; returns how many.
fn pieces(mut work: impl FnMut(&mut Units) -> bool) -> usize {
    let mut count = 0;
    loop {
        let mut units = Units::new(PIECE);
        count += 1;
        let is_done = work(&mut units);
        assert!(units.spent() <= PIECE as usize + BEYOND, "{} units at one go", units.spent());
        if is_done {
            return count;
        }
    }
}

#[test]
fn a_resync_after_lost_batches_is_done_in_pieces() {
    let mut crowd = Crowd::new(Duration::ZERO);
    drop(crowd.tick());
    crowd.fanout.begin_resync();
    let mut behind = Vec::new();
    let Crowd { store, fanout, now, .. } = &mut crowd;
    let count = pieces(|units| {
        let is_done = fanout.resync_some(*now, store, units);
        behind.push(fanout.all_behind().dirty);
        is_done
    });
    assert!(count > TOPICS * SESSIONS / PIECE as usize / 2, "{count} pieces");
    assert!(behind.is_sorted(), "{behind:?}");
    assert_eq!(crowd.behind(), TOPICS * SESSIONS);
    assert_eq!(crowd.fanout.accounts().residual(), 0);
}

#[test]
fn new_topics_that_were_missed_are_listed_in_pieces() {
    let mut crowd = Crowd::new(Duration::ZERO);
    let mut other = Fanout::new(crowd.now, Duration::from_secs(5), TOPICS);
    other.begin_resync();
    let Crowd { store, now, .. } = &mut crowd;
    let count = pieces(|units| other.resync_some(*now, store, units));
    assert!(count > TOPICS / PIECE as usize, "{count} pieces");
    assert!(other.is_listed(&symbol(TOPICS - 1)));
}

#[test]
fn stale_topics_are_found_in_pieces() {
    let mut crowd = Crowd::new(Duration::ZERO);
    crowd.now = crowd.now.plus(Duration::from_secs(6));
    let mut from = 0;
    let Crowd { fanout, now, .. } = &mut crowd;
    let count = pieces(|units| match fanout.find_stale_from(from, *now, units) {
        Some(next) => {
            assert!(next > from);
            from = next;
            false
        }
        None => true,
    });
    assert!(count > TOPICS / PIECE as usize, "{count} pieces");
    assert_eq!(crowd.fanout.take_notices().len(), TOPICS * SESSIONS);
}

#[test]
fn intervals_that_end_together_are_ended_in_pieces() {
    let mut crowd = Crowd::new(INTERVAL);
    for _ in 0..2 {
        let batch = crowd.tick();
        crowd.fanout.apply(&batch, crowd.now, &crowd.store);
        while let Some(session) = crowd.fanout.next_ready() {
            let recorder = &mut super::message::Recorder::new(0, TOPICS, <_>::default());
            let tally = crowd.fanout.fill(session, crowd.now, &crowd.store, recorder);
            crowd.fanout.accepted(&tally);
        }
    }
    assert_eq!(crowd.behind(), TOPICS * SESSIONS, "they wait for their intervals");
    crowd.now = crowd.now.plus(2 * INTERVAL);
    let Crowd { fanout, now, sessions, .. } = &mut crowd;
    let mut ready = Vec::new();
    while !fanout.advance_some(*now, &mut Units::new(PIECE)) {
        assert!(fanout.is_advancing());
        ready.push(fanout.ready());
    }
    ready.push(fanout.ready());
    // A session's subscriptions wait together, and end together.
    assert_eq!(ready, (1..=sessions.len()).collect::<Vec<_>>());
}

#[test]
fn subscriptions_that_one_frame_walks_over_are_counted() {
    let mut crowd = Crowd::new(Duration::ZERO);
    let spec = Spec { mode: crate::fanout::Mode::Every, ..Spec::default() };
    let session = crowd.sessions[0];
    for number in 0..TOPICS {
        let symbol = symbol(number);
        let request = SubscribeRequest::new(&symbol, &spec);
        let done = crowd.fanout.subscribe(session, &request, crowd.now, &crowd.store);
        assert!(done.is_ok());
    }
    let before = crowd.fanout.walked();
    let recorder = &mut super::message::Recorder::new(0, 1, <_>::default());
    let tally = crowd.fanout.fill(session, crowd.now, &crowd.store, recorder);
    crowd.fanout.accepted(&tally);
    assert!(crowd.fanout.walked() >= before + TOPICS, "a frame of one message puts all of them in order");
}
