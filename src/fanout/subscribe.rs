//! What clients ask for: subscribe, change, unsubscribe, leave.

use std::time::Duration;

use super::{
    Fanout, Glob, LocalId, Mode, SessionKey, Spec,
    apply::{enqueue, mark},
    core::{Pattern, Place, Sub, Topic, UNWATCHED, index32},
};
use crate::{
    tick::{FieldSet, Nanos, State, Symbol},
    topic::{Image, Store},
};

/// A client's claim to have a topic's ticks up to `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resume {
    /// Its epoch is the present one, so that `last` means something.
    pub same_epoch: bool,
    pub last: u64,
}

/// How a subscription began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribed {
    pub outcome: Outcome,
    /// The topic's state, for the client to be told when it is not live.
    pub state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Ok,
    /// The symbol has no tick yet.
    Pending,
    /// It goes on exactly where the client left.
    Resumed,
    /// It cannot: a gap and a snapshot follow.
    Gap,
}

/// The session has as many subscriptions, or patterns, as it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// What `set` changes; `None` stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub mode: Option<Mode>,
    pub interval: Option<Duration>,
    pub wanted: Option<FieldSet>,
}

impl Fanout {
    /// Subscribes, or begins an existing subscription anew. The caller has checked that the session exists.
    ///
    /// # Errors
    /// When the session has as many subscriptions as it may have.
    pub fn subscribe(
        &mut self,
        session: SessionKey,
        symbol: &Symbol,
        spec: &Spec,
        resume: Option<Resume>,
        now: Nanos,
        store: &impl Store,
    ) -> Result<Subscribed, TooMany> {
        if let Some(key) = self.find(session, symbol) {
            self.remove(key);
        } else if self.session_subscriptions(session) >= self.subscriptions_max {
            return Err(TooMany);
        }
        let local = self.watch(symbol, now, store);
        if resume
            .is_some_and(|resume| resume.same_epoch && resume.last > self.topics[local as usize].record.seq)
        {
            // Another shard may be ahead of this one by a batch.
            self.catch_up(local, now, store);
        }
        let key = self.insert(session, local, spec);
        let head = self.topics[local as usize].record.seq;
        let mut outcome = if head > 0 { Outcome::Ok } else { Outcome::Pending };
        let mut behind = spec.snapshot && head > 0;
        // Before its first tick a topic has nothing to begin with: mode `every` begins with that tick.
        let with_snapshot = spec.snapshot && (head > 0 || spec.mode != Mode::Every);
        self.subs[key as usize].snapshot = with_snapshot || spec.mode == Mode::Once;
        if let Some(resume) = resume.filter(|_| spec.mode != Mode::Once) {
            (outcome, behind) = self.resume(key, resume, store);
        }
        if behind || (spec.mode == Mode::Once && head > 0) {
            let rx = self.topics[local as usize].record.rx;
            self.make_behind(key, rx, now);
        }
        Ok(Subscribed { outcome, state: self.topics[local as usize].state })
    }

    pub fn is_subscribed(&self, session: SessionKey, symbol: &Symbol) -> bool {
        self.find(session, symbol).is_some()
    }

    /// Says whether there was a subscription. What it was behind by is booked as discarded.
    pub fn unsubscribe(&mut self, session: SessionKey, symbol: &Symbol) -> bool {
        let found = self.find(session, symbol);
        if let Some(key) = found {
            self.remove(key);
        }
        found.is_some()
    }

