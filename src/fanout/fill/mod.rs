//! [`Fanout::fill`]: decides what a session is sent next. Called only when its socket can take a frame, so that the
//! newest price is chosen at the last moment. Encoding is `wire`'s.
//!
//! The send queue gives the order. Each subscription in it is sent its topic's current record; the queue's every-mode
//! entry stands for the ticks of all subscriptions in mode `every`. Mode `trades` is in `trades.rs`, cursor movement in
//! `open_frame.rs`.

mod corrections;
mod frame_cache;
mod open_frame;
mod past_trades;
mod shared_frames;
mod trades;

use std::cmp::Reverse;

pub use frame_cache::FRAMES_KEPT;
pub(super) use frame_cache::FrameCache;

use open_frame::OpenFrame;

use super::{
    Emit, Fanout, FrameTally, Mode, SessionKey,
    schedule::EVERY_QUEUE,
    state::{Base, index32, lead},
};
use crate::{tick::Nanos, topic::Store};

impl Fanout {
    /// Fills one frame with the session's pending ticks, longest-waiting subscription first, until it is full or
    /// nothing is pending. Its content is in the tally, which must go to [`Self::accepted`] or [`Self::abandoned`].
    pub fn fill(
        &mut self,
        session: SessionKey,
        now: Nanos,
        store: &impl Store,
        emit: &mut impl Emit,
    ) -> FrameTally {
        if !self.schedule.sessions.contains(session.0 as usize) {
            return FrameTally::default();
        }
        if let Some(firsts) = &mut self.firsts {
            firsts.clear();
        }
        if let Some(tally) = self.fill_again(session, now, emit) {
            self.count_in_flight(&tally);
            return tally;
        }
        let kept = self.keep_key(session, emit.encoding());
        let mut frame = OpenFrame {
            now,
            store,
            emit,
            tally: FrameTally::default(),
            firsts: self.firsts.take(),
            walked: 0,
        };
        // Round robin: after its turn the every-mode entry goes to the end of the send queue.
        let mut turns = self.schedule.sessions[session.0 as usize].queue.len();
        while turns > 0 && frame.emit.has_room() {
            turns -= 1;
            let Some(key) = self.schedule.sessions[session.0 as usize].queue.pop_front() else { break };
            if key == EVERY_QUEUE {
                self.fill_every(session.0, &mut frame);
            } else if self.subs[key as usize].mode == Mode::Trades {
                turns += usize::from(self.fill_trades(key, &mut frame));
            } else {
                self.fill_latest(key, &mut frame);
            }
        }
        let OpenFrame { emit, tally, firsts, walked, .. } = frame;
        self.walked += walked;
        self.firsts = firsts;
        if let Some(number) = kept {
            self.keep_frame(session, number, &tally, emit);
        }
        self.count_in_flight(&tally);
        tally
    }

    /// Modes `latest` and `once`, and `trades` when the whole record is due: sends the current record.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call would cost each message 15 instructions")]
    fn fill_latest(&mut self, key: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        if frame.emit.gathers() && sub.pace.is_gathered() {
            frame.emit.gather(sub.due);
        }
        if topic.hides_correction(sub.cursor) && view.reports && sub.is_told_corrections() {
            if sub.base == Base::Record {
                // It was waiting for the first tick: its first message is the update up to the first correction.
                sub.base = Base::None;
            }
            return self.fill_corrections(key, frame);
        }
        if sub.base == Base::None {
            frame.send_latest(sub, topic, view);
        }
        if frame.send_bases(key, sub, topic, view, &mut self.schedule) {
            self.remove(key);
        }
    }

    /// Mode `every`: sends the pending ticks of all subscriptions, in the order of arrival. A subscription whose next
    /// tick is older than the recent ticks is served first, from the ring.
    fn fill_every(&mut self, session: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) {
        let mut order = std::mem::take(&mut self.scratch.every_queue);
        let queue = &mut self.schedule.sessions[session as usize].every_queue;
        self.walked += queue.len();
        order.extend(queue.drain(..).map(|key| {
            let sub = &self.subs[key as usize];
            Reverse((sub.next_order(&self.topics[sub.topic as usize], self.views.get(sub.view)), key))
        }));
        while frame.emit.has_room() {
            let Some(Reverse((_, key))) = order.pop() else { break };
            let until = order.peek().map_or(u64::MAX, |Reverse((order, _))| *order);
            if let Some(next) = self.fill_run(key, until, frame) {
                order.push(Reverse((next, key)));
            }
        }
        let entry = &mut self.schedule.sessions[session as usize];
        for Reverse((_, key)) in order.drain() {
            self.subs[key as usize].queued = index32(entry.every_queue.len());
            entry.every_queue.push(key);
        }
        self.scratch.every_queue = order;
        entry.every_queued = !entry.every_queue.is_empty();
        if entry.every_queued {
            entry.enqueue_every();
        }
    }

    /// Sends one subscription's ticks up to order `until`. If it is still behind, returns the order of its next tick; 0
    /// when that is older than the recent ticks.
    fn fill_run(
        &mut self,
        key: u32,
        until: u64,
        frame: &mut OpenFrame<'_, impl Store, impl Emit>,
    ) -> Option<u64> {
        let sub = &self.subs[key as usize];
        let is_again = sub.base == Base::Again;
        let hides = is_again && self.topics[sub.topic as usize].hides_correction(sub.cursor);
        if hides && self.views.get(sub.view).reports {
            let is_full = self.send_corrections(key, frame);
            let is_due = self.subs[key as usize].base == Base::Again;
            if is_due && (is_full || !frame.emit.has_room()) {
                return Some(0);
            }
        }
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        let head = topic.record.seq;
        if sub.base != Base::None {
            frame.send_base(sub, topic, view);
        } else if is_again {
            // A gap and a snapshot have replaced the corrections and the record.
        } else if let Some(first) = sub.next_recent(topic, view) {
            let ticks = &topic.recent[first..];
            let due = ticks.iter().take_while(|tick| tick.order < until).count().max(1);
            frame.send_ticks(sub, topic, view, &ticks[..due]);
        } else if let Some(market) = topic.market {
            let mut ticks = std::mem::take(&mut self.scratch.history);
            ticks.clear();
            let from = sub.next_seq();
            // With chosen fields, the next matching tick may be anywhere in the ring.
            let run = if view.has_every_field() { self.bounds.history_ticks } else { usize::MAX };
            let oldest = frame.store.history(market, from, head, run, &mut ticks);
            self.walked += ticks.len();
            if oldest > from || ticks.is_empty() {
                frame.send_gap(sub, topic, view, sub.gap_reason());
            } else {
                frame.send_ticks(sub, topic, view, &ticks);
            }
            self.scratch.history = ticks;
        }
        if head - sub.cursor == sub.skipped {
            topic.readers_behind -= 1;
            self.schedule.caught_up(key, sub, topic, frame.now);
            return None;
        }
        let Some(next) = sub.next_recent(topic, view) else { return Some(0) };
        let next = &topic.recent[next];
        sub.since = next.rx;
        sub.lead = lead(next.seq - sub.cursor - 1);
        Some(next.order)
    }
}
