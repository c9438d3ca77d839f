//! The commands of clients, applied to the fan-out and to the model.

use super::{
    law::{Held, ensure},
    ledger::{Age, Base, Ledger},
    ops::{Claim, GLOBS, GLOBS_MAX, SUBSCRIPTIONS_MAX, SYMBOLS, Slot, word},
    world::{World, glob, symbol},
};
use crate::{
    fanout::{Change, Mode, Place, ResumePoint, Spec, SubscribeOutcome, SubscribeRequest, TooMany},
    tick::{Decimal, Field, FieldSet, Fields, Side, State, Symbol, TradeId, Volume, WantedFields},
};

impl World {
    pub fn subscribe(&mut self, client: usize, which: usize, spec: &Spec, claim: Option<Claim>) -> Held {
        let Some(key) = self.clients[client].as_ref().map(|entry| entry.key) else { return Ok(()) };
        let resume = claim.map(|claim| claim.resume(self.past[which].head()));
        let slot = Slot::of(which, spec);
        let request = SubscribeRequest { symbol: &symbol(which), spec, resume };
        let answer = self.fanout.subscribe(key, &request, self.now, &self.store);
        self.record_line(|| format!("{answer:?}"));
        if resume.is_some_and(|resume| resume.same_epoch && resume.last > 0) && !self.is_known(which) {
            self.coverage.hit_if(self.new_topics.contains(&which), "claim ahead of the listing");
            self.list_topics(self.new_topics.len());
        }
        let held = self.clients[client].as_ref().map_or(0, |entry| entry.ledgers.len());
        if self.holds(client, slot) {
            self.end(client, slot);
        } else if held >= SUBSCRIPTIONS_MAX {
            self.coverage.hit("too many");
            ensure!(answer == Err(TooMany), Answers, "{held} subscriptions, and {answer:?}");
            return Ok(());
        }
        self.watch(which);
        let claims_more = |head| resume.is_some_and(|resume| resume.same_epoch && resume.last > head);
        if claims_more(self.views[which].head) {
            self.coverage
                .hit_if(self.past[which].head() > self.views[which].head, "claim ahead of the shard");
            self.catch_up(which);
        }
        let view = self.views[which];
        let head = if self.is_known(which) { view.head } else { 0 };
        let mut ledger = Ledger::new(which, spec, head, self.now);
        let Ok(subscribed) = answer else {
            ensure!(false, Answers, "{answer:?} with {held} held");
            return Ok(());
        };
        let mut expected = if head > 0 { SubscribeOutcome::Ok } else { SubscribeOutcome::Pending };
        if let Some(resume) = resume.filter(|_| spec.mode != Mode::Once) {
            expected = self.begin_at_claim(&mut ledger, resume, head, subscribed.outcome);
        }
        ensure!(subscribed.outcome == expected, Answers, "{:?} and not {expected:?}", subscribed.outcome);
        let state = if self.is_known(which) { view.state } else { State::Pending };
        ensure!(subscribed.state == state, Answers, "{:?} and not {state:?}", subscribed.state);
        let entry = self.clients[client].as_mut().expect("was looked at above");
        ledger.group = entry.groups.get(&spec.interval).copied();
        if ledger.is_behind(head) {
            ledger.become_due(self.now, Some(self.stamp));
        }
        entry.in_order.set(entry.in_order.get() && (ledger.fates.is_empty() || !ledger.is_every()));
        self.coverage
            .hit_if(entry.ledgers.keys().any(|held| held.which == which), "several names for a symbol");
        entry.ledgers.insert(slot, ledger);
        Ok(())
    }