    /// Changes a subscription in place; says whether there was one. New fields, and a change into mode `every` from
    /// behind, begin with a snapshot.
    pub fn set(&mut self, session: SessionKey, symbol: &Symbol, change: &Change, now: Nanos) -> bool {
        let Some(key) = self.find(session, symbol) else { return false };
        self.detach(key);
        let sub = &mut self.subs[key as usize];
        let behind = self.topics[sub.topic as usize].record.seq - sub.cursor > sub.skipped;
        let mode = change.mode.unwrap_or(sub.mode);
        let wanted = change.wanted.unwrap_or(sub.wanted);
        let begins_anew =
            wanted != sub.wanted || mode == Mode::Once || (mode == Mode::Every && mode != sub.mode && behind);
        sub.snapshot |= begins_anew;
        (sub.mode, sub.wanted) = (mode, wanted);
        if let Some(interval) = change.interval {
            sub.interval_ms = millis(interval);
            sub.due = now;
        }
        let wants_snapshot = sub.snapshot;
        self.attach(key);
        let topic = &self.topics[self.subs[key as usize].topic as usize];
        let (head, rx) = (topic.record.seq, topic.record.rx);
        if behind || (wants_snapshot && head > 0) {
            self.make_behind(key, rx, now);
        }
        true
    }

    /// The symbols that are born and match, in order of birth.
    pub fn matching(&self, glob: &Glob) -> Vec<Symbol> {
        self.born.iter().filter(|symbol| glob.matches(symbol)).cloned().collect()
    }

    /// The session's own subscriptions that match.
    pub fn subscribed_matching(&self, session: SessionKey, glob: &Glob) -> Vec<Symbol> {
        let Some(session) = self.sessions.get(session.0 as usize) else { return Vec::new() };
        let symbols = session.subs.iter().map(|&(topic, _)| &self.topics[topic as usize].symbol);
        symbols.filter(|symbol| glob.matches(symbol)).cloned().collect()
    }

    /// Keeps a pattern for symbols that are born later; one that the session has already gets the new spec.
    ///
    /// # Errors
    /// When the session holds `globs_max` others.
    pub fn add_glob(
        &mut self,
        session: SessionKey,
        glob: &Glob,
        spec: &Spec,
        globs_max: usize,
    ) -> Result<(), TooMany> {
        self.remove_glob(session, glob.as_str());
        let Some(entry) = self.sessions.get_mut(session.0 as usize) else { return Ok(()) };
        if entry.globs.len() >= globs_max {
            return Err(TooMany);
        }
        entry.globs.push(glob.as_str().into());
        let pattern = self.patterns.entry(glob.as_str().into());
        let pattern = pattern.or_insert_with(|| Pattern { glob: glob.clone(), holders: Vec::new() });
        pattern.holders.push((session.0, *spec));
        Ok(())
    }

    /// Changes what a standing pattern will subscribe to; says whether the session held it.
    pub fn set_glob(&mut self, session: SessionKey, text: &str, change: &Change) -> bool {
        let Some(pattern) = self.patterns.get_mut(text) else { return false };
        let Some((_, spec)) = pattern.holders.iter_mut().find(|(holder, _)| *holder == session.0) else {
            return false;
        };
        spec.mode = change.mode.unwrap_or(spec.mode);
        spec.interval = change.interval.unwrap_or(spec.interval);
        spec.wanted = change.wanted.unwrap_or(spec.wanted);
        true
    }

    /// Says whether the session held the pattern.
    pub fn remove_glob(&mut self, session: SessionKey, text: &str) -> bool {
        let Some(entry) = self.sessions.get_mut(session.0 as usize) else { return false };
        let Some(at) = entry.globs.iter().position(|held| held == text) else { return false };
        let text = entry.globs.swap_remove(at);
        if let Some(pattern) = self.patterns.get_mut(&text) {
            pattern.holders.retain(|&(holder, _)| holder != session.0);
            if pattern.holders.is_empty() {
                self.patterns.remove(&text);
            }
        }
        true
    }

    /// Makes what waits for an interval ready at once: the session is about to end.
    pub fn hurry(&mut self, session: SessionKey) {
        let Some(entry) = self.sessions.get(session.0 as usize) else { return };
        for (_, key) in entry.subs.clone() {
            let sub = &mut self.subs[key as usize];
            if sub.place == Place::Waiting {
                enqueue(key, sub, &mut self.sessions, &mut self.ready);
            }
        }
    }

