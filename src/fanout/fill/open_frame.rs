//! [`OpenFrame`]: a frame being filled. Writes a subscription's messages and moves its cursor with them; which
//! subscription is next is decided in `mod.rs`.
//!
//! Invariant: each message advances the cursor by exactly the ticks that the tally counts for it, plus those that were
//! counted as filtered before.

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

/// One session's frame while it is filled.
pub(super) struct OpenFrame<'a, S, E> {
    pub now: Nanos,
    /// Source of ticks older than the recent ones.
    pub store: &'a S,
    pub emit: &'a mut E,
    pub tally: FrameTally,
    /// The symbols whose first message is in this frame, if somebody asks for them.
    pub firsts: Option<Vec<First>>,
    /// The number of ticks read from rings.
    pub walked: usize,
}

/// The topic as the subscription's next message needs it.
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
        // A symbol with a tick is always listed.
        number: topic.market.unwrap_or(TopicId(u32::MAX)),
        symbol: &topic.symbol,
        product: topic.product,
        record: &topic.record,
        delay_ms: topic.is_delayed().then_some(topic.delay_ms),
        is_first,
    }
}

/// The past trades that a view starts with, up to the topic's record. `None` when there are none, or the topic is
/// delayed: delayed data has no history.
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

/// Notes a subscription's first message. Kept apart so that the common path stays short enough to be inlined.
#[cold]
pub(super) fn note_first(firsts: &mut Option<Vec<First>>, topic: &LocalTopic) {
    if let Some(firsts) = firsts {
        firsts.push(First { symbol: topic.symbol.clone(), plane: topic.plane });
    }
}

impl<S: Store, E: Emit> OpenFrame<'_, S, E> {
    /// Sends the fields changed since the cursor, with current values; just the last tick when it is the only one.
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

    /// Sends a subscription its base, if one is due, and the rest; then it is caught up. If the frame is full, it
    /// returns to the front of its queue. Returns whether it has ended: mode `once` is answered.
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

    /// Sends the current record as the new base. The message depends on what the client has, because seqs must add up.
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
        // Mode `once` is answered by a snapshot in any case.
        if merges && sub.mode == Mode::Once {
            sub.base = Base::Again;
        }
    }

    /// Reports everything from the cursor to the head as lost, and restarts at the head.
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

    /// Sends the record at a tape event in place of the ticks since the cursor, `passed` of which were counted as
    /// filtered: the fields that these changed, and the quote.
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

    /// As [`Self::send_tape_event`], without the quote: only the fields changed since the cursor.
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

    /// Sends consecutive ticks, as many as fit. The first is the next one after the cursor and the ticks that the
    /// subscription skips.
    pub fn send_ticks(&mut self, sub: &mut Subscription, topic: &LocalTopic, view: &View, ticks: &[Stamped]) {
        if view.has_every_field() {
            self.send_all(sub, topic, view, ticks);
        } else {
            self.send_wanted(sub, topic, view, ticks);
        }
        // From here on, a gap is no longer due to the resume.
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
            // The ticks in between were counted as filtered on arrival.
            sub.skipped -= n - 1;
            sub.cursor = tick.seq;
            sub.lead = 0;
        }
    }
}
