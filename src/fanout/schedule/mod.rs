//! The schedule: which subscriptions are behind, and which session is served next.
//!
//! A subscription that falls behind goes into its session's queues, or waits in the timing wheel for the end of its
//! interval. A session with something in its queues is in the list of ready sessions. What a session is then sent is
//! decided in `fanout/fill/mod.rs`.
//!
//! Invariants:
//! - a subscription that is behind is in its session's send queue, in its every-mode queue, or waiting, exactly once;
//! - a subscription that waits has an entry in the wheel for the time that it waits for;
//! - a session that has something in its queues is in the list of ready sessions, or was taken from it and is being served.

mod interval_groups;
mod queue;
mod ready;
mod wheel;

use slab::Slab;

pub(super) use interval_groups::{IntervalGroups, Waiter};
pub(super) use queue::{EVERY_QUEUE, SendQueue};

use self::{interval_groups::GroupJoin, ready::ReadyList, wheel::Wheel};
use super::{
    Mode, Units,
    pace::SendPace,
    state::{LocalSession, LocalTopic, Subscription, SubscriptionState},
};
use crate::tick::Nanos;

/// The wheel may hold this many entries of intervals that have ended or of subscriptions that are gone, beside one for
/// each subscription. Without a bound, a client that subscribes again and again would fill it.
const WHEEL_SLACK: usize = 1024;
/// To make a subscription ready whose interval has ended.
const WAIT_UNITS: usize = 2;

/// The sessions of a shard with their queues, and what waits for time to pass.
pub(super) struct SendSchedule {
    pub sessions: Slab<LocalSession>,
    /// Sessions with something to send that were not yet taken, each once.
    pub ready: ReadyList,
    pub wheel: Wheel<Waiter>,
    /// Wheel entries whose time has come, and how many of them were handled.
    fired: Vec<(Waiter, Nanos)>,
    fired_done: usize,
}

impl SendSchedule {
    pub fn new(now: Nanos) -> Self {
        SendSchedule {
            sessions: Slab::new(),
            ready: ReadyList::default(),
            wheel: Wheel::new(now),
            fired: Vec::new(),
            fired_done: 0,
        }
    }

    /// A caught-up subscription falls behind, by a tick that was received at `rx`: it is queued, or waits until its
    /// interval ends.
    #[inline]
    pub fn mark_behind(&mut self, key: u32, sub: &mut Subscription, rx: Nanos, now: Nanos) {
        sub.since = rx;
        // The first message of a subscription is not delayed by what others were sent.
        let has_interval = sub.pace.has_interval() && sub.due != Nanos::default();
        if !has_interval || !self.waits(key, sub, now) {
            self.enqueue_now(key, sub);
        }
    }

    /// Whether the interval of a subscription has not ended: then it waits for that.
    fn waits(&mut self, key: u32, sub: &mut Subscription, now: Nanos) -> bool {
        let session = &mut self.sessions[sub.session as usize];
        if sub.pace.is_gathered() {
            sub.due = session.interval_groups.gather(sub.pace, now);
        } else {
            sub.due = sub.due.max(session.interval_groups.next(sub.pace));
            if now >= sub.due {
                return false;
            }
        }
        sub.state = SubscriptionState::Waiting;
        match session.interval_groups.join(sub.pace, sub.due, key, session.subs.len()) {
            GroupJoin::NewGroup => {
                let group = Waiter::Group { session: sub.session, pace: sub.pace };
                self.wheel.insert(group, sub.due);
            }
            GroupJoin::Joined => {}
            GroupJoin::Alone => self.wheel.insert(Waiter::Sub(key), sub.due),
        }
        true
    }

    /// A subscription that is in no queue was sent everything there is: it is idle until the topic's next tick, and
    /// that tick waits for the end of its interval.
    #[inline]
    pub fn caught_up(&mut self, key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.claim = sub.claim.caught_up();
        self.rest(key, sub, topic, now);
    }

    /// As [`Self::caught_up`], where nothing is claimed any more.
    #[inline]
    pub fn rest(&mut self, key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.state = SubscriptionState::Idle;
        if sub.view.has_every_field() {
            topic.idle.push(key);
        }
        // What is gathered goes out at its own times, whenever it was sent last.
        if sub.pace.has_interval() && !sub.pace.is_gathered() {
            sub.due = sub.pace.end_from(now);
            let session = &mut self.sessions[sub.session as usize];
            session.interval_groups.sent(sub.pace, now, sub.due);
        }
    }

    /// As [`Self::caught_up`], by the message of a trade: it keeps its own interval, and delays nothing else of it.
    pub fn caught_up_by_trade(key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.state = SubscriptionState::Idle;
        if sub.view.has_every_field() {
            topic.idle.push(key);
        }
        if sub.pace.has_interval() {
            sub.due = sub.pace.end_from(now);
        }
    }

    /// A subscription that is in no queue was sent a trade, and is behind by quotes: they wait for an interval.
    pub fn wait_after_trade(&mut self, key: u32, sub: &mut Subscription, now: Nanos) {
        sub.due = sub.pace.end_from(now);
        self.mark_behind(key, sub, sub.since, now);
    }