    /// The expected answer to a resume. Where the fan-out may know more than the ring, both answers are accepted.
    fn begin_at_claim(
        &mut self,
        ledger: &mut Ledger,
        resume: ResumePoint,
        head: u64,
        answered: SubscribeOutcome,
    ) -> SubscribeOutcome {
        let past = &self.past[ledger.symbol];
        let foreign = !resume.same_epoch || resume.last > head;
        if foreign {
            (ledger.base, ledger.resumed) = (Base::Record, true);
            ledger.client.record = foreign_record();
            ledger.client.has_base = true;
        }
        if head == 0 {
            self.coverage.hit("claim to a symbol without a tick");
            return SubscribeOutcome::Pending;
        }
        if foreign {
            ledger.age = Age::Rough;
            self.coverage.hit_if(resume.same_epoch, "claim from the future");
            (ledger.start, ledger.cursor, ledger.other_epoch) = (0, 0, true);
            (1..=head).for_each(|seq| ledger.offer(past.tick(seq), false));
            return SubscribeOutcome::Gap;
        }
        (ledger.start, ledger.cursor, ledger.base) = (resume.last, resume.last, Base::None);
        ledger.client.record = past.record(resume.last);
        ledger.client.has_base = true;
        let missed = resume.last + 1..=head;
        ledger.resumed = ledger.reads_history() && !missed.is_empty();
        let in_ring = resume.last + 1 >= past.oldest_in_ring(self.ring_ticks);
        let may_be_recent = head - resume.last <= self.fanout.bounds.recent_ticks as u64;
        let may_be_recent = may_be_recent || self.keeps_trades_after(ledger, resume.last);
        let whole = match (ledger.reads_history(), in_ring) {
            (false, _) | (true, true) => true,
            (true, false) => missed.is_empty() || (may_be_recent && answered == SubscribeOutcome::Resumed),
        };
        self.coverage.hit_if(ledger.resumed && in_ring, "resumed out of the ring");
        self.coverage.hit_if(ledger.resumed && whole && !in_ring, "resumed out of the recent ticks");
        ledger.age = if in_ring { Age::Exact } else { Age::Rough };
        missed.for_each(|seq| ledger.offer(past.tick(seq), whole && ledger.reads_history()));
        ledger.gap_promised = !whole;
        if whole { SubscribeOutcome::Resumed } else { SubscribeOutcome::Gap }
    }

    /// Mode `trades`: whether the fan-out keeps every trade after a seq.
    fn keeps_trades_after(&self, ledger: &Ledger, seq: u64) -> bool {
        let local = self.fanout.by_symbol.get(&symbol(ledger.symbol));
        let keeps = |&local: &u32| self.fanout.topics[local as usize].tape_events.cover(seq);
        ledger.is_trades() && ledger.spec.view.wanted == WantedFields::ALL && local.is_some_and(keeps)
    }

    /// As a shard does it: all or nothing, and the glob is kept for symbols that are listed later.
    pub fn subscribe_glob(&mut self, client: usize, pattern: usize, spec: &Spec) -> Held {
        let Some(key) = self.clients[client].as_ref().map(|entry| entry.key) else { return Ok(()) };
        let matching = self.matching(pattern);
        let listed = self.fanout.listed_symbols().iter();
        let found: Vec<Symbol> = listed.filter(|symbol| glob(pattern).matches(symbol)).cloned().collect();
        let expected: Vec<Symbol> = matching.iter().copied().map(symbol).collect();
        ensure!(found == expected, Answers, "{} matches {found:?} and not {expected:?}", GLOBS[pattern]);
        let new = matching.iter().filter(|&&which| !self.holds(client, Slot::of(which, spec))).count();
        let entry = self.clients[client].as_mut().expect("was looked at above");
        if new + entry.ledgers.len() > SUBSCRIPTIONS_MAX {
            return Ok(());
        }
        if spec.mode != Mode::Once {
            entry.globs.retain(|(held, of)| *held != pattern || of.view.name != spec.view.name);
            let expected = if entry.globs.len() < GLOBS_MAX {
                entry.globs.push((pattern, spec.clone()));
                Ok(())
            } else {
                self.coverage.hit("too many patterns");
                Err(TooMany)
            };
            let added = self.fanout.add_glob(key, &glob(pattern), spec, GLOBS_MAX);
            ensure!(added == expected, Answers, "pattern: {added:?} and not {expected:?}");
            if added.is_err() {
                return Ok(());
            }
        }
        for which in matching {
            self.stamp += 1;
            self.subscribe(client, which, spec, None)?;
        }
        Ok(())
    }

