//! One frame for many sessions: sessions that are due the same are sent the same bytes.
//!
//! Dashboards that show the same symbols and keep up are behind by the same ticks in the same order. When the key of a
//! session is in the [`FrameCache`](super::frame_cache::FrameCache), its frame is not filled anew: its cursors move as
//! those of the first session did, and [`Emit::repeat`] writes the frame once more. The cost of a message is then its
//! share of one copy, however many messages the frame has.
//!
//! Invariant: a repeated frame leaves a session's cursors, queues and accounting as filling it would have.

use super::{
    Emit, Fanout, FrameTally, Mode, SessionKey,
    frame_cache::{CachedFrame, KeyPart, Left},
    state::{Base, Claim, Subscription},
};
use crate::tick::Nanos;

impl Fanout {
    /// Sends the session a kept frame, when it is due exactly that; `None` when its frame must be filled.
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
        let frame = &self.frame_cache.frames[found];
        let tally = frame.tally;
        let entry = &mut self.schedule.sessions[session.0 as usize];
        let (mut queue, mut every_queue) =
            (std::mem::take(&mut entry.queue), std::mem::take(&mut entry.every_queue));
        let mut left = std::mem::take(&mut self.scratch.left);
        for Left { part, .. } in &frame.left {
            left.extend(entry.find(&self.subs, part.topic, part.view).map(|key| (key, part.in_every_queue)));
        }
        let keys = || queue.subs().chain(every_queue.iter().copied());
        // Nearly always the frame holds everything, and then one walk is enough.
        let holds_all = frame.left.is_empty();
        for key in keys() {
            let sub = &mut self.subs[key as usize];
            let topic = &mut self.topics[sub.topic as usize];
            sub.cursor = topic.record.seq;
            if holds_all {
                topic.every_behind -= u32::from(sub.mode == Mode::Every);
                self.schedule.caught_up(key, sub, topic, now);
            }
        }
        if !holds_all {
            for (&(key, _), Left { part, since }) in left.iter().zip(&frame.left) {
                let sub = &mut self.subs[key as usize];
                (sub.cursor, sub.since) = (part.cursor, *since);
            }
            for key in keys() {
                let sub = &mut self.subs[key as usize];
                let topic = &mut self.topics[sub.topic as usize];
                if sub.cursor == topic.record.seq {
                    topic.every_behind -= u32::from(sub.mode == Mode::Every);
                    self.schedule.caught_up(key, sub, topic, now);
                }
            }
        }
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

    /// Keeps the key of what the session is due, before its frame is filled in this encoding. Says its number, when it
    /// is kept.
    pub(super) fn keep_key(&mut self, session: SessionKey, encoding: u8) -> Option<usize> {
        if !self.frame_cache.begins() {
            return None;
        }
        let at = self.frame_cache.next();
        let mut key = std::mem::take(&mut self.frame_cache.frames[at].key);
        key.clear();
        let whole = self.walk_key(session, |part, _| {
            key.push(part);
            true
        });
        if !whole {
            key.clear();
        }
        let is_kept = !key.is_empty();
        let frame = &mut self.frame_cache.frames[at];
        (frame.key, frame.encoding, frame.views_ended) = (key, encoding, self.views.ended());
        is_kept.then_some(at)
    }

    /// Keeps the frame, and what it left in the queues.
    pub(super) fn keep_frame(
        &mut self,
        session: SessionKey,
        at: usize,
        tally: &FrameTally,
        emit: &mut impl Emit,
    ) {
        let mut left = std::mem::take(&mut self.frame_cache.frames[at].left);
        left.clear();
        self.walk_key(session, |part, sub| {
            left.push(Left { part, since: sub.since });
            true
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

    /// The kept frame in this encoding that holds what the session is due.
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
            && self.walk_key(session, |part, _| parts.next() == Some(&part))
            && parts.next().is_none()
    }

    /// Calls `see` with each part of the key of what the session is due, in order, while it returns `true`. Says whether it
    /// saw all of them. A subscription whose next message depends on more than a [`KeyPart`] ends the walk.
    fn walk_key(&self, session: SessionKey, mut see: impl FnMut(KeyPart, &Subscription) -> bool) -> bool {
        let Some(entry) = self.schedule.sessions.get(session.0 as usize) else { return false };
        let mut part = |key: u32, in_every_queue: bool| {
            let sub = &self.subs[key as usize];
            let head = self.topics[sub.topic as usize].record.seq;
            is_simple(sub)
                && see(
                    KeyPart { topic: sub.topic, view: sub.view, in_every_queue, cursor: sub.cursor, head },
                    sub,
                )
        };
        entry.queue.all(|key| match key {
            Some(key) => part(key, false),
            None => entry.every_queue.iter().all(|&key| part(key, true)),
        })
    }
}

/// Its next messages are ticks with all their fields, one by one or merged, and nothing else.
fn is_simple(sub: &Subscription) -> bool {
    sub.base == Base::None && sub.view.has_every_field() && sub.mode != Mode::Once && sub.claim == Claim::None
}
