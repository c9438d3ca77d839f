//! Inputs of the shard, applied to the fan-out and to the model: batches, losses, new topics, time, states.

use std::collections::BTreeMap;

use super::{
    law::{Held, ensure},
    ledger::{Age, Fate, Ledger},
    ops::{GLOBS, STALE, SUBSCRIPTIONS_MAX, SYMBOLS, Slot},
    world::{World, glob, symbol},
};
use crate::{
    fanout::{Notice, Spec, Units},
    tick::{State, WantedFields},
    topic::{Batch, FeedId, Plane},
};

/// How ticks reached the shard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Batch,
    /// By reading the topic's record.
    CatchUp,
}

impl World {
    pub fn apply(&mut self, most: usize) -> Held {
        if std::mem::take(&mut self.missed) {
            self.coverage.hit("resync");
            self.stamp += 1;
            self.fanout.begin_resync();
            // In the smallest slices: the result is the same.
            while !self.fanout.resync_some(self.now, &self.store, &mut Units::new(1)) {}
            self.list_topics(self.new_topics.len());
            for which in 0..SYMBOLS.len() {
                self.catch_up(which);
            }
        }
        for _ in 0..most {
            let Some(batch) = self.batches.pop_front() else { break };
            self.stamp += 1;
            self.fanout.apply(&batch, self.now, &self.store);
            self.apply_naively(&batch);
            self.check_structure()?;
        }
        Ok(())
    }

    fn apply_naively(&mut self, batch: &Batch) {
        if let Some(last) = batch.new_topics.last() {
            self.list_topics(last.topic.0 as usize + 1);
        }
        for which in 0..SYMBOLS.len() {
            let id = self.new_topics.iter().position(|&listed| listed == which);
            let touched = batch.touched.iter().find(|at| Some(at.topic.0 as usize) == id);
            let Some(newest) = touched.map(|at| at.record.seq) else { continue };
            let lacks_trades = !batch.detail.has_trades() && self.wants_trades(which);
            let lacks = !batch.has_ticks() && (self.wants_ticks(which) || lacks_trades);
            if lacks && newest > self.views[which].head {
                self.coverage.hit("batch without its ticks");
                self.catch_up(which);
            } else {
                self.offer(which, newest, By::Batch);
            }
        }
        for &(topic, state) in &batch.states {
            let which = self.new_topics[topic.0 as usize];
            if self.views[which].watched {
                self.change_state(which, state);
            }
        }
    }

    /// The shard learns of symbols that were listed.
    pub fn list_topics(&mut self, upto: usize) {
        while self.listed < upto {
            let which = self.new_topics[self.listed];
            self.listed += 1;
            let mut watched = false;
            for entry in self.clients.iter_mut().flatten() {
                let held = |slot: &Slot| entry.ledgers.contains_key(slot);
                let mut matching: BTreeMap<Slot, Spec> = BTreeMap::new();
                for (_, spec) in entry.globs.iter().filter(|(at, _)| glob(*at).matches(&symbol(which))) {
                    // The last one of each name counts.
                    matching.insert(Slot::of(which, spec), spec.clone());
                }
                // In the order of the names.
                let mut matching: Vec<_> = matching.into_iter().filter(|(slot, _)| !held(slot)).collect();
                matching.sort_by_key(|(slot, _)| slot.word());
                for (slot, spec) in matching {
                    if entry.ledgers.len() < SUBSCRIPTIONS_MAX {
                        self.coverage.hit("glob catches a new topic");
                        let group = entry.groups.get(&spec.interval).copied();
                        entry
                            .ledgers
                            .insert(slot, Ledger { group, ..Ledger::new(which, &spec, 0, self.now) });
                    } else {
                        self.coverage.hit("glob is full");
                        self.expected_notices.push(Notice::Full {
                            session: entry.key,
                            symbol: symbol(which),
                            name: slot.word(),
                        });
                    }
                }
                watched |= entry.has(which);
            }
            let view = &mut self.views[which];
            (view.watched, view.head, view.state) = (watched, 0, State::Pending);
        }
    }

