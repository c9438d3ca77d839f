//! Applies a batch: updates records, and marks subscriptions as behind. What they are then sent is decided in `fill/`.
//!
//! Invariant: the whole batch is applied before any subscription is marked, so a topic's subscriptions are walked once
//! per batch, however many ticks it has.

use super::{
    Fanout, Mode,
    accounting::of_plane,
    state::{Base, LocalTopic, SubscriptionState, UNWATCHED, lead},
};
use crate::{
    tick::{Nanos, State},
    topic::{Batch, Plane, Stamped, Store, TopicId, Touched},
};

/// How a topic's part of a batch is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TakenBy {
    /// Take the record after the batch, and the tape events that the batch carries.
    Record,
    /// Apply every tick.
    Ticks,
    /// The batch carries too little detail: read what is missing from the market.
    Reading,
}

impl TakenBy {
    fn of(topic: &LocalTopic, batch: &Batch) -> TakenBy {
        let lacks_tape_events = topic.tape_readers > 0 && !batch.detail.has_trades();
        match (topic.wants_ticks() || lacks_tape_events, batch.has_ticks()) {
            (false, _) => TakenBy::Record,
            (true, true) => TakenBy::Ticks,
            (true, false) => TakenBy::Reading,
        }
    }
}

impl Fanout {
    /// Applies a batch from ingest.
    pub fn apply(&mut self, batch: &Batch, now: Nanos, store: &impl Store) {
        if batch.plane == Plane::Delayed {
            return self.apply_delayed(batch, now);
        }
        let ready = self.schedule.ready.len();
        self.list_topics(&batch.new_topics);
        if !batch.tape_events.is_empty() {
            self.keep_tape_events(batch);
        }
        let mut touched = std::mem::take(&mut self.scratch.touched);
        if self.apply_records(batch, &mut touched) {
            for tick in &batch.ticks {
                self.apply_tick(tick, now);
            }
        }
        for local in touched.drain(..) {
            match TakenBy::of(&self.topics[local as usize], batch) {
                TakenBy::Reading => self.catch_up(local, now, store),
                TakenBy::Record | TakenBy::Ticks => self.mark_topic(local, now),
            }
        }
        self.scratch.touched = touched;
        for &(market, state) in &batch.states {
            if let Some(local) = self.watched(market) {
                self.change_state(local, state);
            }
        }
        for (symbol, told) in &batch.told {
            if let Some(&local) = self.by_symbol.get(symbol) {
                self.take_told(local, told);
            }
        }
        self.schedule.ready.reorder_from(ready);
    }

    pub(super) fn watched(&self, market: TopicId) -> Option<u32> {
        self.by_market.get(market.0 as usize).copied().filter(|&local| local != UNWATCHED)
    }

    /// Updates records to their state after the batch. Returns whether any topic needs its ticks one by one.
    fn apply_records(&mut self, batch: &Batch, touched: &mut Vec<u32>) -> bool {
        let mut one_by_one = false;
        for at in &batch.touched {
            let local = self.by_market.get(at.topic.0 as usize).copied().unwrap_or(UNWATCHED);
            if local == UNWATCHED {
                continue;
            }
            let topic = &mut self.topics[local as usize];
            // A record that was read from the market may be ahead of the batches.
            if at.record.seq <= topic.record.seq {
                continue;
            }
            touched.push(local);
            if topic.needs_more() && TakenBy::of(topic, batch) != TakenBy::Record {
                one_by_one = true;
                continue;
            }
            topic.fresh = at.record.seq - topic.record.seq;
            topic.fresh_rx = at.record.rx;
            topic.record.clone_from(&at.record);
        }
        one_by_one
    }

    /// Keeps a batch's tape events, for topics that take their record from the batch.
    fn keep_tape_events(&mut self, batch: &Batch) {
        for Touched { topic, record } in &batch.tape_events {
            let Some(local) = self.watched(*topic) else { continue };
            let topic = &mut self.topics[local as usize];
            let is_new = topic.tape_readers > 0 && record.seq > topic.record.seq;
            if is_new && TakenBy::of(topic, batch) == TakenBy::Record {
                let are_behind = topic.readers_behind > 0;
                topic.tape_events.push(record, topic.record.seq, are_behind, self.bounds.recent_ticks);
            }
        }
    }

