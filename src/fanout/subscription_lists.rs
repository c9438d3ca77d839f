//! Adds and removes subscriptions in all tables: their topic's lists, their session's map, the set of watched topics.
//!
//! Invariant: a [detached](Fanout::detach) subscription is in no topic list and no queue; the pending ticks of a
//! [removed](Fanout::remove) one are recorded.

use super::{
    Fanout, LocalId, Mode, Name, SessionKey, Spec, View,
    accounting::of_plane,
    pace::SendPace,
    state::{Base, Claim, LocalTopic, Subscription, SubscriptionState, TapeEvents, UNWATCHED, index32},
};
use crate::{
    tick::{Nanos, State, Symbol},
    topic::{Image, Plane, Store},
};

/// How many entries a topic's idle list may have beyond two per subscription.
pub(super) const IDLE_SLACK: usize = 16;

impl Fanout {
    pub(super) fn find(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<u32> {
        let in_real_time = self.by_symbol.get(symbol).and_then(|&local| self.find_on(session, local, name));
        in_real_time.or_else(|| self.find_on(session, *self.delayed.by_symbol.get(symbol)?, name))
    }

    /// The session's subscription of this name to a topic. May look at all of its subscriptions to the topic.
    pub(super) fn find_on(&self, session: SessionKey, local: u32, name: Option<&Name>) -> Option<u32> {
        let mut keys = self.schedule.sessions.get(session.0 as usize)?.subs.of(local);
        keys.find(|&key| self.view_of(key).name.as_ref() == name)
    }

    pub(super) fn view_of(&self, key: u32) -> &View {
        self.views.get(self.subs[key as usize].view)
    }

    /// The local topic of a symbol; created when missing.
    pub(super) fn local_of(&mut self, symbol: &Symbol, plane: Plane) -> u32 {
        if let Some(local) = self.known_local(symbol, plane) {
            return local;
        }
        let market = self.listed_ids.get(symbol).copied();
        let product = self.products.id_of(symbol);
        let topic = match plane {
            Plane::RealTime => LocalTopic::new(symbol.clone()),
            Plane::Delayed => {
                let delay_ms =
                    self.delayed.products.as_ref().map_or(0, |products| products.of(symbol).delay_ms());
                LocalTopic::delayed(symbol.clone(), delay_ms, self.delayed.rule)
            }
        };
        let local = index32(self.topics.insert(LocalTopic { product, market, ..topic }));
        let by_symbol = match plane {
            Plane::RealTime => &mut self.by_symbol,
            Plane::Delayed => &mut self.delayed.by_symbol,
        };
        by_symbol.insert(symbol.clone(), local);
        local
    }

    pub(super) fn known_local(&self, symbol: &Symbol, plane: Plane) -> Option<u32> {
        match plane {
            Plane::RealTime => self.by_symbol.get(symbol).copied(),
            Plane::Delayed => self.delayed.by_symbol.get(symbol).copied(),
        }
    }

    /// Whether the topic's ticks are applied on this shard.
    pub(super) fn is_watched(&self, topic: &LocalTopic) -> bool {
        match (topic.market, topic.plane) {
            (None, _) => false,
            (Some(market), Plane::RealTime) => self.by_market[market.0 as usize] != UNWATCHED,
            (Some(market), Plane::Delayed) => self.delayed.watched(market).is_some(),
        }
    }

    /// Starts to watch a topic: its ticks are applied from now on.
    pub(super) fn watch(&mut self, local: u32, now: Nanos, store: &impl Store) {
        let is_watched = self.is_watched(&self.topics[local as usize]);
        let topic = &mut self.topics[local as usize];
        let Some(market) = topic.market else { return self.ask_told(local, store) };
        if !is_watched {
            match topic.plane {
                Plane::RealTime => self.by_market[market.0 as usize] = local,
                Plane::Delayed => self.delayed.watch(market, local),
            }
            let Image { record, closed, told } = topic.image(market, store);
            topic.state = match (closed, &told, record.seq) {
                (true, ..) => State::Closed,
                (false, Some(told), _) => told.state,
                (false, None, 0) => State::Pending,
                (false, None, _) => State::Live,
            };
            topic.told = told;
            topic.record = record;
            if self.is_silent(&self.topics[local as usize], now) {
                self.topics[local as usize].state = State::Stale;
            }
        }
    }

    /// Reads a state that the feed reported before the first tick and before the first subscription here.
    fn ask_told(&mut self, local: u32, store: &impl Store) {
        let topic = &mut self.topics[local as usize];
        let is_known = topic.told.is_some() || topic.has_subscribers() || topic.plane == Plane::Delayed;
        let told = if is_known { None } else { store.told(&topic.symbol) };
        if let Some(told) = told.filter(|told| told.state != State::Live) {
            topic.state = told.state;
            topic.told = Some(told);
        }
    }

    pub(super) fn insert(&mut self, session: SessionKey, local: u32, spec: &Spec) -> u32 {
        let mode = self.served_mode(local, spec.mode);
        let pace = SendPace::of(spec.interval, spec.view.form);
        let sub = Subscription {
            cursor: self.topics[local as usize].record.seq,
            skipped: 0,
            due: pace.first_due(),
            since: Nanos::default(),
            session: session.0,
            topic: local,
            slot: 0,
            queued: 0,
            pace,
            view: self.views.hold(&spec.view),
            mode,
            lead: 0,
            state: SubscriptionState::Idle,
            base: Base::None,
            claim: Claim::New,
        };
        let key = index32(self.subs.insert(sub));
        self.note_asked(key, spec.mode);
        self.attach(key);
        if let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) {
            entry.subs.insert(local, key);
        }
        key
    }

