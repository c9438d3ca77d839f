//! Catching up with the market: after missed batches, or when a client has seen more than this shard.

use super::{
    Fanout, Mode, Units,
    state::{Base, SubscriptionState, UNWATCHED, advance, index32, lead},
};
use crate::{
    tick::{Nanos, State},
    topic::{Image, NewTopic, Plane, Record, Stamped, Store, TopicId},
};

/// New symbols read under one hold of the market's lock.
const NEW_TOPICS_AT_ONCE: usize = 1024;
/// Cost of reading and copying a topic's record from the market.
const CATCH_UP_UNITS: usize = 8;

impl Fanout {
    /// Notes that batches to this shard were dropped. No batch may be applied until [`Self::resync_some`] has finished.
    pub fn begin_resync(&mut self) {
        self.resynced = Some(0);
    }

    pub fn is_resyncing(&self) -> bool {
        self.resynced.is_some()
    }

    /// Continues to catch up, as far as the units last. Returns whether it has finished.
    pub fn resync_some(&mut self, now: Nanos, store: &impl Store, units: &mut Units) -> bool {
        let Some(mut at) = self.resynced else { return true };
        if !self.list_ahead_some(store, units) {
            return false;
        }
        while let Some(&local) = self.by_market.get(at) {
            if units.is_spent() {
                break;
            }
            units.spend(1);
            if local != UNWATCHED {
                let topic = &self.topics[local as usize];
                let walked_over = topic.idle.len() + topic.masked.len();
                let (walked, reported) = (self.walked, self.notices.len());
                self.catch_up(local, now, store);
                units.spend(
                    CATCH_UP_UNITS + 2 * walked_over + self.walked - walked + self.notices.len() - reported,
                );
            }
            at += 1;
        }
        // The delayed topics come last.
        let end = self.by_market.len() + self.delayed.len();
        while at >= self.by_market.len() && at < end && !units.is_spent() {
            units.spend(1);
            let market = TopicId(index32(at - self.by_market.len()));
            if let Some(local) = self.delayed.watched(market) {
                units.spend(CATCH_UP_UNITS);
                self.catch_up(local, now, store);
            }
            at += 1;
        }
        self.resynced = (at < end).then_some(at);
        self.resynced.is_none()
    }

    /// Adds new symbols to the list; subscriptions and globs may be waiting for them.
    pub(super) fn list_topics(&mut self, new_topics: &[NewTopic]) {
        self.list_some(new_topics, &mut Units::unlimited());
    }

    /// As [`Self::list_topics`], as far as the units last, so that a very long list is added in pieces before its batch
    /// is applied. Returns whether all are listed.
    pub fn list_some(&mut self, new_topics: &[NewTopic], units: &mut Units) -> bool {
        let Some(first) = new_topics.first() else { return true };
        let known = self.listed_symbols.len().saturating_sub(first.topic.0 as usize);
        for new_topic in new_topics.iter().skip(known) {
            if units.is_spent() {
                return false;
            }
            debug_assert_eq!(
                new_topic.topic.0 as usize,
                self.listed_symbols.len(),
                "new topics come in order"
            );
            self.listed_symbols.push(new_topic.symbol.clone());
            units.spend(self.listed_ids.insert(new_topic.symbol.clone(), new_topic.topic));
            let waiting = self.by_symbol.get(&new_topic.symbol).copied();
            self.by_market.push(waiting.unwrap_or(UNWATCHED));
            if let Some(local) = waiting {
                self.topics[local as usize].market = Some(new_topic.topic);
            }
            if let Some(local) = self.known_local(&new_topic.symbol, Plane::Delayed) {
                self.topics[local as usize].market = Some(new_topic.topic);
                self.delayed.watch(new_topic.topic, local);
            }
            let holders = self.glob_holders(&new_topic.symbol, units);
            if !holders.is_empty() {
                self.subscribe_holders(new_topic, &holders);
            }
        }
        true
    }

