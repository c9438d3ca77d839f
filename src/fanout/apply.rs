//! A batch of ticks arrives: records are updated, and subscriptions fall behind.
//!
//! The whole batch is taken in before any subscription is marked, so that a topic's subscriptions are walked once for each
//! batch, however many of its ticks are in it.

use super::{
    Fanout, Mode,
    state::{Base, SubscriptionState, UNWATCHED, lead},
};
use crate::{
    tick::{Nanos, State},
    topic::{Batch, Stamped, Store, TopicId},
};

impl Fanout {
    /// Takes in a batch from ingest.
    pub fn apply(&mut self, batch: &Batch, now: Nanos, store: &impl Store) {
        let ready = self.schedule.ready.len();
        self.list_topics(&batch.new_topics);
        let mut touched = std::mem::take(&mut self.scratch.touched);
        if self.apply_records(batch, &mut touched) {
            for tick in &batch.ticks {
                self.apply_tick(tick, now);
            }
        }
        let has_ticks = batch.has_ticks();
        for local in touched.drain(..) {
            if !has_ticks && self.topics[local as usize].wants_ticks() {
                self.catch_up(local, now, store);
            } else {
                self.mark_topic(local, now);
            }
        }
        self.scratch.touched = touched;
        for &(market, state) in &batch.states {
            if let Some(local) = self.watched(market) {
                self.change_state(local, state);
            }
        }
        self.schedule.ready.reorder_from(ready);
    }

    pub(super) fn watched(&self, market: TopicId) -> Option<u32> {
        self.by_market.get(market.0 as usize).copied().filter(|&local| local != UNWATCHED)
    }

    /// Updates records to what they are after the batch. Says whether any topic needs its ticks one by one.
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
            if topic.wants_ticks() {
                one_by_one = true;
                continue;
            }
            topic.fresh = at.record.seq - topic.record.seq;
            topic.fresh_rx = at.record.rx;
            topic.record.clone_from(&at.record);
        }
        one_by_one
    }

    fn apply_tick(&mut self, tick: &Stamped, now: Nanos) {
        let local = self.by_market.get(tick.topic.0 as usize).copied().unwrap_or(UNWATCHED);
        if local == UNWATCHED {
            return;
        }
        let topic = &mut self.topics[local as usize];
        // The whole record was taken from the batch, or was read from the market ahead of the batches.
        if tick.seq <= topic.record.seq {
            return;
        }
        debug_assert_eq!(tick.seq, topic.record.seq + 1, "batches follow one another without a gap");
        if topic.fresh == 0 {
            topic.fresh_rx = tick.rx;
            if topic.every_behind == 0 {
                topic.recent.clear();
            }
        }
        topic.fresh += 1;
        topic.apply(tick, self.bounds.recent_ticks);
        if !topic.masked.is_empty() {
            self.match_fields(local, tick, now);
        }
    }

    /// A subscription to some fields falls behind by a tick that has one of them; any other tick is recorded as filtered.
    fn match_fields(&mut self, local: u32, tick: &Stamped, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        for &key in &topic.masked {
            let sub = &mut self.subs[key as usize];
            // An idle subscription without a base waits for the symbol's first tick, whatever its fields.
            let begins = sub.state == SubscriptionState::Idle && sub.base != Base::None;
            if !self.views.get(sub.view).wants(tick) && !begins {
                sub.skipped += 1;
                self.accounts.filtered += 1;
            } else if sub.state == SubscriptionState::Idle {
                sub.lead = lead(sub.skipped);
                topic.every_behind += u32::from(sub.mode == Mode::Every);
                self.schedule.mark_behind(key, sub, tick.rx, now);
            }
        }
    }

    /// Records the batch's ticks of a topic as offered, and marks the subscriptions that they concern.
    pub(super) fn mark_topic(&mut self, local: u32, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let fresh = std::mem::take(&mut topic.fresh);
        self.accounts.offered += fresh * (topic.plain.len() + topic.masked.len()) as u64;
        let rx = topic.fresh_rx;
        // Subscriptions that are behind already stay where they are.
        for key in topic.idle.drain(..) {
            let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| sub.is_idle_on(local)) else {
                continue;
            };
            topic.every_behind += u32::from(sub.mode == Mode::Every);
            self.schedule.mark_behind(key, sub, rx, now);
        }
        if topic.state != State::Live {
            let was_pending = topic.state == State::Pending;
            topic.state = State::Live;
            if !was_pending {
                self.report_state(local);
            }
        }
    }
}