    /// The mode in which a subscription is served. The delayed market has no history, so modes that read it are served
    /// as `latest`.
    pub(super) fn served_mode(&self, local: u32, asked: Mode) -> Mode {
        let is_delayed = self.topics[local as usize].is_delayed();
        if is_delayed && asked.reads_history() { Mode::Latest } else { asked }
    }

    /// Remembers the mode that the client requested, if it is served in another.
    pub(super) fn note_asked(&mut self, key: u32, asked: Mode) {
        if self.subs[key as usize].mode != asked {
            self.delayed.asked.insert(key, asked);
        } else if !self.delayed.asked.is_empty() {
            self.delayed.asked.remove(&key);
        }
    }

    /// The mode that the client requested.
    pub(super) fn asked_mode(&self, key: u32) -> Mode {
        self.delayed.asked.get(&key).copied().unwrap_or(self.subs[key as usize].mode)
    }

    pub(super) fn make_behind(&mut self, key: u32, rx: Nanos, now: Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        topic.readers_behind += u32::from(sub.mode.reads_history());
        self.schedule.mark_behind(key, sub, rx, now);
        if sub.holds_quotes_of(sub.topic) {
            topic.held.push(key);
            let local = sub.topic;
            self.tidy_held(local);
        }
    }

    /// Adds an idle subscription to its topic's lists.
    pub(super) fn attach(&mut self, key: u32) {
        let sub = &mut self.subs[key as usize];
        let local = sub.topic;
        let topic = &mut self.topics[local as usize];
        self.needs.add(sub.needs());
        topic.tick_readers += u32::from(sub.reads_ticks());
        if sub.mode == Mode::Trades {
            if topic.tape_readers == 0 {
                topic.tape_events.begin_at(topic.record.seq);
            }
            topic.tape_readers += 1;
        }
        let plain = sub.view.has_every_field();
        let list = if plain { &mut topic.plain } else { &mut topic.masked };
        sub.slot = index32(list.len());
        list.push(key);
        if plain {
            topic.idle.push(key);
            self.tidy_idle(local);
        }
    }

