//! Mode `trades`: each trade is a message of its own, with the quote at that time; quotes in between are conflated.
//!
//! A trade does not wait for an interval, and carries the pending quote. Quotes after the last trade wait for the end
//! of an interval that starts with that trade's message. After a run of trades a subscription goes to the end of its
//! session's queue, so that a busy symbol starves no other.
//!
//! Loss: a topic keeps the records at its newest trades ([`TapeEvents`](crate::fanout::state::TapeEvents)). The message
//! of an older trade is rebuilt from the ring: the fields changed since the client's last message, and those quote
//! fields that the ring and newer records prove. When the ring has dropped the tick after the cursor, a gap is sent.

use super::{corrections::before, open_frame::OpenFrame};
use crate::{
    fanout::{
        Emit, Fanout, View,
        schedule::SendSchedule,
        state::{Base, LocalTopic, Subscription, SubscriptionState, advance, lead},
    },
    topic::{Record, Stamped, Store},
};

/// The outcome of a subscription's turn.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// The number of trade messages sent.
    sent: usize,
    /// More trades are pending.
    has_more: bool,
}

impl Fanout {
    /// [`Self::fill_latest`], kept out of line: rarely needed here.
    #[cold]
    fn fill_record(&mut self, key: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) {
        self.fill_latest(key, frame);
    }

    /// One turn of a subscription. Returns whether it needs another, after the session's other subscriptions.
    pub(super) fn fill_trades(&mut self, key: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) -> bool {
        if self.subs[key as usize].base != Base::None {
            self.fill_record(key, frame);
            let sub = &self.subs[key as usize];
            let is_idle = sub.state == SubscriptionState::Idle;
            self.topics[sub.topic as usize].readers_behind -= u32::from(is_idle);
            return false;
        }
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let turn = if !sub.reads_ticks() && topic.tape_events.cover(sub.cursor) {
            send_kept(sub, topic, self.views.get(sub.view), self.bounds.tape_events_at_once, frame)
        } else {
            self.send_read(key, frame)
        };
        self.end_turn(key, turn, frame)
    }

    /// As [`send_kept`], where each tick must be checked: for chosen fields, or trades that are no longer kept.
    #[cold]
    fn send_read(&mut self, key: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) -> Turn {
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        let mut ticks = std::mem::take(&mut self.scratch.history);
        let mut old = std::mem::take(&mut self.scratch.tape_events);
        ticks.clear();
        old.clear();
        let from = sub.next_seq();
        if topic.tape_events.cover(from - 1) {
            topic.history(from, usize::MAX, frame.store, &mut ticks);
        } else {
            read_old(topic, from, frame.store, &mut ticks, &mut old);
        }
        self.walked += ticks.len();
        let oldest = ticks.first().map_or(u64::MAX, |tick| tick.seq);
        let turn = if let Some(at) = from.checked_sub(oldest) {
            let ticks = &ticks[usize::try_from(at).unwrap_or(usize::MAX).min(ticks.len())..];
            send_with_ticks(sub, topic, view, self.bounds.tape_events_at_once, ticks, &old, frame)
        } else {
            frame.send_gap(sub, topic, view, sub.gap_reason());
            Turn::default()
        };
        (self.scratch.history, self.scratch.tape_events) = (ticks, old);
        turn
    }

    /// Ends a turn after the trades: pending quotes are sent or held back.
    fn end_turn(&mut self, key: u32, turn: Turn, frame: &mut OpenFrame<'_, impl Store, impl Emit>) -> bool {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let queue = &mut self.schedule.sessions[sub.session as usize].queue;
        let is_level = topic.record.seq - sub.cursor == sub.skipped;
        let waits = turn.sent > 0 && sub.pace.has_interval() && !is_level && !turn.has_more;
        // Also when the frame was full: one symbol must not take up many small frames.
        if turn.has_more || (!is_level && !waits && !frame.emit.has_room()) {
            sub.queued = queue.push_back(key);
            return frame.emit.has_room();
        }
        if waits {
            let local = sub.topic;
            self.schedule.wait_after_trade(key, sub, frame.now);
            if sub.holds_quotes_of(local) {
                topic.held.push(key);
                self.tidy_held(local);
            }
            return false;
        }
        topic.readers_behind -= 1;
        if is_level && turn.sent > 0 {
            SendSchedule::caught_up_by_trade(key, sub, topic, frame.now);
            return false;
        }
        if !is_level {
            frame.send_latest(sub, topic, self.views.get(sub.view));
        }
        self.schedule.caught_up(key, sub, topic, frame.now);
        false
    }
}

/// Sends kept trades, at most `run` of them.
fn send_kept(
    sub: &mut Subscription,
    topic: &LocalTopic,
    view: &View,
    run: usize,
    frame: &mut OpenFrame<'_, impl Store, impl Emit>,
) -> Turn {
    let mut sent = 0;
    for event in topic.tape_events.after(sub.cursor) {
        if sent == run || !frame.emit.has_room() {
            return Turn { sent, has_more: true };
        }
        frame.send_tape_event(sub, topic, event, 0, view);
        sent += 1;
    }
    Turn { sent, has_more: false }
}

/// As [`send_kept`], with the ticks from the subscription's next one on, and with trades that are no longer kept.
fn send_with_ticks(
    sub: &mut Subscription,
    topic: &LocalTopic,
    view: &View,
    run: usize,
    ticks: &[Stamped],
    old: &[Record],
    frame: &mut OpenFrame<'_, impl Store, impl Emit>,
) -> Turn {
    let mut turn = Turn::default();
    let mut ticks = ticks;
    for event in old.iter().chain(topic.tape_events.after(sub.cursor)) {
        if !view.wants_last(event) {
            continue;
        }
        if turn.sent == run || !frame.emit.has_room() {
            turn.has_more = true;
            break;
        }
        let (before, after) = ticks.split_at(ticks.partition_point(|tick| tick.seq <= event.seq));
        let passed = u64::from(sub.lead) + before.iter().filter(|tick| !view.wants(tick)).count() as u64;
        frame.send_tape_event(sub, topic, event, passed, view);
        turn.sent += 1;
        ticks = after;
    }
    if turn.sent > 0 {
        let leading = ticks.iter().take_while(|tick| !view.wants(tick)).count();
        sub.lead = lead(leading as u64);
        if let Some(next) = ticks.get(leading) {
            sub.since = next.rx;
        }
    }
    turn
}

/// Reads the topic's ring and rebuilds the records at trades that are no longer kept, from a seq on: fields that a tick
/// in the ring has set by then, and fields unchanged up to the oldest known record. Returns no ticks when the ring has
/// dropped the first.
fn read_old(
    topic: &LocalTopic,
    from: u64,
    store: &impl Store,
    ticks: &mut Vec<Stamped>,
    old: &mut Vec<Record>,
) {
    let Some(market) = topic.market else { return };
    store.ring(market, topic.record.seq, ticks);
    let mut record = before(ticks, topic.tape_events.oldest().unwrap_or(&topic.record));
    for tick in ticks.iter().take_while(|tick| tick.seq <= topic.tape_events.floor()) {
        advance(&mut record, tick);
        if tick.seq >= from && tick.is_tape_event() {
            old.push(record.clone());
        }
    }
}
