//! [`SendSchedule`]: which subscriptions are behind, and which session is served next.
//!
//! A subscription that falls behind goes into its session's queues, or waits in the timing wheel for its interval to
//! end. A session with non-empty queues is in the ready list. What it is then sent is decided in `fanout/fill/mod.rs`.
//!
//! Invariants:
//! - a subscription that is behind is either in its session's send queue, in its every-mode queue, or waiting; never in
//!   two;
//! - a waiting subscription has an entry in the wheel for the end of its wait;
//! - a session with non-empty queues is in the ready list, or was taken from it and is being served.

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

/// How many obsolete entries the wheel may hold beyond one per subscription. Without a bound, a client that keeps
/// resubscribing would fill it.
const WHEEL_SLACK: usize = 1024;
/// Cost of making a subscription ready when its interval has ended.
const WAIT_UNITS: usize = 2;

/// The queues of a shard's sessions, and the timing wheel.
pub(super) struct SendSchedule {
    pub sessions: Slab<LocalSession>,
    /// Sessions with something to send, each once, until they are taken.
    pub ready: ReadyList,
    pub wheel: Wheel<Waiter>,
    /// Expired wheel entries, and how many of them have been handled.
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

    /// Marks a caught-up subscription as behind by a tick received at `rx`: it is queued, or waits until its interval
    /// ends.
    #[inline]
    pub fn mark_behind(&mut self, key: u32, sub: &mut Subscription, rx: Nanos, now: Nanos) {
        sub.since = rx;
        // A subscription's first message is not delayed by its group.
        let has_interval = sub.pace.has_interval() && sub.due != Nanos::default();
        if !has_interval || !self.waits(key, sub, now) {
            self.enqueue_now(key, sub);
        }
    }

    /// Whether the subscription's interval is still running; then it waits in the wheel.
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

    /// Marks an unqueued subscription as caught up: idle until the topic's next tick, which then waits for the
    /// interval.
    #[inline]
    pub fn caught_up(&mut self, key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.claim = sub.claim.caught_up();
        self.rest(key, sub, topic, now);
    }

    /// As [`Self::caught_up`], when the client has no claim from a resume any more.
    #[inline]
    pub fn rest(&mut self, key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.state = SubscriptionState::Idle;
        if sub.view.has_every_field() {
            topic.idle.push(key);
        }
        // Gathered messages keep to their own times, whenever the last was sent.
        if sub.pace.has_interval() && !sub.pace.is_gathered() {
            sub.due = sub.pace.end_from(now);
            let session = &mut self.sessions[sub.session as usize];
            session.interval_groups.sent(sub.pace, now, sub.due);
        }
    }

    /// As [`Self::caught_up`], by a trade's message: starts only this subscription's interval, not its group's.
    pub fn caught_up_by_trade(key: u32, sub: &mut Subscription, topic: &mut LocalTopic, now: Nanos) {
        sub.state = SubscriptionState::Idle;
        if sub.view.has_every_field() {
            topic.idle.push(key);
        }
        if sub.pace.has_interval() {
            sub.due = sub.pace.end_from(now);
        }
    }

    /// A subscription was sent a trade, and has later quotes pending: they wait for an interval.
    pub fn wait_after_trade(&mut self, key: u32, sub: &mut Subscription, now: Nanos) {
        sub.due = sub.pace.end_from(now);
        self.mark_behind(key, sub, sub.since, now);
    }

    /// Marks a caught-up subscription as behind by something that does not wait for the interval.
    pub fn mark_due(&mut self, key: u32, sub: &mut Subscription, rx: Nanos) {
        sub.since = rx;
        self.enqueue(key, sub);
    }

    /// Queues a subscription now, and makes its session ready.
    pub fn enqueue(&mut self, key: u32, sub: &mut Subscription) {
        self.enqueue_now(key, sub);
    }

    /// As [`Self::enqueue`], inlined on the path of each tick.
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

    /// Removes a subscription from its session's queue, where it is at `slot`.
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

    /// The next session with something to send; each is returned once until it is queued again.
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

    /// Advances the time, as far as the units last: queues subscriptions whose interval has ended. Returns whether all
    /// of them are queued.
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

    /// Whether some subscriptions whose interval has ended are still to be queued.
    pub fn is_advancing(&self) -> bool {
        !self.fired.is_empty()
    }

    /// Handles an expired entry. It may be obsolete: of an earlier interval, or an earlier subscription with the same
    /// key.
    fn end_wait(&mut self, subs: &mut Slab<Subscription>, key: u32, due: Nanos) {
        if let Some(sub) = subs.get_mut(key as usize).filter(|sub| waits_for(sub, due)) {
            self.enqueue(key, sub);
        }
    }

    /// Queues a group's subscriptions; returns how many were waiting.
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

    /// Removes obsolete wheel entries when there are too many.
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