    /// Bounds the idle list, however often subscriptions come and go without a tick.
    fn tidy_idle(&mut self, local: u32) {
        let topic = &mut self.topics[local as usize];
        if topic.idle.len() > 2 * topic.plain.len() + IDLE_SLACK {
            let subs = &self.subs;
            topic.idle.retain(|&key| subs.get(key as usize).is_some_and(|sub| sub.is_idle_on(local)));
            topic.idle.sort_unstable();
            topic.idle.dedup();
        }
    }

    /// Bounds the list of subscriptions that hold quotes, however often they wait without a trade.
    pub(super) fn tidy_held(&mut self, local: u32) {
        let topic = &mut self.topics[local as usize];
        if topic.held.len() > 2 * topic.tape_readers as usize + IDLE_SLACK {
            let subs = &self.subs;
            topic.held.retain(|&key| subs.get(key as usize).is_some_and(|sub| sub.holds_quotes_of(local)));
            topic.held.sort_unstable();
            topic.held.dedup();
        }
    }

    /// Removes a subscription from its topic's lists and its session's queue, and makes it idle.
    pub(super) fn detach(&mut self, key: u32) {
        let sub = &mut self.subs[key as usize];
        let state = std::mem::replace(&mut sub.state, SubscriptionState::Idle);
        let (slot, local, session, queued) = (sub.slot as usize, sub.topic, sub.session, sub.queued);
        let (mode, plain) = (sub.mode, sub.view.has_every_field());
        let reads_ticks = sub.reads_ticks();
        self.needs.remove(sub.needs());
        let topic = &mut self.topics[local as usize];
        topic.tick_readers -= u32::from(reads_ticks);
        topic.tape_readers -= u32::from(mode == Mode::Trades);
        topic.readers_behind -= u32::from(mode.reads_history() && state != SubscriptionState::Idle);
        if topic.tick_readers == 0 {
            topic.recent = Vec::new();
        }
        if topic.tape_readers == 0 {
            (topic.tape_events, topic.held) = (TapeEvents::default(), Vec::new());
        }
        let list = if plain { &mut topic.plain } else { &mut topic.masked };
        list.swap_remove(slot);
        if let Some(&moved) = list.get(slot) {
            self.subs[moved as usize].slot = index32(slot);
        }
        self.tidy_idle(local);
        if state == SubscriptionState::Queued {
            self.schedule.dequeue(&mut self.subs, session, queued, mode);
        }
    }

    /// Ends a subscription; its pending ticks are counted as discarded.
    pub(super) fn remove(&mut self, key: u32) {
        let sub = &self.subs[key as usize];
        let (pending, plane) = (self.pending(sub), self.topics[sub.topic as usize].plane);
        of_plane(plane, &mut self.accounts, &mut self.delayed.accounts).discarded += pending;
        self.detach(key);
        let sub = self.subs.remove(key as usize);
        if !self.delayed.asked.is_empty() {
            self.delayed.asked.remove(&key);
        }
        self.views.release(sub.view);
        if let Some(entry) = self.schedule.sessions.get_mut(sub.session as usize) {
            entry.subs.remove(sub.topic, key);
            if let Some(share) = &entry.share {
                share.end_subscriptions(1);
            }
        }
        self.unwatch(LocalId(sub.topic));
    }

    /// Stops watching a topic without subscriptions.
    pub(super) fn unwatch(&mut self, local: LocalId) {
        let topic = &mut self.topics[local.0 as usize];
        if topic.has_subscribers() {
            return;
        }
        match topic.market {
            Some(market) => {
                match topic.plane {
                    Plane::RealTime => self.by_market[market.0 as usize] = UNWATCHED,
                    Plane::Delayed => self.delayed.unwatch(market),
                }
                (topic.plain, topic.masked, topic.idle) = (Vec::new(), Vec::new(), Vec::new());
            }
            // The symbol was never listed: drop it, since made-up names must cost nothing.
            None => {
                let topic = self.topics.remove(local.0 as usize);
                let by_symbol = match topic.plane {
                    Plane::RealTime => &mut self.by_symbol,
                    Plane::Delayed => &mut self.delayed.by_symbol,
                };
                by_symbol.remove(&topic.symbol);
            }
        }
    }
}
