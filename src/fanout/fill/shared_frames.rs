//! One frame for many sessions: sessions with the same pending ticks are sent the same bytes.
//!
//! Dashboards that show the same symbols and keep up are behind by the same ticks in the same order. When a session's
//! key is in the [`FrameCache`](super::frame_cache::FrameCache), its frame is not filled anew: its cursors move as
//! those of the first session did, and [`Emit::repeat`] writes the frame again. A message then costs its share of one
//! copy.
//!
//! Invariant: repeating a frame leaves a session's cursors, queues and accounting exactly as filling it would.

use super::{
    frame_cache::{CachedFrame, KeyPart, Left},
    open_frame::note_first,
};
use crate::{
    fanout::{
        Emit, Fanout, FrameTally, Mode, SessionKey,
        schedule::SendSchedule,
        state::{Base, Claim, LocalTopic, Subscription},
    },
    tick::Nanos,
};

impl Fanout {
    /// Repeats a kept frame if it is exactly what the session is due; `None` when a frame must be filled.
    pub(super) fn fill_again(
        &mut self,
        session: SessionKey,
        now: Nanos,
        emit: &mut impl Emit,
    ) -> Option<FrameTally> {
        let found = self.find_kept(session, emit.encoding())?;
        if !emit.repeat(found) {
            return None;
        }
        let CachedFrame { tally, left: cached_left, .. } = &mut self.frame_cache.frames[found];
        let (tally, cached_left) = (*tally, std::mem::take(cached_left));
        let entry = &mut self.schedule.sessions[session.0 as usize];
        let (mut queue, mut every_queue) =
            (std::mem::take(&mut entry.queue), std::mem::take(&mut entry.every_queue));
        let mut left = std::mem::take(&mut self.scratch.left);
        for Left { part, .. } in &cached_left {
            let key = entry.find(&self.subs, part.topic, part.view);
            left.extend(key.map(|key| (key, part.mode == Mode::Every)));
        }
        let keys = || queue.subs().chain(every_queue.iter().copied());
        // Nearly always the frame holds everything; then one walk is enough.
        if left.is_empty() {
            keys().for_each(|key| self.sent_all(key, now));
        } else {
            // The slots are void now; reuse them to mark the subscriptions that are left.
            keys().for_each(|key| self.subs[key as usize].queued = 0);
            for (&(key, _), Left { part, since }) in left.iter().zip(&cached_left) {
                let sub = &mut self.subs[key as usize];
                (sub.cursor, sub.since, sub.queued) = (part.cursor, *since, 1);
                if sub.claim.is_first() && !part.claim.is_first() {
                    note_first(&mut self.firsts, &self.topics[sub.topic as usize]);
                }
                sub.claim = part.claim;
            }
            for key in keys() {
                if self.subs[key as usize].queued == 0 {
                    self.sent_all(key, now);
                }
            }
        }
        self.frame_cache.frames[found].left = cached_left;
        queue.clear();
        every_queue.clear();
        let entry = &mut self.schedule.sessions[session.0 as usize];
        (entry.queue, entry.every_queue, entry.every_queued) = (queue, every_queue, false);
        for (key, in_every_queue) in left.drain(..) {
            self.subs[key as usize].queued = entry.enqueue(key, in_every_queue);
        }
        self.scratch.left = left;
        Some(tally)
    }

    /// Marks a subscription as caught up by a repeated frame.
    #[inline]
    fn sent_all(&mut self, key: u32, now: Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        if sub.claim != Claim::None {
            if sub.claim.is_first() {
                note_first(&mut self.firsts, topic);
            }
            sub.claim = Claim::None;
        }
        if sub.mode == Mode::Trades {
            return self.sent_trades(key, now);
        }
        sub.cursor = topic.record.seq;
        topic.readers_behind -= u32::from(sub.mode == Mode::Every);
        self.schedule.rest(key, sub, topic, now);
    }

    /// As [`Self::sent_all`], in mode `trades`: quotes after the last trade may wait for an interval.
    fn sent_trades(&mut self, key: u32, now: Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let due = sub.due_to(topic);
        let waits = due < topic.record.seq;
        let by_trade = sub.pace.has_interval() && topic.tape_events.newest_after(sub.cursor).is_some();
        sub.cursor = due;
        if waits {
            if let Some(trade) = topic.tape_events.at(due) {
                sub.since = trade.rx;
            }
            self.schedule.wait_after_trade(key, sub, now);
            if sub.holds_quotes_of(sub.topic) {
                topic.held.push(key);
            }
            return;
        }
        topic.readers_behind -= 1;
        if by_trade {
            SendSchedule::caught_up_by_trade(key, sub, topic, now);
        } else {
            self.schedule.caught_up(key, sub, topic, now);
        }
    }