    fn apply_tick(&mut self, tick: &Stamped, now: Nanos) {
        let local = self.by_market.get(tick.topic.0 as usize).copied().unwrap_or(UNWATCHED);
        if local == UNWATCHED {
            return;
        }
        let topic = &mut self.topics[local as usize];
        // The record was already taken from the batch, or was read from the market ahead of it.
        if tick.seq <= topic.record.seq {
            return;
        }
        debug_assert_eq!(tick.seq, topic.record.seq + 1, "batches follow one another without a gap");
        if topic.fresh == 0 {
            topic.fresh_rx = tick.rx;
            if topic.readers_behind == 0 {
                topic.recent.clear();
            }
        }
        topic.fresh += 1;
        topic.apply(tick, self.bounds.recent_ticks);
        if topic.tape_readers > 0 && tick.is_tape_event() {
            topic.keep_tape_event(self.bounds.recent_ticks);
        }
        if !topic.masked.is_empty() {
            self.match_fields(local, tick, now);
        }
    }

    /// Marks a subscription with chosen fields as behind if the tick has one of them, and counts the tick as filtered
    /// otherwise. In mode `trades` a trade does not wait for the interval.
    fn match_fields(&mut self, local: u32, tick: &Stamped, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let is_tape_event = topic.tape_readers > 0 && tick.is_tape_event();
        for &key in &topic.masked {
            let sub = &mut self.subs[key as usize];
            // An idle subscription without a base is waiting for the symbol's first tick, whatever its fields.
            let begins = sub.state == SubscriptionState::Idle && sub.base != Base::None;
            if !self.views.get(sub.view).wants(tick) && !begins {
                sub.skipped += 1;
                self.accounts.filtered += 1;
            } else if sub.state == SubscriptionState::Idle {
                sub.lead = lead(sub.skipped);
                topic.readers_behind += u32::from(sub.mode.reads_history());
                if is_tape_event && sub.mode == Mode::Trades {
                    self.schedule.mark_due(key, sub, tick.rx);
                } else {
                    self.schedule.mark_behind(key, sub, tick.rx, now);
                }
            } else if is_tape_event && sub.mode == Mode::Trades && sub.state == SubscriptionState::Waiting {
                self.schedule.enqueue(key, sub);
            }
        }
    }

    /// Counts the batch's ticks of a topic as offered, and marks its subscriptions as behind.
    pub(super) fn mark_topic(&mut self, local: u32, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let fresh = std::mem::take(&mut topic.fresh);
        let offered = fresh * (topic.plain.len() + topic.masked.len()) as u64;
        of_plane(topic.plane, &mut self.accounts, &mut self.delayed.accounts).offered += offered;
        let rx = topic.fresh_rx;
        if topic.tape_readers > 0 {
            self.mark_topic_with_tape_events(local, rx, now);
        }
        let topic = &mut self.topics[local as usize];
        // Subscriptions that are already behind keep their place in the queue.
        for key in topic.idle.drain(..) {
            let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| sub.is_idle_on(local)) else {
                continue;
            };
            topic.readers_behind += u32::from(sub.mode == Mode::Every);
            self.schedule.mark_behind(key, sub, rx, now);
        }
        if topic.state != State::Live && topic.told.is_none() {
            let was_pending = topic.state == State::Pending;
            topic.state = State::Live;
            if !was_pending {
                self.report_state(local);
            }
        }
    }

    /// The rest of [`Self::mark_topic`] for a topic with subscriptions in mode `trades`: a trade ends their interval.
    #[cold]
    fn mark_topic_with_tape_events(&mut self, local: u32, rx: Nanos, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let has_tape_events = topic.tape_events.take_fresh();
        for key in topic.idle.drain(..) {
            let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| sub.is_idle_on(local)) else {
                continue;
            };
            topic.readers_behind += u32::from(sub.mode.reads_history());
            if has_tape_events && sub.mode == Mode::Trades {
                self.schedule.mark_due(key, sub, rx);
            } else {
                self.schedule.mark_behind(key, sub, rx, now);
                if sub.holds_quotes_of(local) {
                    topic.held.push(key);
                }
            }
        }
        if has_tape_events {
            for key in topic.held.drain(..) {
                if let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| sub.holds_quotes_of(local)) {
                    self.schedule.enqueue(key, sub);
                }
            }
        }
        self.tidy_held(local);
    }
}
