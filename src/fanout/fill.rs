//! What a session is sent next. Called when its socket can take a frame, and only then: the newest price is chosen at
//! the last moment.

use std::cmp::Reverse;

use super::{
    Emit, Fanout, GapReason, LocalId, Mode, SessionKey, Tally,
    apply::lead,
    index::index32,
    queue::EVERY_QUEUE,
    state::{Base, Place, Session, Sub, Topic},
};
use crate::{
    tick::{FieldSet, Nanos},
    topic::{Stamped, Store},
};

impl Fanout {
    /// Writes what the session is behind by into one frame, oldest first, until the frame is full or nothing is left.
    /// What was written is in the tally, which must be handed to [`Self::accepted`] or [`Self::abandoned`].
    pub fn fill(
        &mut self,
        session: SessionKey,
        now: Nanos,
        store: &impl Store,
        emit: &mut impl Emit,
    ) -> Tally {
        let mut tally = Tally::default();
        if !self.sessions.contains(session.0 as usize) {
            return tally;
        }
        if let Some(tally) = self.fill_again(session, now, emit) {
            self.in_flight += tally.ticks();
            return tally;
        }
        let kept = self.keep_key(session, emit.encoding());
        // The every-mode queue takes turns with the rest: it stands once in the list, and goes to its end after its turn.
        let mut turns = self.sessions[session.0 as usize].queue.len();
        while turns > 0 && emit.has_room() {
            turns -= 1;
            let Some(key) = self.sessions[session.0 as usize].queue.pop_front() else { break };
            if key == EVERY_QUEUE {
                self.fill_every(session.0, now, store, emit, &mut tally);
            } else {
                self.fill_one(key, now, emit, &mut tally);
            }
        }
        if let Some(number) = kept {
            self.keep_frame(session, number, &tally, emit);
        }
        self.in_flight += tally.ticks();
        tally
    }

    /// Mode `latest` or `once`: the record as it stands.
    fn fill_one(&mut self, key: u32, now: Nanos, emit: &mut impl Emit, tally: &mut Tally) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let n = topic.record.seq - sub.cursor;
        if sub.base == Base::None {
            tally.record(n - sub.skipped);
            let local = LocalId(sub.topic);
            if n == 1 && !topic.record.changed.intersect(sub.wanted).is_empty() {
                emit.last_tick(local, &topic.symbol, &topic.record, sub.wanted);
            } else {
                emit.merged(local, &topic.symbol, &topic.record, n, sub.wanted);
            }
            begin_at_head(sub, topic);
        }
        while sub.base != Base::None {
            if !emit.has_room() {
                sub.since = now;
                sub.queued = self.sessions[sub.session as usize].queue.push_front(key);
                return;
            }
            rebase(sub, topic, emit, tally);
        }
        settle(key, sub, topic, &mut self.sessions[sub.session as usize], now);
        if sub.mode == Mode::Once {
            self.remove(key);
        }
    }

    /// Mode `every`: the ticks of all subscriptions that are behind, merged into the order of their arrival. One that
    /// has fallen out of the recent ticks is served from the ring, ahead of the others: its ticks are older.
    fn fill_every(
        &mut self,
        session: u32,
        now: Nanos,
        store: &impl Store,
        emit: &mut impl Emit,
        tally: &mut Tally,
    ) {
        let mut order = std::mem::take(&mut self.scratch.every_queue);
        let queue = &mut self.sessions[session as usize].every_queue;
        self.walked += queue.len();
        order.extend(
            queue.drain(..).map(|key| Reverse((next_order(&self.subs[key as usize], &self.topics), key))),
        );
        while emit.has_room() {
            let Some(Reverse((_, key))) = order.pop() else { break };
            let until = order.peek().map_or(u64::MAX, |Reverse((order, _))| *order);
            self.fill_run(key, until, now, store, emit, tally);
            if self.subs[key as usize].place == Place::Queued {
                order.push(Reverse((next_order(&self.subs[key as usize], &self.topics), key)));
            }
        }
        let entry = &mut self.sessions[session as usize];
        for Reverse((_, key)) in order.drain() {
            self.subs[key as usize].queued = index32(entry.every_queue.len());
            entry.every_queue.push(key);
        }
        self.scratch.every_queue = order;
        entry.every_queued = !entry.every_queue.is_empty();
        if entry.every_queued {
            entry.queue_lane();
        }
    }

    /// One subscription's ticks, up to the place `until` in the order of all ticks.
    fn fill_run(
        &mut self,
        key: u32,
        until: u64,
        now: Nanos,
        store: &impl Store,
        emit: &mut impl Emit,
        tally: &mut Tally,
    ) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let head = topic.record.seq;
        if sub.base != Base::None {
            rebase(sub, topic, emit, tally);
        } else if let Some(first) = next_recent(sub, topic) {
            let ticks = &topic.recent[first..];
            let due = ticks.iter().take_while(|tick| tick.order < until).count().max(1);
            send_ticks(sub, topic, &ticks[..due], emit, tally);
        } else {
            let Some(market) = topic.market else { return };
            let mut ticks = std::mem::take(&mut self.scratch.history);
            ticks.clear();
            let from = next_seq(sub);
            // With some fields only, the next tick that has one may be anywhere in the ring.
            let run = if sub.wanted == FieldSet::ALL { self.bounds.history_ticks } else { usize::MAX };
            let oldest = store.history(market, from, head, run, &mut ticks);
            self.walked += ticks.len();
            if oldest > from || ticks.is_empty() {
                let reason = if sub.claims { GapReason::Resume } else { GapReason::Slow };
                lose(sub, topic, reason, emit, tally);
            } else {
                send_ticks(sub, topic, &ticks, emit, tally);
            }
            self.scratch.history = ticks;
        }
        if head - sub.cursor == sub.skipped {
            topic.every_behind -= 1;
            settle(key, sub, topic, &mut self.sessions[sub.session as usize], now);
        } else if let Some(next) = next_recent(sub, topic) {
            let next = &topic.recent[next];
            sub.since = next.rx;
            sub.lead = lead(next.seq - sub.cursor - 1);
        }
    }
}

