//! The state of a topic (live, stale, closed), and the notices to sessions when it changes.

use std::time::Duration;

use super::{
    Fanout, SessionKey, Units,
    shard::Notice,
    state::{LocalTopic, index32},
};
use crate::{
    tick::{Nanos, State, Symbol},
    topic::{Plane, ToldState},
};

/// Cost of looking at one topic.
const LOOK_UNITS: usize = 2;

impl Fanout {
    /// Changes the limits given to [`new`](Self::new). A topic that only a shorter limit made stale becomes live again.
    pub fn set_limits(&mut self, now: Nanos, stale: Duration, subscriptions_max: usize) {
        self.subscriptions_max = subscriptions_max;
        self.stale_nanos = u64::try_from(stale.as_nanos()).unwrap_or(u64::MAX);
        let fresh = |topic: &LocalTopic| {
            topic.state == State::Stale
                && topic.told.is_none()
                && now.since(topic.due(topic.record.rx)) <= self.stale_nanos
        };
        let live = self.topics.iter().filter(|(_, topic)| fresh(topic));
        let live: Vec<u32> = live.map(|(local, _)| index32(local)).collect();
        for local in live {
            self.change_state(local, State::Live);
        }
    }

    /// Finds topics that have become stale, from an index on, as far as the units last. Returns where to continue,
    /// `None` at the end.
    pub fn find_stale_from(&mut self, from: u32, now: Nanos, units: &mut Units) -> Option<u32> {
        for local in from..index32(self.topics.capacity()) {
            if units.is_spent() {
                return Some(local);
            }
            units.spend(LOOK_UNITS);
            let Some(topic) = self.topics.get(local as usize) else { continue };
            if topic.has_subscribers() && self.is_silent(topic, now) {
                let reported = self.notices.len();
                self.change_state(local, State::Stale);
                units.spend(self.notices.len() - reported);
            }
        }
        None
    }

    pub(super) fn is_silent(&self, topic: &LocalTopic, now: Nanos) -> bool {
        let silent_nanos = now.since(topic.due(topic.record.rx));
        topic.state == State::Live && topic.told.is_none() && silent_nanos > self.stale_nanos
    }

    pub(super) fn change_state(&mut self, local: u32, state: State) {
        let topic = &mut self.topics[local as usize];
        if topic.state != state {
            topic.state = state;
            self.report_state(local);
        }
    }

    /// Applies a state that the feed reported.
    pub(super) fn take_told(&mut self, local: u32, told: &ToldState) {
        self.topics[local as usize].told = Some(told.clone());
        self.change_state(local, told.state);
    }

    /// The feed's report that led to a symbol's state, if any.
    pub fn told(&self, symbol: &Symbol, plane: Plane, state: State) -> Option<ToldState> {
        let topic = self.topics.get(self.known_local(symbol, plane)? as usize)?;
        topic.told.clone().filter(|told| told.state == state && !told.reason.is_empty())
    }

    pub(super) fn report_state(&mut self, local: u32) {
        let topic = &self.topics[local as usize];
        for key in topic.subscribers() {
            let sub = &self.subs[key as usize];
            self.notices.push(Notice::State {
                session: SessionKey(sub.session),
                symbol: topic.symbol.clone(),
                plane: topic.plane,
                name: self.views.get(sub.view).name.clone(),
                state: topic.state,
            });
        }
    }
}
