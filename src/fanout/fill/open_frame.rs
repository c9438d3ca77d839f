//! A frame while it is filled: what a subscription is sent, and how its cursor moves with it.
//!
//! Invariant: each message moves the cursor by exactly the ticks that the tally counts for it and those that were
//! recorded as filtered before.

use super::past_trades;
use crate::{
    fanout::{
        Emit, First, FrameTally, GapReason, LocalId, Mode, TopicRef, View,
        schedule::SendSchedule,
        state::{Base, Claim, LocalTopic, Subscription, lead},
    },
    tick::{FieldSet, Nanos, WantedFields},
    topic::{Plane, Record, Stamped, Store, TopicId},
};

/// A frame of one session.
pub(super) struct OpenFrame<'a, S, E> {
    pub now: Nanos,
    /// Ticks that are older than the recent ones.
    pub store: &'a S,
    pub emit: &'a mut E,
    pub tally: FrameTally,
    /// Symbols of which a subscription is sent its first message, where somebody asks.
    pub firsts: Option<Vec<First>>,
    /// Ticks that were read of rings.
    pub walked: usize,
}

/// What the next message of a subscription knows of its topic.
#[inline]
fn topic_of<'a>(
    firsts: &mut Option<Vec<First>>,
    sub: &mut Subscription,
    topic: &'a LocalTopic,
) -> TopicRef<'a> {
    let is_first = sub.takes_first();
    if is_first {
        note_first(firsts, topic);
    }
    TopicRef {
        local: LocalId(sub.topic),
        // A symbol that has a tick is listed.
        number: topic.market.unwrap_or(TopicId(u32::MAX)),
        symbol: &topic.symbol,
        product: topic.product,
        record: &topic.record,
        delay_ms: topic.is_delayed().then_some(topic.delay_ms),
        is_first,
    }
}

/// The trades that a view begins with, up to the topic's record; `None` where there are none, or none may be told:
/// delayed data has no history.
#[cold]
fn newest_trades(
    store: &impl Store,
    topic: &LocalTopic,
    view: &View,
    walked: &mut usize,
) -> Option<Vec<Stamped>> {
    let market = topic.market.filter(|_| !topic.is_delayed())?;
    let mut ticks = Vec::new();
    store.ring(market, topic.record.seq, &mut ticks);
    *walked += ticks.len();
    past_trades::keep_newest(&mut ticks, view);
    (!ticks.is_empty()).then_some(ticks)
}

/// A subscription is sent its first message. Apart, so that the code of all the others stays short enough to be
/// inlined.
#[cold]
pub(super) fn note_first(firsts: &mut Option<Vec<First>>, topic: &LocalTopic) {
    if let Some(firsts) = firsts {
        firsts.push(First { symbol: topic.symbol.clone(), plane: topic.plane });
    }
}