/// The subscription has been sent everything there is: it rests until the next tick, or its interval's end.
#[inline]
pub(super) fn settle(key: u32, sub: &mut Sub, topic: &mut Topic, session: &mut Session, now: Nanos) {
    sub.place = Place::Idle;
    if sub.wanted == FieldSet::ALL {
        topic.resting.push(key);
    }
    sub.claims = false;
    if sub.interval_ms > 0 {
        sub.due = next_due(now, sub.interval_ms);
        session.interval_groups.sent(sub.interval_ms, now, sub.due);
    }
}

/// An interval's end, rounded up to an eighth of it (1 ms at least): what ends together is sent in one frame.
fn next_due(now: Nanos, interval_ms: u32) -> Nanos {
    let interval = i64::from(interval_ms) * 1_000_000;
    let grain = (interval / 8).max(1_000_000);
    let due = now.0.saturating_add(interval);
    Nanos(due.saturating_add(grain - 1).div_euclid(grain).saturating_mul(grain))
}

/// Where the next tick stands among all; 0 when it is no longer among the recent ones, and older than all of them.
pub(super) fn next_order(sub: &Sub, topics: &slab::Slab<Topic>) -> u64 {
    let topic = &topics[sub.topic as usize];
    if sub.base != Base::None {
        return topic.record.order;
    }
    next_recent(sub, topic).map_or(0, |index| topic.recent[index].order)
}

/// Place among the recent ticks of the next one that the subscription is to be sent.
fn next_recent(sub: &Sub, topic: &Topic) -> Option<usize> {
    let oldest = topic.recent.first()?.seq;
    let first = usize::try_from(next_seq(sub).checked_sub(oldest)?).ok()?;
    let mut ticks = topic.recent.get(first..)?.iter();
    ticks.position(|tick| !tick.fields.mask.intersect(sub.wanted).is_empty()).map(|index| first + index)
}

/// The first seq that the subscription may have to be sent.
fn next_seq(sub: &Sub) -> u64 {
    sub.cursor + 1 + u64::from(sub.lead)
}

/// The record as it stands, as a new base. What the client has been told of before decides how: seqs must add up.
fn rebase(sub: &mut Sub, topic: &Topic, emit: &mut impl Emit, tally: &mut Tally) {
    if std::mem::take(&mut sub.other_epoch) {
        return lose(sub, topic, GapReason::Epoch, emit, tally);
    }
    let local = LocalId(sub.topic);
    let n = topic.record.seq - sub.cursor;
    tally.record(n - sub.skipped);
    let merges = sub.base == Base::Again && n > 0;
    if merges {
        emit.merged(local, &topic.symbol, &topic.record, n, sub.wanted);
    } else {
        emit.snapshot(local, &topic.symbol, &topic.record, sub.wanted);
    }
    begin_at_head(sub, topic);
    // Mode `once` is answered by a snapshot, whatever came before.
    if merges && sub.mode == Mode::Once {
        sub.base = Base::Again;
    }
}

/// Announces everything from the cursor to the head as lost, and begins anew at the head.
fn lose(sub: &mut Sub, topic: &Topic, reason: GapReason, emit: &mut impl Emit, tally: &mut Tally) {
    let head = topic.record.seq;
    tally.gapped[reason as usize] += head - sub.cursor - sub.skipped;
    emit.gap(&topic.symbol, sub.cursor + 1, head, reason);
    emit.snapshot(LocalId(sub.topic), &topic.symbol, &topic.record, sub.wanted);
    begin_at_head(sub, topic);
}

fn begin_at_head(sub: &mut Sub, topic: &Topic) {
    sub.cursor = topic.record.seq;
    sub.skipped = 0;
    sub.lead = 0;
    sub.base = Base::None;
}

/// Sends consecutive ticks, the first of them the next one that is due or passed over, as far as there is room.
fn send_ticks(sub: &mut Sub, topic: &Topic, ticks: &[Stamped], emit: &mut impl Emit, tally: &mut Tally) {
    // A gap from here on is not the resume's.
    sub.claims = false;
    if sub.wanted == FieldSet::ALL {
        send_all(sub, topic, ticks, emit, tally);
    } else {
        send_wanted(sub, topic, ticks, emit, tally);
    }
}

fn send_all(sub: &mut Sub, topic: &Topic, ticks: &[Stamped], emit: &mut impl Emit, tally: &mut Tally) {
    let sent = emit.run(LocalId(sub.topic), &topic.symbol, ticks);
    tally.delivered += sent as u64;
    sub.cursor += sent as u64;
    if let Some(next) = ticks.get(sent).or(ticks.last()) {
        sub.since = next.rx;
    }
}

fn send_wanted(sub: &mut Sub, topic: &Topic, ticks: &[Stamped], emit: &mut impl Emit, tally: &mut Tally) {
    for tick in ticks {
        let n = tick.seq - sub.cursor;
        if tick.fields.mask.intersect(sub.wanted).is_empty() {
            sub.lead = lead(n);
            continue;
        }
        sub.since = tick.rx;
        if !emit.has_room() {
            sub.lead = lead(n - 1);
            return;
        }
        emit.tick(&topic.symbol, tick, n, sub.wanted);
        tally.delivered += 1;
        // Every tick in between was recorded as filtered when it came.
        sub.skipped -= n - 1;
        sub.cursor = tick.seq;
        sub.lead = 0;
    }
}
