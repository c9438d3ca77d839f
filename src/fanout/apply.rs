//! What arrives: batches of ticks, the passing of time. Here subscriptions become behind.
//!
//! A batch is taken in whole before anyone is marked: a topic's subscribers are walked once for each batch, however
//! many of its ticks are in it.

use super::{
    Fanout, Mode, SessionKey, Units,
    core::Notice,
    index::index32,
    interval_groups::{Joined, Waits},
    state::{Base, Place, Session, Sub, Topic, UNWATCHED},
    wheel::Wheel,
};
use crate::{
    tick::{FieldSet, Nanos, State},
    topic::{Batch, Stamped, Store, TopicId},
};

/// Entries that the wheel may hold of intervals that are over or subscriptions that are gone, beside one for each
/// subscription there is. Without a bound, a client that subscribes again and again would fill it.
const WHEEL_SLACK: usize = 1024;
/// To make a subscription ready whose interval is over.
const WAIT_UNITS: usize = 2;
/// To look at a topic.
const LOOK_UNITS: usize = 2;

impl Fanout {
    /// Takes in what ingest handed over.
    pub fn apply(&mut self, batch: &Batch, now: Nanos, store: &impl Store) {
        let ready = self.ready.len();
        self.list_topics(&batch.new_topics);
        let mut touched = std::mem::take(&mut self.scratch.touched);
        if self.look_at(batch, &mut touched) {
            for tick in &batch.ticks {
                self.take(tick, now);
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
        self.take_turns(ready);
    }

    /// Moves time on: subscriptions whose interval is over become ready.
    pub fn advance(&mut self, now: Nanos) {
        self.advance_some(now, &mut Units::unlimited());
    }

    /// As [`Self::advance`], as far as the units last. Says whether all whose interval is over are ready.
    pub fn advance_some(&mut self, now: Nanos, units: &mut Units) -> bool {
        let ready = self.ready.len();
        let mut fired = std::mem::take(&mut self.scratch.fired);
        let mut done = std::mem::take(&mut self.scratch.fired_done);
        self.wheel.advance(now, &mut fired);
        while let Some(&(waits, due)) = fired.get(done) {
            if units.is_spent() {
                break;
            }
            done += 1;
            units.spend(WAIT_UNITS);
            match waits {
                Waits::Sub(key) => self.end_wait(key, due),
                Waits::Group { session, interval_ms } => {
                    let Some(entry) = self.sessions.get_mut(session as usize) else { continue };
                    let mut keys = entry.interval_groups.take(interval_ms, due);
                    units.spend(WAIT_UNITS * keys.len());
                    for key in keys.drain(..) {
                        self.end_wait(key, due);
                    }
                    if let Some(entry) = self.sessions.get_mut(session as usize) {
                        entry.interval_groups.give(interval_ms, keys);
                    }
                }
            }
        }
        let is_done = done == fired.len();
        if is_done {
            fired.clear();
            done = 0;
        }
        (self.scratch.fired, self.scratch.fired_done) = (fired, done);
        self.take_turns(ready);
        if self.wheel.len() > 2 * self.subs.len() + WHEEL_SLACK {
            let (subs, sessions) = (&self.subs, &self.sessions);
            self.wheel.sweep(units, |waits, due| match waits {
                Waits::Sub(key) => subs.get(key as usize).is_some_and(|sub| waits_for(sub, due)),
                Waits::Group { session, interval_ms } => sessions
                    .get(session as usize)
                    .is_some_and(|entry| entry.interval_groups.waits(interval_ms, due)),
            });
        }
        is_done
    }

    /// Some whose interval is over are not ready yet.
    pub fn is_advancing(&self) -> bool {
        !self.scratch.fired.is_empty()
    }

    /// The entry may be that of an earlier interval, or of an earlier subscription in the same place.
    fn end_wait(&mut self, key: u32, due: Nanos) {
        if let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| waits_for(sub, due)) {
            enqueue(key, sub, &mut self.sessions, &mut self.ready);
        }
    }

    /// Finds topics that have become stale, from a place on, as far as the units last. Says where to go on, when it has not
    /// come to the end.
    pub fn find_stale_from(&mut self, from: u32, now: Nanos, units: &mut Units) -> Option<u32> {
        for local in from..index32(self.topics.capacity()) {
            if units.is_spent() {
                return Some(local);
            }
            units.spend(LOOK_UNITS);
            let Some(topic) = self.topics.get(local as usize) else { continue };
            if topic.has_subscribers() && self.is_silent(topic, now) {
                let told = self.notices.len();
                self.change_state(local, State::Stale);
                units.spend(self.notices.len() - told);
            }
        }
        None
    }

    pub(super) fn watched(&self, market: TopicId) -> Option<u32> {
        self.by_market.get(market.0 as usize).copied().filter(|&local| local != UNWATCHED)
    }

    /// Takes topics in as the batch leaves them. Says whether any needs its ticks one by one.
    fn look_at(&mut self, batch: &Batch, touched: &mut Vec<u32>) -> bool {
        let mut one_by_one = false;
        for at in &batch.touched {
            let local = self.by_market.get(at.topic.0 as usize).copied().unwrap_or(UNWATCHED);
            if local == UNWATCHED {
                continue;
            }
            let topic = &mut self.topics[local as usize];
            // An image that was read from the market may be ahead of the batches.
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
            topic.record = at.record;
        }
        one_by_one
    }

    fn take(&mut self, tick: &Stamped, now: Nanos) {
        let local = self.by_market.get(tick.topic.0 as usize).copied().unwrap_or(UNWATCHED);
        if local == UNWATCHED {
            return;
        }
        let topic = &mut self.topics[local as usize];
        // The topic was taken in as a whole, or its image was read from the market, ahead of the batches.
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
        note(topic, tick, self.bounds.recent_ticks);
        if !topic.masked.is_empty() {
            self.hold_against_masks(local, tick, now);
        }
    }

    /// A tick that has none of a subscription's fields is recorded as filtered; any other makes it behind.
    fn hold_against_masks(&mut self, local: u32, tick: &Stamped, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        for &key in &topic.masked {
            let sub = &mut self.subs[key as usize];
            // A subscription that rests without a base waits for the symbol's first tick, whatever is in it.
            let begins = sub.place == Place::Idle && sub.base != Base::None;
            if tick.fields.mask.intersect(sub.wanted).is_empty() && !begins {
                sub.skipped += 1;
                self.accounts.filtered += 1;
            } else if sub.place == Place::Idle {
                sub.lead = lead(sub.skipped);
                topic.every_behind += u32::from(sub.mode == Mode::Every);
                mark(key, sub, tick.rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
            }
        }
    }

    /// Marks everyone that the batch's ticks of a topic concern, and records them as offered.
    pub(super) fn mark_topic(&mut self, local: u32, now: Nanos) {
        let topic = &mut self.topics[local as usize];
        let fresh = std::mem::take(&mut topic.fresh);
        self.accounts.offered += fresh * (topic.plain.len() + topic.masked.len()) as u64;
        let rx = topic.fresh_rx;
        // Who is behind already need not be looked at.
        for key in topic.resting.drain(..) {
            let Some(sub) = self.subs.get_mut(key as usize).filter(|sub| rests(sub, local)) else { continue };
            topic.every_behind += u32::from(sub.mode == Mode::Every);
            mark(key, sub, rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
        }
        if topic.state != State::Live {
            let was_pending = topic.state == State::Pending;
            topic.state = State::Live;
            if !was_pending {
                self.tell_state(local);
            }
        }
    }

    pub(super) fn is_silent(&self, topic: &Topic, now: Nanos) -> bool {
        topic.state == State::Live && now.since(topic.record.rx) > self.stale_nanos
    }

    pub(super) fn change_state(&mut self, local: u32, state: State) {
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
}

/// Takes a tick into a topic's image.
fn note(topic: &mut Topic, tick: &Stamped, recent_ticks: usize) {
    let record = &mut topic.record;
    record.seq = tick.seq;
    record.order = tick.order;
    record.ts = tick.ts;
    record.rx = tick.rx;
    record.changed = tick.fields.mask;
    record.fields.merge(&tick.fields);
    if topic.every > 0 {
        if topic.recent.len() >= recent_ticks {
            topic.recent.drain(..recent_ticks / 2);
        }
        topic.recent.push(*tick);
    }
}

/// Skipped ticks right behind the cursor; so many that they are not counted cost a look at the ring, no more.
pub(super) fn lead(skipped: u64) -> u32 {
    u32::try_from(skipped).unwrap_or(u32::MAX)
}

/// A subscription is behind since `rx`: it is queued, or waits until its interval is over.
pub(super) fn mark(
    key: u32,
    sub: &mut Sub,
    rx: Nanos,
    now: Nanos,
    sessions: &mut slab::Slab<Session>,
    ready: &mut std::collections::VecDeque<u32>,
    wheel: &mut Wheel<Waits>,
) {
    sub.since = rx;
    // The first message of all is not held back by what others were sent.
    if sub.interval_ms == 0 || sub.due == Nanos::default() {
        return enqueue(key, sub, sessions, ready);
    }
    let session = &mut sessions[sub.session as usize];
    sub.due = sub.due.max(session.interval_groups.next(sub.interval_ms));
    if now >= sub.due {
        return enqueue(key, sub, sessions, ready);
    }
    sub.place = Place::Waiting;
    match session.interval_groups.join(sub.interval_ms, sub.due, key, session.subs.len()) {
        Joined::First => {
            wheel.insert(Waits::Group { session: sub.session, interval_ms: sub.interval_ms }, sub.due);
        }
        Joined::Others => {}
        Joined::Nobody => wheel.insert(Waits::Sub(key), sub.due),
    }
}

/// A subscription to every field of this topic that is not behind.
pub(super) fn rests(sub: &Sub, local: u32) -> bool {
    sub.place == Place::Idle && sub.topic == local && sub.wanted == FieldSet::ALL
}

fn waits_for(sub: &Sub, due: Nanos) -> bool {
    sub.place == Place::Waiting && sub.due == due
}

/// Puts a subscription into its session's list or every-mode queue, and the session among the ready.
pub(super) fn enqueue(
    key: u32,
    sub: &mut Sub,
    sessions: &mut slab::Slab<Session>,
    ready: &mut std::collections::VecDeque<u32>,
) {
    sub.place = Place::Queued;
    let session = &mut sessions[sub.session as usize];
    sub.queued = session.put(key, sub.mode == Mode::Every);
    if !session.ready {
        session.ready = true;
        ready.push_back(sub.session);
    }
}
