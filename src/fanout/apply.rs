//! What arrives: batches of ticks, the passing of time. Here subscriptions become behind.
//!
//! A batch is taken in whole before anyone is marked: a topic's subscribers are walked once for each batch, however
//! many of its ticks are in it.

use super::{
    Fanout, LocalId, Mode, SessionKey,
    core::{LANE, Notice, Place, Session, Sub, Topic, UNWATCHED, index32},
    wheel::Wheel,
};
use crate::{
    tick::{Nanos, State},
    topic::{Batch, Birth, Image, Stamped, Store, TopicId},
};

/// Ticks that a topic keeps at hand for mode `every` while someone is behind; the ring has the older ones.
pub(super) const RECENT_MAX: usize = 256;

impl Fanout {
    /// Takes in what ingest handed over.
    pub fn apply(&mut self, batch: &Batch, now: Nanos, store: &impl Store) {
        self.bear(&batch.births, now, store);
        let mut touched = std::mem::take(&mut self.scratch.touched);
        for tick in &batch.ticks {
            self.take(tick, now, &mut touched);
        }
        for local in touched.drain(..) {
            self.mark_topic(local, now);
        }
        self.scratch.touched = touched;
        for &(market, state) in &batch.states {
            if let Some(local) = self.watched(market) {
                self.change_state(local, state);
            }
        }
    }

    /// Catches up from the topics themselves, after batches were lost on the way here.
    pub fn resync(&mut self, now: Nanos, store: &impl Store) {
        let births = store.births(TopicId(index32(self.born.len())));
        self.bear(&births, now, store);
        let watched: Vec<u32> = self.by_market.iter().copied().filter(|&local| local != UNWATCHED).collect();
        for local in watched {
            self.catch_up(local, now, store);
        }
    }

    /// Moves time on: subscriptions whose interval is over become ready.
    pub fn advance(&mut self, now: Nanos) {
        let mut fired = std::mem::take(&mut self.scratch.fired);
        self.wheel.advance(now, &mut fired);
        for (key, due) in fired.drain(..) {
            let Some(sub) = self.subs.get_mut(key as usize) else { continue };
            // The entry may be that of an earlier interval, or of an earlier subscription in the same place.
            if sub.place == Place::Waiting && sub.due == due {
                enqueue(key, sub, &mut self.sessions, &mut self.ready);
            }
        }
        self.scratch.fired = fired;
    }

    /// Finds topics that have become stale since the last call.
    pub fn find_stale(&mut self, now: Nanos) {
        let silent = |topic: &Topic| topic.has_subscribers() && self.is_silent(topic, now);
        let found = self.topics.iter().filter(|(_, topic)| silent(topic));
        let found: Vec<u32> = found.map(|(local, _)| index32(local)).collect();
        for local in found {
            self.change_state(local, State::Stale);
        }
    }

    pub(super) fn watched(&self, market: TopicId) -> Option<u32> {
        self.by_market.get(market.0 as usize).copied().filter(|&local| local != UNWATCHED)
    }

    fn take(&mut self, tick: &Stamped, now: Nanos, touched: &mut Vec<u32>) {
        let local = self.by_market.get(tick.topic.0 as usize).copied().unwrap_or(UNWATCHED);
        if local == UNWATCHED {
            return;
        }
        let topic = &mut self.topics[local as usize];
        // An image that was read from the market may be ahead of the batches.
        if tick.seq <= topic.record.seq {
            return;
        }
        debug_assert_eq!(tick.seq, topic.record.seq + 1, "batches follow one another without a gap");
        if topic.fresh == 0 {
            touched.push(local);
            topic.fresh_rx = tick.rx;
            if topic.every_behind == 0 {
                topic.recent.clear();
            }
        }
        topic.fresh += 1;
        note(topic, tick);
        if !topic.masked.is_empty() {
            self.hold_against_masks(local, tick, now);
        }
    }