    /// A caught-up subscription falls behind by what does not wait for the end of its interval.
    pub fn mark_due(&mut self, key: u32, sub: &mut Subscription, rx: Nanos) {
        sub.since = rx;
        self.enqueue(key, sub);
    }

    /// Puts a subscription into its session's queues now, and the session among the ready.
    pub fn enqueue(&mut self, key: u32, sub: &mut Subscription) {
        self.enqueue_now(key, sub);
    }

    /// The same on the path of each tick.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call would cost each subscription 15 instructions")]
    fn enqueue_now(&mut self, key: u32, sub: &mut Subscription) {
        sub.state = SubscriptionState::Queued;
        let session = &mut self.sessions[sub.session as usize];
        sub.queued = session.enqueue(key, sub.mode == Mode::Every);
        if !session.ready {
            session.ready = true;
            self.ready.push(sub.session);
        }
    }

    /// Takes a subscription out of its session's queues, where it is at `slot`.
    pub fn dequeue(&mut self, subs: &mut Slab<Subscription>, session: u32, slot: u32, mode: Mode) {
        let Some(session) = self.sessions.get_mut(session as usize) else { return };
        if mode != Mode::Every {
            session.queue.remove(slot);
        } else if (slot as usize) < session.every_queue.len() {
            session.every_queue.swap_remove(slot as usize);
            if let Some(&moved) = session.every_queue.get(slot as usize) {
                subs[moved as usize].queued = slot;
            }
            if session.every_queue.is_empty() && std::mem::take(&mut session.every_queued) {
                session.queue.remove(session.every_slot);
            }
        }
        if session.queue.is_full_of_holes() {
            session.close_up_queue(subs);
        }
    }

    /// The next session with something to send; it is named once until it is queued again.
    pub fn next_ready(&mut self) -> Option<u32> {
        while let Some(key) = self.ready.pop() {
            if let Some(session) = self.sessions.get_mut(key as usize) {
                session.ready = false;
                return Some(key);
            }
        }
        None
    }

    pub fn make_ready(&mut self, key: u32) {
        if let Some(session) = self.sessions.get_mut(key as usize)
            && !session.ready
        {
            session.ready = true;
            self.ready.push(key);
        }
    }

    /// Moves time on, as far as the units last: subscriptions whose interval has ended are queued. Says whether all of
    /// them are.
    pub fn advance(&mut self, subs: &mut Slab<Subscription>, now: Nanos, units: &mut Units) -> bool {
        let ready = self.ready.len();
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(now, &mut fired);
        while let Some(&(waiter, due)) = fired.get(self.fired_done) {
            if units.is_spent() {
                break;
            }
            self.fired_done += 1;
            units.spend(WAIT_UNITS);
            match waiter {
                Waiter::Sub(key) => self.end_wait(subs, key, due),
                Waiter::Group { session, pace } => {
                    units.spend(WAIT_UNITS * self.end_group_wait(subs, session, pace, due));
                }
            }
        }
        let is_done = self.fired_done == fired.len();
        if is_done {
            fired.clear();
            self.fired_done = 0;
        }
        self.fired = fired;
        self.ready.reorder_from(ready);
        self.sweep_wheel(subs, units);
        is_done
    }

    /// Whether some subscriptions whose interval has ended are not queued yet.
    pub fn is_advancing(&self) -> bool {
        !self.fired.is_empty()
    }

    /// The entry may be that of an earlier interval, or of an earlier subscription with the same key.
    fn end_wait(&mut self, subs: &mut Slab<Subscription>, key: u32, due: Nanos) {
        if let Some(sub) = subs.get_mut(key as usize).filter(|sub| waits_for(sub, due)) {
            self.enqueue(key, sub);
        }
    }

    /// Queues a group's subscriptions; says how many waited.
    fn end_group_wait(
        &mut self,
        subs: &mut Slab<Subscription>,
        session: u32,
        pace: SendPace,
        due: Nanos,
    ) -> usize {
        let Some(entry) = self.sessions.get_mut(session as usize) else { return 0 };
        let mut keys = entry.interval_groups.take(pace, due);
        let count = keys.len();
        for key in keys.drain(..) {
            self.end_wait(subs, key, due);
        }
        self.sessions[session as usize].interval_groups.reuse(pace, keys);
        count
    }

    /// Removes entries of the wheel that mean nothing any more, when there are too many.
    fn sweep_wheel(&mut self, subs: &Slab<Subscription>, units: &mut Units) {
        if self.wheel.len() <= 2 * subs.len() + WHEEL_SLACK {
            return;
        }
        let sessions = &self.sessions;
        self.wheel.sweep(units, |waiter, due| match waiter {
            Waiter::Sub(key) => subs.get(key as usize).is_some_and(|sub| waits_for(sub, due)),
            Waiter::Group { session, pace } => {
                let session = sessions.get(session as usize);
                session.is_some_and(|session| session.interval_groups.waits(pace, due))
            }
        });
    }
}

fn waits_for(sub: &Subscription, due: Nanos) -> bool {
    sub.state == SubscriptionState::Waiting && sub.due == due
}