    /// Builds and keeps the key of a session before its frame is filled in this encoding. Returns the entry's number if
    /// the frame is to be kept.
    pub(super) fn keep_key(&mut self, session: SessionKey, encoding: u8) -> Option<usize> {
        if !self.frame_cache.begins() {
            return None;
        }
        let at = self.frame_cache.next();
        let mut key = std::mem::take(&mut self.frame_cache.frames[at].key);
        key.clear();
        let whole = self.walk_key(session, |sub, topic| {
            let is_simple = is_simple(sub, topic);
            if is_simple {
                key.push(part_of(sub, topic));
            }
            is_simple
        });
        if !whole {
            key.clear();
        }
        let is_kept = !key.is_empty();
        let frame = &mut self.frame_cache.frames[at];
        (frame.key, frame.encoding, frame.views_ended) = (key, encoding, self.views.ended());
        is_kept.then_some(at)
    }

    /// Keeps the filled frame, and its effect on the queues.
    pub(super) fn keep_frame(
        &mut self,
        session: SessionKey,
        at: usize,
        tally: &FrameTally,
        emit: &mut impl Emit,
    ) {
        let mut left = std::mem::take(&mut self.frame_cache.frames[at].left);
        left.clear();
        self.walk_key(session, |sub, topic| {
            let is_simple = is_simple(sub, topic);
            if is_simple {
                left.push(Left { part: part_of(sub, topic), since: sub.since });
            }
            is_simple
        });
        let frame = &mut self.frame_cache.frames[at];
        (frame.left, frame.tally) = (left, *tally);
        if tally.is_empty() {
            frame.key.clear();
            return;
        }
        emit.keep(at);
        self.frame_cache.keep(at);
    }

    /// The kept frame that holds exactly what the session is due, in this encoding.
    fn find_kept(&mut self, session: SessionKey, encoding: u8) -> Option<usize> {
        if !self.frame_cache.is_tried() {
            return None;
        }
        let cache = &self.frame_cache;
        let views_ended = self.views.ended();
        let is_due = |frame: &CachedFrame| {
            frame.encoding == encoding && frame.views_ended == views_ended && self.is_due(session, &frame.key)
        };
        let found = cache.candidates().find(|&at| is_due(&cache.frames[at]))?;
        self.frame_cache.found(found);
        Some(found)
    }

    fn is_due(&self, session: SessionKey, key: &[KeyPart]) -> bool {
        let mut parts = key.iter();
        !key.is_empty()
            && self.walk_key(session, |sub, topic| parts.next().is_some_and(|part| is_part(sub, topic, part)))
            && parts.next().is_none()
    }

    /// Calls `see` with each subscription that the session is due, in order, until it returns `false`. Returns whether
    /// all were seen.
    #[inline]
    fn walk_key(&self, session: SessionKey, mut see: impl FnMut(&Subscription, &LocalTopic) -> bool) -> bool {
        let Some(entry) = self.schedule.sessions.get(session.0 as usize) else { return false };
        let mut see = |key: u32| {
            let sub = &self.subs[key as usize];
            see(sub, &self.topics[sub.topic as usize])
        };
        entry.queue.all(|key| match key {
            Some(key) => see(key),
            None => entry.every_queue.iter().all(|&key| see(key)),
        })
    }
}

fn part_of(sub: &Subscription, topic: &LocalTopic) -> KeyPart {
    let &Subscription { topic: local, view, mode, claim, cursor, .. } = sub;
    KeyPart { topic: local, view, mode, claim, cursor, to: sub.due_to(topic) }
}

/// Whether a subscription matches a part of a kept key. The view, mode and record of a kept part are already known to
/// be simple.
#[inline]
fn is_part(sub: &Subscription, topic: &LocalTopic, part: &KeyPart) -> bool {
    sub.topic == part.topic
        && sub.cursor == part.cursor
        && sub.due_to(topic) == part.to
        && sub.view == part.view
        && sub.mode == part.mode
        && sub.claim == part.claim
        && sub.base == Base::None
        && (sub.mode != Mode::Trades || topic.tape_events.cover(sub.cursor))
}

/// Whether a subscription's next message depends on nothing but a [`KeyPart`].
///
/// So it is due only ticks with all their fields, single or conflated, or trades that are kept.
fn is_simple(sub: &Subscription, topic: &LocalTopic) -> bool {
    if sub.mode == Mode::Trades && !topic.tape_events.cover(sub.cursor) {
        return false;
    }
    if sub.mode == Mode::Latest && topic.hides_correction(sub.cursor) {
        return false;
    }
    sub.base == Base::None && sub.view.has_every_field() && sub.mode != Mode::Once && sub.claim.is_none()
}