    pub fn set(&mut self, client: usize, slot: Slot, change: &Change) -> Held {
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let which = slot.which;
        let done = self.fanout.set(entry.key, &symbol(which), slot.word().as_ref(), change, self.now);
        ensure!(done == entry.ledgers.contains_key(&slot), Answers, "set: {done}");
        let Some(ledger) = entry.ledgers.get_mut(&slot) else { return Ok(()) };
        let head = if self.new_topics[..self.listed].contains(&which) { self.views[which].head } else { 0 };
        // For modes that read history, the fan-out knows approximately when its oldest tick was received.
        if ledger.reads_history() {
            ledger.age = ledger.age.max(Age::Early);
        }
        if !ledger.is_behind(head) {
            ledger.caught_up_at = self.now;
        }
        ledger.change(change, head);
        ledger.group = entry.groups.get(&ledger.spec.interval).copied();
        // It goes to the end of the queue. A new interval starts now. What was due stays due.
        let was_due = std::mem::take(&mut ledger.due);
        ledger.due_since = None;
        if ledger.is_behind(head) && was_due {
            (ledger.due, ledger.due_since, ledger.flushed) = (true, Some(self.stamp), true);
        } else if ledger.is_behind(head) {
            ledger.become_due(self.now, Some(self.stamp));
        }
        entry.in_order.set(false);
        Ok(())
    }

    pub fn set_glob(&mut self, client: usize, pattern: usize, name: usize, change: &Change) -> Held {
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let done = self.fanout.set_glob(entry.key, GLOBS[pattern], word(name).as_ref(), change);
        let held =
            (entry.globs.iter_mut()).find(|(held, spec)| *held == pattern && spec.view.name == word(name));
        ensure!(done == held.is_some(), Answers, "set glob: {done}");
        if let Some((_, spec)) = held {
            spec.mode = change.mode.unwrap_or(spec.mode);
            spec.interval = change.interval.unwrap_or(spec.interval);
            spec.view.wanted = change.wanted.unwrap_or(spec.view.wanted);
            spec.view.numbers = change.numbers.unwrap_or(spec.view.numbers);
        }
        for slot in self.subscribed_matching(client, pattern, name)? {
            self.stamp += 1;
            self.set(client, slot, change)?;
        }
        Ok(())
    }

    pub fn unsubscribe(&mut self, client: usize, slot: Slot) -> Held {
        let Some(key) = self.clients[client].as_ref().map(|entry| entry.key) else { return Ok(()) };
        let done = self.fanout.unsubscribe(key, &symbol(slot.which), slot.word().as_ref());
        ensure!(done == self.holds(client, slot), Answers, "unsubscribe: {done}");
        self.end(client, slot);
        Ok(())
    }

    pub fn remove_glob(&mut self, client: usize, pattern: usize, name: usize) -> Held {
        let Some(entry) = self.clients[client].as_mut() else { return Ok(()) };
        let done = self.fanout.remove_glob(entry.key, GLOBS[pattern], word(name).as_ref());
        let held =
            (entry.globs.iter()).position(|(held, spec)| *held == pattern && spec.view.name == word(name));
        ensure!(done == held.is_some(), Answers, "remove glob: {done}");
        held.map(|at| entry.globs.remove(at));
        for slot in self.subscribed_matching(client, pattern, name)? {
            self.unsubscribe(client, slot)?;
        }
        Ok(())
    }