    /// Ends all of a session's subscriptions; what they were behind by is booked as discarded. The session stays.
    pub fn clear(&mut self, session: SessionKey) {
        let Some(entry) = self.sessions.get_mut(session.0 as usize) else { return };
        entry.queue.clear();
        entry.lane.clear();
        let (subs, globs) = (std::mem::take(&mut entry.subs), entry.globs.clone());
        for (_, key) in subs {
            self.remove(key);
        }
        for glob in globs {
            self.remove_glob(session, &glob);
        }
    }

    /// Ends a session; its place may be given to another.
    pub fn close(&mut self, session: SessionKey) {
        self.clear(session);
        self.sessions.try_remove(session.0 as usize);
    }

    fn find(&self, session: SessionKey, symbol: &Symbol) -> Option<u32> {
        let local = *self.by_symbol.get(symbol)?;
        let subs = &self.sessions.get(session.0 as usize)?.subs;
        subs.binary_search_by_key(&local, |&(topic, _)| topic).ok().map(|at| subs[at].1)
    }

    /// The local topic of a symbol; from now on its ticks are taken in.
    fn watch(&mut self, symbol: &Symbol, now: Nanos, store: &impl Store) -> u32 {
        let known = self.by_symbol.get(symbol).copied();
        let local = known.unwrap_or_else(|| {
            let local = index32(self.topics.insert(Topic::new(symbol.clone())));
            self.topics[local as usize].market = self.born_ids.get(symbol).copied();
            self.by_symbol.insert(symbol.clone(), local);
            local
        });
        let topic = &mut self.topics[local as usize];
        let Some(market) = topic.market else { return local };
        if self.by_market[market.0 as usize] == UNWATCHED {
            self.by_market[market.0 as usize] = local;
            let Image { record, closed } = store.image(market);
            topic.record = record;
            topic.last = None;
            topic.state = match (closed, record.seq) {
                (true, _) => State::Closed,
                (false, 0) => State::Pending,
                (false, _) => State::Live,
            };
            if self.is_silent(&self.topics[local as usize], now) {
                self.topics[local as usize].state = State::Stale;
            }
        }
        local
    }

    fn insert(&mut self, session: SessionKey, local: u32, spec: &Spec) -> u32 {
        let sub = Sub {
            cursor: self.topics[local as usize].record.seq,
            skipped: 0,
            due: Nanos::default(),
            since: Nanos::default(),
            session: session.0,
            topic: local,
            slot: 0,
            interval_ms: millis(spec.interval),
            wanted: spec.wanted,
            mode: spec.mode,
            place: Place::Idle,
            snapshot: false,
            other_epoch: false,
            resumed: false,
        };
        let key = index32(self.subs.insert(sub));
        self.attach(key);
        if let Some(entry) = self.sessions.get_mut(session.0 as usize) {
            let at = entry.subs.partition_point(|&(topic, _)| topic < local);
            entry.subs.insert(at, (local, key));
        }
        key
    }

    /// Places a new subscription's cursor where the client says it is. Says how it begins, and whether it is behind.
    fn resume(&mut self, key: u32, resume: Resume, store: &impl Store) -> (Outcome, bool) {
        let local = self.subs[key as usize].topic;
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[local as usize];
        let head = topic.record.seq;
        if head == 0 {
            return (Outcome::Pending, false);
        }
        sub.snapshot = true;
        if !resume.same_epoch || resume.last > head {
            sub.cursor = 0;
            sub.other_epoch = true;
            self.accounts.offered += head;
            return (Outcome::Gap, true);
        }
        sub.snapshot = false;
        sub.cursor = resume.last;
        let missed = head - resume.last;
        self.accounts.offered += missed;
        if sub.mode != Mode::Every || missed == 0 {
            return (Outcome::Resumed, missed > 0);
        }
        sub.resumed = true;
        let Some(market) = topic.market else { return (Outcome::Resumed, true) };
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        let run = if sub.wanted == FieldSet::ALL { 1 } else { usize::MAX };
        let oldest = store.history(market, resume.last + 1, head, run, &mut ticks);
        let within = oldest <= resume.last + 1;
        if within && sub.wanted != FieldSet::ALL {
            let wanted = sub.wanted;
            let filtered =
                ticks.iter().filter(|tick| tick.fields.mask.intersect(wanted).is_empty()).count() as u64;
            sub.skipped = filtered;
            self.accounts.filtered += filtered;
        }
        let behind = missed > sub.skipped;
        self.scratch.history = ticks;
        (if within { Outcome::Resumed } else { Outcome::Gap }, behind)
    }