    /// Brings one topic up to the market's record, ahead of the batches.
    pub(super) fn catch_up(&mut self, local: u32, now: Nanos, store: &impl Store) {
        let topic = &self.topics[local as usize];
        let Some(market) = topic.market else { return };
        let seen = topic.record.seq;
        let Image { record, closed, told } = topic.image(market, store);
        let missed = record.seq.saturating_sub(seen);
        if missed > 0 {
            let rx = if self.topics[local as usize].is_delayed() {
                record.rx
            } else {
                self.filter_missed(local, market, &record, store)
            };
            let topic = &mut self.topics[local as usize];
            let head = record.seq;
            topic.record = record;
            topic.recent.clear();
            topic.fresh = missed;
            topic.fresh_rx = rx;
            for &key in &topic.masked {
                let sub = &mut self.subs[key as usize];
                if sub.state == SubscriptionState::Idle && head - sub.cursor > sub.skipped {
                    topic.readers_behind += u32::from(sub.mode.reads_history());
                    self.schedule.mark_behind(key, sub, rx, now);
                }
            }
            for key in self.scratch.flushed.drain(..) {
                let sub = &mut self.subs[key as usize];
                if sub.state == SubscriptionState::Waiting {
                    self.schedule.enqueue(key, sub);
                }
            }
            self.mark_topic(local, now);
        }
        if closed {
            self.change_state(local, State::Closed);
        } else if let Some(told) = &told {
            self.take_told(local, told);
        }
    }

    /// Checks each missed tick for subscriptions with chosen fields: whether it is filtered, and whether it is a trade.
    /// If the ring has not all missed ticks, it has not the one after the cursor either, and the gap counts them.
    /// Returns when the oldest missed tick was received; if in doubt, too early.
    fn filter_missed(&mut self, local: u32, market: TopicId, head: &Record, store: &impl Store) -> Nanos {
        let topic = &self.topics[local as usize];
        let seen = &topic.record;
        let reads_history = |&&key: &&u32| self.subs[key as usize].mode.reads_history();
        let keys: Vec<u32> = topic.masked.iter().filter(reads_history).copied().collect();
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        let run = if keys.is_empty() && topic.tape_readers == 0 { 1 } else { usize::MAX };
        store.history(market, seen.seq + 1, head.seq, run, &mut ticks);
        self.walked += ticks.len() * (1 + keys.len());
        let bound = if seen.seq > 0 { seen.rx } else { head.rx };
        let rx = ticks.first().map_or(bound, |tick| tick.rx);
        let are_lost = ticks.is_empty();
        if topic.tape_readers > 0 {
            self.keep_missed_tape_events(local, head.seq, &ticks);
        }
        for key in keys {
            let sub = &mut self.subs[key as usize];
            let is_idle = sub.state == SubscriptionState::Idle;
            let begins = is_idle && sub.base != Base::None;
            let view = self.views.get(sub.view);
            let concerns = |tick: &Stamped| view.wants(tick);
            if sub.mode == Mode::Trades
                && (are_lost || ticks.iter().any(|t| t.is_tape_event() && concerns(t)))
            {
                self.scratch.flushed.push(key);
            }
            let offered = if begins { ticks.get(1..).unwrap_or_default() } else { &ticks[..] };
            let filtered = offered.iter().filter(|tick| !concerns(tick)).count() as u64;
            if is_idle {
                let leading = offered.iter().take_while(|tick| !begins && !concerns(tick)).count() as u64;
                sub.lead = lead(sub.skipped + leading);
            }
            sub.skipped += filtered;
            self.accounts.filtered += filtered;
        }
        self.scratch.history = ticks;
        rx
    }

    /// Keeps the tape events among a topic's missed ticks, up to its new head; none if the ring has dropped some of
    /// them.
    fn keep_missed_tape_events(&mut self, local: u32, head: u64, ticks: &[Stamped]) {
        let topic = &mut self.topics[local as usize];
        let (seen, are_behind) = (topic.record.seq, topic.readers_behind > 0);
        if ticks.is_empty() {
            return topic.tape_events.lose(head);
        }
        let mut record = topic.record.clone();
        for tick in ticks {
            advance(&mut record, tick);
            if tick.is_tape_event() {
                topic.tape_events.push(&record, seen, are_behind, self.bounds.recent_ticks);
            }
        }
    }

    /// Reads new symbols from the market, ahead of the batches.
    pub(super) fn list_ahead(&mut self, store: &impl Store) {
        self.list_ahead_some(store, &mut Units::unlimited());
    }

    /// As [`Self::list_ahead`], as far as the units last. Returns whether all are listed.
    pub fn list_ahead_some(&mut self, store: &impl Store, units: &mut Units) -> bool {
        loop {
            let new_topics =
                store.new_topics(TopicId(index32(self.listed_symbols.len())), NEW_TOPICS_AT_ONCE);
            if new_topics.is_empty() {
                return true;
            }
            if !self.list_some(&new_topics, units) {
                return false;
            }
        }
    }
}