    /// The client's subscriptions of this name that match, in the order of the fan-out.
    fn subscribed_matching(
        &self,
        client: usize,
        pattern: usize,
        name: usize,
    ) -> Result<Vec<Slot>, super::law::Broken> {
        let Some(entry) = &self.clients[client] else { return Ok(Vec::new()) };
        let mut found: Vec<Symbol> = Vec::new();
        let mut from = Place::default();
        while let Some((next, held)) = self.fanout.subscribed_from(entry.key, from) {
            from = next;
            let matches = held.name == word(name).as_ref() && glob(pattern).matches(held.symbol);
            found.extend(matches.then(|| held.symbol.clone()));
        }
        let which = |name: &Symbol| SYMBOLS.iter().position(|known| *known == name.as_str());
        let found: Vec<Slot> = found.iter().filter_map(which).map(|which| Slot { which, name }).collect();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let held = entry.ledgers.keys().copied();
        let matches = |slot: &Slot| slot.name == name && glob(pattern).matches(&symbol(slot.which));
        let expected: Vec<Slot> = held.filter(matches).collect();
        ensure!(sorted == expected, Answers, "{} matches {sorted:?} and not {expected:?}", GLOBS[pattern]);
        Ok(found)
    }

    pub fn holds(&self, client: usize, slot: Slot) -> bool {
        self.clients[client].as_ref().is_some_and(|entry| entry.ledgers.contains_key(&slot))
    }
}

impl Ledger {
    /// How `set` changes the next message: new fields, or modes `every` and `trades` while behind, need a base that
    /// conflates the pending ticks. Before the first tick there is nothing to conflate.
    fn change(&mut self, change: &Change, head: u64) {
        let (mode, wanted) =
            (change.mode.unwrap_or(self.spec.mode), change.wanted.unwrap_or(self.spec.view.wanted));
        let numbers = change.numbers.unwrap_or(self.spec.view.numbers);
        let behind = self.pending().next().is_some();
        let into_history = mode.reads_history() && mode != self.spec.mode;
        let shows_other = wanted != self.spec.view.wanted || numbers != self.spec.view.numbers;
        let begins_anew = shows_other || mode == Mode::Once || (into_history && behind);
        if head == 0 {
            match mode {
                Mode::Once => self.base = Base::Record,
                // A record of another epoch must still be replaced.
                Mode::Every | Mode::Trades if !self.resumed => self.base = Base::None,
                _ => {}
            }
        } else if (self.base == Base::None && begins_anew) || (self.waits_for_first() && mode.reads_history())
        {
            self.base = Base::Again;
        }
        if self.base == Base::Again || !mode.reads_history() {
            self.gap_promised = false;
        }
        (self.spec.mode, self.spec.view.wanted, self.spec.view.numbers) = (mode, wanted, numbers);
        if let Some(interval) = change.interval {
            self.spec.interval = interval;
            (self.interval_from, self.paced) = (None, false);
        }
    }
}

impl Claim {
    fn resume(self, head: u64) -> ResumePoint {
        match self {
            Claim::Behind(by) => ResumePoint { same_epoch: true, last: head.saturating_sub(by) },
            Claim::Ahead(by) => ResumePoint { same_epoch: true, last: head + by },
            Claim::OtherEpoch(last) => ResumePoint { same_epoch: false, last },
        }
    }
}

/// A record of another epoch, of which nothing may remain.
fn foreign_record() -> Fields {
    let mut fields = Fields::default();
    for field in FieldSet::ALL.iter() {
        match field {
            Field::Side => fields.set_side(Side::Sell),
            Field::Volume => fields.set_volume(Volume::from_units(-999_999)),
            Field::Trades => fields.set_trades(999_999),
            Field::TradeId => fields.set_trade_id(TradeId::of_number(999_999)),
            _ => fields.set_decimal(field, Decimal::with_places(-999_999, 18).unwrap_or_default()),
        }
    }
    fields
}