    fn make_behind(&mut self, key: u32, rx: Nanos, now: Nanos) {
        let sub = &mut self.subs[key as usize];
        self.topics[sub.topic as usize].every_behind += u32::from(sub.mode == Mode::Every);
        mark(key, sub, rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
    }

    /// Puts an idle subscription into its topic's lists.
    fn attach(&mut self, key: u32) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        topic.every += u32::from(sub.mode == Mode::Every);
        let list = if sub.wanted == FieldSet::ALL { &mut topic.plain } else { &mut topic.masked };
        sub.slot = index32(list.len());
        list.push(key);
    }

    /// Takes a subscription out of its topic's lists and its session's queue; it is idle then.
    fn detach(&mut self, key: u32) {
        let sub = &mut self.subs[key as usize];
        let place = std::mem::replace(&mut sub.place, Place::Idle);
        let (slot, local, session) = (sub.slot as usize, sub.topic, sub.session);
        let (every, plain) = (sub.mode == Mode::Every, sub.wanted == FieldSet::ALL);
        let topic = &mut self.topics[local as usize];
        topic.every -= u32::from(every);
        topic.every_behind -= u32::from(every && place != Place::Idle);
        if topic.every == 0 {
            topic.recent = Vec::new();
        }
        let list = if plain { &mut topic.plain } else { &mut topic.masked };
        list.swap_remove(slot);
        if let Some(&moved) = list.get(slot) {
            self.subs[moved as usize].slot = index32(slot);
        }
        if place == Place::Queued
            && let Some(entry) = self.sessions.get_mut(session as usize)
        {
            entry.lane.retain(|&queued| queued != key);
            entry.queue.retain(|&queued| queued != key);
        }
    }

    /// Ends a subscription; what it was behind by is booked as discarded.
    pub(super) fn remove(&mut self, key: u32) {
        self.accounts.discarded += self.pending(&self.subs[key as usize]);
        self.detach(key);
        let sub = self.subs.remove(key as usize);
        if let Some(entry) = self.sessions.get_mut(sub.session as usize)
            && let Ok(at) = entry.subs.binary_search_by_key(&sub.topic, |&(topic, _)| topic)
        {
            entry.subs.remove(at);
            if entry.subs.is_empty() {
                entry.subs = Vec::new();
            }
        }
        self.unwatch(LocalId(sub.topic));
    }

    /// Lets go of a topic that nobody here subscribes to any more.
    pub(super) fn unwatch(&mut self, local: LocalId) {
        let topic = &mut self.topics[local.0 as usize];
        if topic.has_subscribers() {
            return;
        }
        match topic.market {
            Some(market) => {
                self.by_market[market.0 as usize] = UNWATCHED;
                (topic.plain, topic.masked) = (Vec::new(), Vec::new());
            }
            // A name that a client made up costs nothing once nobody asks for it.
            None => {
                let topic = self.topics.remove(local.0 as usize);
                self.by_symbol.remove(&topic.symbol);
            }
        }
    }
}

fn millis(interval: Duration) -> u32 {
    u32::try_from(interval.as_millis()).unwrap_or(u32::MAX)
}