    fn wants_trades(&self, which: usize) -> bool {
        self.clients.iter().flatten().flat_map(|entry| entry.of(which)).any(Ledger::is_trades)
    }

    /// Whether a subscription must see each of its ticks.
    fn wants_ticks(&self, which: usize) -> bool {
        let ledgers = self.clients.iter().flatten().flat_map(|entry| entry.of(which));
        ledgers.into_iter().any(|ledger| ledger.is_every() || ledger.spec.view.wanted != WantedFields::ALL)
    }

    /// The shard sees a topic's record, ahead of the batches.
    pub fn catch_up(&mut self, which: usize) {
        if !self.is_known(which) || !self.views[which].watched {
            return;
        }
        self.offer(which, self.past[which].head(), By::CatchUp);
        if self.views[which].closed {
            self.change_state(which, State::Closed);
        }
    }

    /// The first subscription to a symbol that the shard knows: it looks at the record.
    pub fn watch(&mut self, which: usize) {
        if !self.is_known(which) || self.views[which].watched {
            return;
        }
        let head = self.past[which].head();
        let view = &mut self.views[which];
        (view.watched, view.head) = (true, head);
        let silent = head > 0 && is_silent(self.now.since(self.past[which].tick(head).rx));
        view.state = match (view.closed, head) {
            (true, _) => State::Closed,
            (false, 0) => State::Pending,
            _ if silent => State::Stale,
            _ => State::Live,
        };
    }

    pub fn is_known(&self, which: usize) -> bool {
        self.new_topics[..self.listed].contains(&which)
    }

    fn offer(&mut self, which: usize, to: u64, by: By) {
        let past = &self.past[which];
        let view = &mut self.views[which];
        let from = view.head + 1;
        if !view.watched || to < from {
            return;
        }
        view.head = to;
        let ledgers = self.clients.iter_mut().flatten().flat_map(|entry| {
            let of = entry.ledgers.iter_mut().filter(|(slot, _)| slot.which == which);
            of.map(|(_, ledger)| (ledger, &entry.in_order))
        });
        for (ledger, in_order) in ledgers {
            let was_behind = ledger.is_behind(from - 1);
            let known = match by {
                By::Batch => true,
                By::CatchUp => ledger.reads_history() && from >= past.oldest_in_ring(self.ring_ticks),
            };
            for seq in from..=to {
                ledger.offer(past.tick(seq), known);
            }
            if by == By::CatchUp {
                let unknown = from == 1 && from < past.oldest_in_ring(self.ring_ticks);
                ledger.age = ledger.age.max(if unknown { Age::Rough } else { Age::Early });
                in_order.set(in_order.get() && !ledger.is_every());
                let filtered = ledger.fates.contains(&Fate::Filtered);
                self.coverage.hit_if(known && filtered, "filtered while catching up");
            }
            if ledger.is_every()
                && ledger
                    .pending()
                    .next()
                    .is_some_and(|first| to - first >= self.fanout.bounds.recent_ticks as u64 / 2)
            {
                in_order.set(false);
            }
            let lost = by == By::CatchUp && !known;
            let trade = ledger.is_trades() && (lost || ledger.has_trade_from(from, past));
            if trade && !ledger.due && ledger.is_behind(to) {
                self.coverage.hit_if(was_behind, "a trade ends an interval");
                // Its interval may have ended before: not every end is known to the model.
                let since = (!was_behind).then_some(self.stamp);
                (ledger.due, ledger.due_since, ledger.flushed) = (true, since, true);
            } else if !was_behind && ledger.is_behind(to) {
                ledger.become_due(self.now, Some(self.stamp));
                self.coverage.hit_if(!ledger.due, "waits for an interval");
            }
        }
        if self.views[which].state == State::Pending {
            self.views[which].state = State::Live;
        } else {
            self.change_state(which, State::Live);
        }
    }