impl<S: Store, E: Emit> OpenFrame<'_, S, E> {
    /// What the ticks since the cursor have changed, as the record has it now: as the last tick alone, when there is
    /// but one.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call would cost each message 15 instructions")]
    pub fn send_latest(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View) {
        let n = topic.record.seq - sub.cursor;
        self.tally.record(topic.plane, n - sub.skipped);
        let at = topic_of(&mut self.firsts, sub, topic);
        let shows_tick = || {
            !topic.record.all_changed().intersect(view.wanted).is_empty()
                || view.report_of(&topic.record.fields).is_some()
        };
        if n == 1 && shows_tick() {
            self.emit.last_tick(&at, view);
        } else {
            self.emit.merged(&at, n, WantedFields::NONE, view);
        }
        sub.begin_at(topic.record.seq);
    }

    /// Sends a subscription the base that it is due, if any, and whatever follows from that; then it is caught up. With a full
    /// frame it goes back to the front of its queue. Says whether it has ended: mode `once` is answered.
    #[inline]
    pub fn send_bases(
        &mut self,
        key: u32,
        sub: &mut Subscription,
        topic: &mut LocalTopic,
        view: &View,
        schedule: &mut SendSchedule,
    ) -> bool {
        while sub.base != Base::None {
            if !self.emit.has_room() {
                sub.since = self.now;
                sub.queued = schedule.sessions[sub.session as usize].queue.push_front(key);
                return false;
            }
            self.send_base(sub, topic, view);
        }
        schedule.caught_up(key, sub, topic, self.now);
        sub.mode == Mode::Once
    }

    /// The whole record as it is, as a new base. What the client was sent before decides how, because seqs must add up.
    pub fn send_base(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View) {
        if sub.claim == Claim::OtherEpoch {
            sub.claim = Claim::Resumed;
            return self.send_gap(sub, topic, view, GapReason::Epoch);
        }
        let at = topic_of(&mut self.firsts, sub, topic);
        let n = topic.record.seq - sub.cursor;
        self.tally.record(topic.plane, n - sub.skipped);
        let merges = sub.base == Base::Again && n > 0;
        if merges {
            self.emit.merged(&at, n, WantedFields::ALL, view);
        } else if view.past_trades > 0
            && let Some(trades) = newest_trades(self.store, topic, view, &mut self.walked)
        {
            self.emit.past_trades(&at, &trades, view);
        } else {
            self.emit.snapshot(&at, view);
        }
        sub.begin_at(topic.record.seq);
        // Mode `once` is answered by a snapshot, whatever came before.
        if merges && sub.mode == Mode::Once {
            sub.base = Base::Again;
        }
    }

    /// Announces everything from the cursor to the head as lost, and begins anew at the head.
    pub fn send_gap(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View, reason: GapReason) {
        let head = topic.record.seq;
        let lost = head - sub.cursor - sub.skipped;
        match topic.plane {
            Plane::RealTime => self.tally.gapped[reason as usize] += lost,
            Plane::Delayed => self.tally.late.gapped += lost,
        }
        self.emit.gap(&topic_of(&mut self.firsts, sub, topic), sub.cursor + 1, head, reason, view);
        self.emit.snapshot(&topic_of(&mut self.firsts, sub, topic), view);
        sub.begin_at(head);
    }

    /// The record as it stood at a tape event, in place of the ticks since the cursor, of which `passed` were recorded
    /// as filtered. It names the fields that these have changed, and those of the quote.
    #[inline]
    pub fn send_tape_event(
        &mut self,
        sub: &mut Subscription,
        topic: &LocalTopic,
        event: &Record,
        passed: u64,
        view: &View,
    ) {
        let quote = FieldSet::QUOTE.intersect(event.fields.mask).into();
        self.send_up_to(sub, topic, event, passed, quote, view);
        sub.claim = Claim::None;
    }

    /// As [`Self::send_tape_event`], without the quote: what the ticks since the cursor have changed.
    pub fn send_correction(
        &mut self,
        sub: &mut Subscription,
        topic: &LocalTopic,
        event: &Record,
        passed: u64,
        view: &View,
    ) {
        self.send_up_to(sub, topic, event, passed, WantedFields::NONE, view);
    }

    #[inline]
    fn send_up_to(
        &mut self,
        sub: &mut Subscription,
        topic: &LocalTopic,
        event: &Record,
        passed: u64,
        always: WantedFields,
        view: &View,
    ) {
        let n = event.seq - sub.cursor;
        self.tally.record(topic.plane, n - passed);
        self.emit.tape_event(&topic_of(&mut self.firsts, sub, topic), event, n, always, view);
        (sub.cursor, sub.since) = (event.seq, event.rx);
        sub.skipped -= passed;
        sub.lead = 0;
    }

    /// Consecutive ticks, of which the first is the next one after the cursor and the ticks that it skips, as many as
    /// there is room for.
    pub fn send_ticks(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View, ticks: &[Stamped]) {
        if view.has_every_field() {
            self.send_all(sub, topic, view, ticks);
        } else {
            self.send_wanted(sub, topic, view, ticks);
        }
        // The reason of a gap from here on is not the resume.
        sub.claim = sub.claim.caught_up();
    }

    fn send_all(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View, ticks: &[Stamped]) {
        let sent = self.emit.run(&topic_of(&mut self.firsts, sub, topic), ticks, view);
        self.tally.delivered += sent as u64;
        sub.cursor += sent as u64;
        if let Some(next) = ticks.get(sent).or(ticks.last()) {
            sub.since = next.rx;
        }
    }

    fn send_wanted(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View, ticks: &[Stamped]) {
        for tick in ticks {
            let n = tick.seq - sub.cursor;
            if !view.wants(tick) {
                sub.lead = lead(n);
                continue;
            }
            sub.since = tick.rx;
            if !self.emit.has_room() {
                sub.lead = lead(n - 1);
                return;
            }
            self.emit.tick(&topic_of(&mut self.firsts, sub, topic), tick, n, view);
            self.tally.delivered += 1;
            // Each tick in between was recorded as filtered when it came.
            sub.skipped -= n - 1;
            sub.cursor = tick.seq;
            sub.lead = 0;
        }
    }
}
