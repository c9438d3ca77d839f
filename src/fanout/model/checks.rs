//! The checks between any two operations, and at the end of a run.

use super::{
    law::{Held, ensure},
    ledger::{Age, Base, Ledger},
    naive::{only, set_in},
    ops::{SESSIONS_MAX, SYMBOLS},
    world::{World, symbol},
};
use crate::{
    fanout::{Accounts, Behind, Notice, Place},
    tick::{Nanos, State},
};

impl World {
    pub fn check(&mut self) -> Held {
        self.check_accounts()?;
        self.check_notices()?;
        self.check_named()?;
        self.check_behind()?;
        self.check_list()?;
        self.check_globs()?;
        self.check_structure()
    }

    fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        self.clients.iter().flatten().flat_map(|entry| entry.ledgers.values())
    }

    fn check_accounts(&mut self) -> Held {
        let accounts = self.sabotage.tamper_accounts(self.fanout.accounts());
        ensure!(
            accounts.residual() == 0,
            Conservation,
            "the residual is {}: {accounts:?}",
            accounts.residual()
        );
        let mut counted = Accounts::default();
        for ledger in self.ledgers().chain(&self.ended) {
            ledger.count(&self.frames, &mut counted);
        }
        ensure!(accounts == counted, Accounts, "the accounts are {accounts:?}\nand not       {counted:?}");
        self.coverage.hit_if(counted.filtered > 0, "filtered");
        Ok(())
    }

    fn check_notices(&mut self) -> Held {
        let mut reported = self.fanout.take_notices();
        let mut expected = std::mem::take(&mut self.expected_notices);
        for notice in &reported {
            let (session, named, word) = match notice {
                Notice::State { session, symbol, name, .. }
                | Notice::Delayed { session, symbol, name }
                | Notice::Full { session, symbol, name } => (session, symbol, name),
            };
            let entry = self.clients.iter().flatten().find(|entry| entry.key == *session);
            let asked = entry.is_some_and(|entry| {
                matches!(notice, Notice::Full { .. })
                    || entry.ledgers.keys().any(|slot| symbol(slot.which) == *named && slot.word() == *word)
            });
            ensure!(asked, Isolation, "{notice:?} to a session that did not ask for it");
        }
        self.record_line(|| format!("{reported:?}"));
        let key = |notice: &Notice| format!("{notice:?}");
        reported.sort_by_key(key);
        expected.sort_by_key(key);
        ensure!(reported == expected, Answers, "reported {reported:?} and not {expected:?}");
        Ok(())
    }

    /// A session with something to send is returned as ready once, and stays ready until it is drained.
    fn check_named(&mut self) -> Held {
        let mut named = Vec::new();
        while let Some(key) = self.fanout.next_ready() {
            self.record_line(|| format!("ready {key:?}"));
            ensure!(!named.contains(&key), Memory, "{key:?} is named twice");
            named.push(key);
            if let Some(entry) = self.clients.iter_mut().flatten().find(|entry| entry.key == key) {
                entry.named = true;
            }
        }
        ensure!(!self.fanout.has_ready(), Progress, "somebody is ready and not named");
        let next_due = self.fanout.next_due();
        for (client, entry) in self.clients.iter().enumerate() {
            let Some(entry) = entry else { continue };
            for (slot, ledger) in &entry.ledgers {
                let behind = ledger.is_behind(self.views[slot.which].head);
                let name = SYMBOLS[slot.which];
                ensure!(!ledger.due || entry.named, Progress, "{client} is due for {name} and was not named");
                ensure!(
                    !ledger.due || !self.fanout.is_drained(entry.key),
                    Progress,
                    "{client} is due for {name} and called drained"
                );
                if behind && !ledger.due {
                    let latest = ledger.latest().unwrap_or(self.now).max(self.now);
                    let woken = next_due.is_some_and(|next| next <= latest) || entry.named;
                    ensure!(woken, TooLate, "{name} waits until {latest:?}, next due {next_due:?}");
                }
            }
            let any_behind = entry.ledgers.iter().any(|(slot, l)| l.is_behind(self.views[slot.which].head));
            let drained = self.fanout.is_drained(entry.key);
            ensure!(any_behind || drained, Progress, "{client} has nothing to send and is not drained");
        }
        Ok(())
    }

    fn check_behind(&self) -> Held {
        for entry in self.clients.iter().flatten() {
            let behind = self.fanout.behind(entry.key);
            let counts = || entry.ledgers.values().map(|ledger| ledger.pending().count());
            let expected = (counts().filter(|&ticks| ticks > 0).count(), counts().sum::<usize>() as u64);
            ensure!((behind.dirty, behind.ticks) == expected, Age, "{behind:?} and not {expected:?}");
            ensure!(behind.oldest.is_some() == (expected.0 > 0), Age, "{behind:?}");
            let Some(oldest) = behind.oldest else { continue };
            let how = entry.ledgers.values().map(|ledger| ledger.age).max();
            if how == Some(Age::Rough) {
                continue;
            }
            let bounds = entry.ledgers.values().filter_map(|ledger| self.age_bounds(ledger));
            let (first, last) = bounds.fold((Nanos(i64::MAX), Nanos(i64::MAX)), |(first, last), (a, b)| {
                (first.min(a), last.min(b))
            });
            let is_early = how == Some(Age::Early);
            ensure!(
                (is_early || oldest >= first) && oldest <= last,
                Age,
                "oldest {oldest:?}, not in {first:?} to {last:?}"
            );
        }
        Ok(())
    }

    /// Bounds for the reported receive time of a subscription's oldest pending tick.
    fn age_bounds(&self, ledger: &Ledger) -> Option<(Nanos, Nanos)> {
        let past = &self.past[ledger.symbol];
        let oldest = past.tick(ledger.pending().next()?).rx;
        // A snapshot is due from the time at which it was requested.
        let owed = ledger.base != Base::None;
        let first = if ledger.reads_history() || owed { oldest.min(ledger.caught_up_at) } else { oldest };
        // Behind a message that is not of the head it is known when that was received.
        let is_told_each = ledger.cursor > 0 && (ledger.reads_history() || past.is_correction(ledger.cursor));
        let sent_before = if is_told_each { past.tick(ledger.cursor).rx } else { first };
        Some((first.min(sent_before), if owed { oldest.max(ledger.caught_up_at) } else { oldest }))
    }

    fn check_list(&self) -> Held {
        for entry in self.clients.iter().flatten() {
            let mut listed = Vec::new();
            let mut from = Place::default();
            while let Some((next, held)) = self.fanout.subscribed_from(entry.key, from) {
                listed.extend(self.fanout.listed(entry.key, held.symbol, held.name));
                from = next;
            }
            listed.sort_unstable_by_key(|listed| (listed.symbol.clone(), listed.name.clone()));
            let mut ledgers: Vec<_> = entry.ledgers.iter().collect();
            ledgers.sort_by_key(|(slot, _)| (SYMBOLS[slot.which], slot.word()));
            let names = listed.iter().map(|listed| (listed.symbol.as_str(), listed.name.clone()));
            let expected = ledgers.iter().map(|(slot, _)| (SYMBOLS[slot.which], slot.word()));
            ensure!(names.eq(expected), Answers, "lists {listed:?}");
            for (listed, (slot, ledger)) in listed.iter().zip(ledgers) {
                let which = slot.which;
                let spec = (listed.mode, listed.interval, listed.wanted, listed.numbers);
                let view = &ledger.spec.view;
                let expected = (ledger.spec.mode, ledger.spec.interval, view.wanted, view.numbers);
                ensure!(spec == expected, Answers, "lists {spec:?} and not {expected:?}");
                ensure!(
                    listed.cursor == ledger.cursor,
                    Answers,
                    "lists {} after {}",
                    listed.cursor,
                    ledger.cursor
                );
                let state = if self.is_known(which) { self.views[which].state } else { State::Pending };
                ensure!(listed.state == state, Answers, "lists {:?} and not {state:?}", listed.state);
            }
        }
        Ok(())
    }

    /// Checks when the feed is quiet and every socket has accepted everything.
    pub fn check_quiet(&mut self) -> Held {
        let pending = self.fanout.accounts().pending;
        ensure!(pending == 0, LatestWins, "{pending} ticks are pending for ever");
        for client in 0..SESSIONS_MAX {
            let Some(entry) = &self.clients[client] else { continue };
            ensure!(self.fanout.behind(entry.key) == Behind::default(), Age, "{client} is behind for ever");
            for (slot, ledger) in &entry.ledgers {
                let past = &self.past[slot.which];
                let name = SYMBOLS[slot.which];
                if past.head() == 0 {
                    continue;
                }
                let owed = ledger.is_behind(past.head());
                ensure!(
                    !owed,
                    LatestWins,
                    "{client} is owed {name}: {:?}, base {:?}",
                    ledger.fates,
                    ledger.base
                );
                let all_wanted = ledger.spec.view.wanted;
                let wanted = all_wanted.fixed;
                let topic = past.record(past.head());
                let told = ledger.client.record.withdrawn().intersect(wanted);
                ensure!(
                    topic.withdrawn().contains_all(told),
                    LatestWins,
                    "{client} was told that {told:?} of {name} is withdrawn, {:?} is",
                    topic.withdrawn()
                );
                let topic = only(&topic, all_wanted.intersect(set_in(&topic)));
                let held = only(&ledger.client.record, all_wanted.intersect(set_in(&ledger.client.record)));
                let expected = if ledger.client.has_base {
                    topic
                } else {
                    let least = ledger.client.touched.intersect(wanted);
                    ensure!(held.mask.contains_all(least), LatestWins, "{client} lacks {least:?} of {name}");
                    only(&topic, set_in(&held))
                };
                ensure!(held == expected, LatestWins, "{client} holds {held:?}, {name} is {expected:?}");
            }
        }
        Ok(())
    }

    /// Checks that all sessions are closed, and their memory is free.
    pub fn check_empty(&self) -> Held {
        let fanout = &self.fanout;
        ensure!(fanout.subscriptions() == 0, Memory, "{} subscriptions are left", fanout.subscriptions());
        ensure!(fanout.schedule.sessions.is_empty(), Memory, "sessions are left");
        ensure!(fanout.patterns.is_empty(), Memory, "patterns are left");
        ensure!(fanout.in_flight == 0, Accounts, "{} ticks are under way for ever", fanout.in_flight);
        for (_, topic) in &fanout.topics {
            ensure!(topic.market.is_some(), Memory, "{} was never listed and is kept", topic.symbol);
            let lists = (topic.plain.capacity(), topic.masked.capacity(), topic.recent.capacity());
            ensure!(lists == (0, 0, 0), Memory, "{} keeps {lists:?}", topic.symbol);
            let lists = (topic.held.capacity(), topic.tape_events.iter().count());
            ensure!(lists == (0, 0), Memory, "{} keeps {lists:?}", topic.symbol);
        }
        Ok(())
    }
}