    /// A tick that has none of a subscription's fields is booked as filtered; any other makes it behind.
    fn hold_against_masks(&mut self, local: u32, tick: &Stamped, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        for &key in &topic.masked {
            let sub = &mut self.subs[key as usize];
            if tick.fields.mask.intersect(sub.wanted).is_empty() && !sub.snapshot {
                sub.skipped += 1;
                self.accounts.filtered += 1;
            } else if sub.place == Place::Idle {
                topic.every_behind += u32::from(sub.mode == Mode::Every);
                mark(key, sub, tick.rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
            }
        }
    }

    /// Marks everyone that the batch's ticks of a topic concern, and books them as offered.
    fn mark_topic(&mut self, local: u32, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let fresh = std::mem::take(&mut topic.fresh);
        self.accounts.offered += fresh * (topic.plain.len() + topic.masked.len()) as u64;
        let rx = topic.fresh_rx;
        for &key in &topic.plain {
            let sub = &mut self.subs[key as usize];
            if sub.place == Place::Idle {
                topic.every_behind += u32::from(sub.mode == Mode::Every);
                mark(key, sub, rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
            }
        }
        if topic.state != State::Live {
            let was_pending = topic.state == State::Pending;
            topic.state = State::Live;
            if !was_pending {
                self.tell_state(local);
            }
        }
    }

    /// Makes symbols known that were born; subscriptions and globs may have waited for them.
    fn bear(&mut self, births: &[Birth], now: Nanos, store: &impl Store) {
        for birth in births {
            if (birth.topic.0 as usize) < self.born.len() {
                continue;
            }
            debug_assert_eq!(birth.topic.0 as usize, self.born.len(), "births come in order");
            self.born.push(birth.symbol.clone());
            self.born_ids.insert(birth.symbol.clone(), birth.topic);
            let waiting = self.by_symbol.get(&birth.symbol).copied();
            self.by_market.push(waiting.unwrap_or(UNWATCHED));
            if let Some(local) = waiting {
                self.topics[local as usize].market = Some(birth.topic);
            }
            self.catch_with_globs(birth, now, store);
        }
    }

    fn catch_with_globs(&mut self, birth: &Birth, now: Nanos, store: &impl Store) {
        let matching = self.patterns.values().filter(|pattern| pattern.glob.matches(&birth.symbol));
        let holders: Vec<_> = matching.flat_map(|pattern| pattern.holders.iter().copied()).collect();
        if holders.is_empty() {
            return;
        }
        let local = self.watch_newborn(birth);
        for (session, spec) in holders {
            let session = SessionKey(session);
            if self.is_subscribed(session, &birth.symbol) {
                continue;
            }
            if self.subscribe(session, &birth.symbol, &spec, None, now, store).is_err() {
                self.notices.push(Notice::Full { session, symbol: birth.symbol.clone() });
            }
        }
        self.unwatch(LocalId(local));
    }

    /// Watches a topic from its first tick on, which is still to come: the market's image would be ahead of it.
    fn watch_newborn(&mut self, birth: &Birth) -> u32 {
        let known = self.by_symbol.get(&birth.symbol).copied();
        let local = known.unwrap_or_else(|| {
            let local = index32(self.topics.insert(Topic::new(birth.symbol.clone())));
            self.by_symbol.insert(birth.symbol.clone(), local);
            local
        });
        self.topics[local as usize].market = Some(birth.topic);
        self.by_market[birth.topic.0 as usize] = local;
        local
    }

    /// Brings one topic to where the market is, ahead of the batches.
    pub(super) fn catch_up(&mut self, local: u32, now: Nanos, store: &impl Store) {
        let topic = &self.topics[local as usize];
        let Some(market) = topic.market else { return };
        let seen = topic.record.seq;
        let Image { record, closed } = store.image(market);
        let missed = record.seq.saturating_sub(seen);
        if missed > 0 {
            self.catch_up_masks(local, market, seen, record.seq, store);
            let topic = &mut self.topics[local as usize];
            topic.record = record;
            topic.last = None;
            topic.recent.clear();
            topic.fresh = missed;
            topic.fresh_rx = record.rx;
            for key in topic.masked.clone() {
                let sub = &mut self.subs[key as usize];
                let topic = &mut self.topics[local as usize];
                if sub.place == Place::Idle && record.seq - sub.cursor > sub.skipped {
                    topic.every_behind += u32::from(sub.mode == Mode::Every);
                    mark(key, sub, record.rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
                }
            }
            self.mark_topic(local, now);
        }
        if closed {
            self.change_state(local, State::Closed);
        }
    }

    /// Mode `every` with some fields must know of each tick whether it was filtered. When the ring no longer has them
    /// all, its cursor is behind the ring too, and the gap counts them.
    fn catch_up_masks(&mut self, local: u32, market: TopicId, seen: u64, head: u64, store: &impl Store) {
        let topic = &self.topics[local as usize];
        let every = |&key: &u32| self.subs[key as usize].mode == Mode::Every;
        let keys: Vec<u32> = topic.masked.iter().copied().filter(every).collect();
        if keys.is_empty() {
            return;
        }
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        store.history(market, seen + 1, head, usize::MAX, &mut ticks);
        for key in keys {
            let sub = &mut self.subs[key as usize];
            let filtered =
                ticks.iter().filter(|tick| tick.fields.mask.intersect(sub.wanted).is_empty()).count() as u64;
            sub.skipped += filtered;
            self.accounts.filtered += filtered;
        }
        self.scratch.history = ticks;
    }

    pub(super) fn is_silent(&self, topic: &Topic, now: Nanos) -> bool {
        topic.state == State::Live && now.since(topic.record.rx) > self.stale_nanos
    }

    fn change_state(&mut self, local: u32, state: State) {
        let topic = &mut self.topics[local as usize];
        if topic.state != state {
            topic.state = state;
            self.tell_state(local);
        }
    }

    fn tell_state(&mut self, local: u32) {
        let topic = &self.topics[local as usize];
        for key in topic.subscribers() {
            let session = SessionKey(self.subs[key as usize].session);
            self.notices.push(Notice::State { session, symbol: topic.symbol.clone(), state: topic.state });
        }
    }

    /// The symbol and record of a topic that is subscribed to here.
    pub fn topic(&self, local: LocalId) -> Option<(&crate::tick::Symbol, &crate::topic::Record)> {
        self.topics.get(local.0 as usize).map(|topic| (&topic.symbol, &topic.record))
    }
}

/// Takes a tick into a topic's image.
fn note(topic: &mut Topic, tick: &Stamped) {
    let record = &mut topic.record;
    record.seq = tick.seq;
    record.order = tick.order;
    record.ts = tick.ts;
    record.rx = tick.rx;
    record.fields.merge(&tick.fields);
    topic.last = Some(*tick);
    if topic.every > 0 {
        if topic.recent.len() >= RECENT_MAX {
            topic.recent.drain(..RECENT_MAX / 2);
        }
        topic.recent.push(*tick);
    }
}

/// A subscription is behind since `rx`: it is queued, or waits until its interval is over.
pub(super) fn mark(
    key: u32,
    sub: &mut Sub,
    rx: Nanos,
    now: Nanos,
    sessions: &mut slab::Slab<Session>,
    ready: &mut std::collections::VecDeque<u32>,
    wheel: &mut Wheel,
) {
    sub.since = rx;
    if sub.interval_ms > 0 && now < sub.due {
        sub.place = Place::Waiting;
        wheel.insert(key, sub.due);
    } else {
        enqueue(key, sub, sessions, ready);
    }
}

/// Puts a subscription into its session's list or lane, and the session among the ready.
pub(super) fn enqueue(
    key: u32,
    sub: &mut Sub,
    sessions: &mut slab::Slab<Session>,
    ready: &mut std::collections::VecDeque<u32>,
) {
    sub.place = Place::Queued;
    let session = &mut sessions[sub.session as usize];
    if sub.mode == Mode::Every {
        session.lane.push(key);
        if !session.lane_queued {
            session.lane_queued = true;
            session.queue.push_back(LANE);
        }
    } else {
        session.queue.push_back(key);
    }
    if !session.ready {
        session.ready = true;
        ready.push_back(sub.session);
    }
}