    fn change_state(&mut self, which: usize, state: State) {
        let view = &mut self.views[which];
        if view.state == state {
            return;
        }
        view.state = state;
        for entry in self.clients.iter().flatten() {
            for slot in entry.ledgers.keys().filter(|slot| slot.which == which) {
                self.expected_notices.push(Notice::State {
                    session: entry.key,
                    symbol: symbol(which),
                    plane: Plane::RealTime,
                    name: slot.word(),
                    state,
                });
                self.coverage.hit(state.as_str());
            }
        }
    }

    pub fn find_stale(&mut self) {
        let mut from = Some(0);
        while let Some(local) = from {
            from = self.fanout.find_stale_from(local, self.now, &mut Units::new(1));
        }
        for which in 0..SYMBOLS.len() {
            let view = self.views[which];
            if view.watched
                && view.state == State::Live
                && is_silent(self.now.since(self.past[which].tick(view.head).rx))
            {
                self.change_state(which, State::Stale);
            }
        }
    }

    pub fn feed_ends(&mut self, feed: usize) {
        let Some(ended) = self.feed_ended.get_mut(feed) else { return };
        if std::mem::replace(ended, true) {
            return;
        }
        let batch = self.store.market.close(FeedId(feed as u16));
        for (topic, _) in &batch.states {
            self.views[self.new_topics[topic.0 as usize]].closed = true;
        }
        if !batch.is_empty() {
            self.batches.push_back(batch);
        }
    }

    pub fn advance(&mut self) -> Held {
        if self.sabotage.lets_time_pass() {
            while !self.fanout.advance_some(self.now, &mut Units::new(1)) {}
        }
        for entry in self.clients.iter_mut().flatten() {
            for (slot, ledger) in &mut entry.ledgers {
                if ledger.is_behind(self.views[slot.which].head) {
                    ledger.become_due(self.now, None);
                }
            }
        }
        let next = self.fanout.next_due();
        ensure!(next.is_none_or(|next| next > self.now), TooLate, "after {:?}, next is {next:?}", self.now);
        Ok(())
    }

    /// A subscription ends.
    pub fn end(&mut self, client: usize, slot: Slot) {
        let which = slot.which;
        let Some(mut ledger) = self.clients[client].as_mut().and_then(|entry| entry.ledgers.remove(&slot))
        else {
            return;
        };
        ledger.discard();
        self.ended.push(ledger);
        let wanted = self.clients.iter().flatten().any(|entry| entry.has(which));
        self.views[which].watched &= wanted;
    }

    /// From now on the ticks of the session's every-mode queue must be in order of arrival, provided that all of its
    /// subscriptions in that mode are caught up.
    pub fn note_order(&mut self, client: usize) {
        let Some(entry) = self.clients[client].as_mut() else { return };
        let every = entry.ledgers.iter().filter(|(_, ledger)| ledger.is_every());
        let caught_up =
            every.into_iter().all(|(slot, ledger)| !ledger.is_behind(self.views[slot.which].head));
        entry.in_order.set(entry.in_order.get() || caught_up);
    }

    pub fn matching(&self, pattern: usize) -> Vec<usize> {
        let known = self.new_topics[..self.listed].iter().copied();
        known.filter(|&which| glob(pattern).matches(&symbol(which))).collect()
    }

    pub fn check_globs(&self) -> Held {
        for entry in self.clients.iter().flatten() {
            let globs = self.fanout.globs(entry.key);
            let held: Vec<_> = globs.iter().map(|held| (held.text.as_str(), held.name.clone())).collect();
            let expected: Vec<_> =
                entry.globs.iter().map(|(pattern, spec)| (GLOBS[*pattern], spec.view.name.clone())).collect();
            ensure!(held == expected, Answers, "holds the patterns {held:?} and not {expected:?}");
        }
        Ok(())
    }
}

fn is_silent(nanos: u64) -> bool {
    u128::from(nanos) > STALE.as_nanos()
}
