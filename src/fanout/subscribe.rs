//! What clients ask for: subscribe, change, unsubscribe, leave.

use std::time::Duration;

use super::{
    Fanout, Glob, LocalId, Mode, SessionKey, Spec,
    apply::{enqueue, lead, mark},
    core::{Base, LANE, Pattern, Place, Sub, Topic, UNWATCHED, index32},
};
use crate::{
    tick::{FieldSet, Nanos, State, Symbol},
    topic::{Image, Stamped, Store, TopicId},
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
        let known_elsewhere = resume.is_some_and(|resume| resume.same_epoch && resume.last > 0);
        if known_elsewhere && !self.born_ids.contains_key(symbol) {
            // The client has seen ticks of it: the birth is on its way here.
            self.bear_ahead(now, store);
        }
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
        let mut behind = (spec.snapshot || spec.mode == Mode::Once) && head > 0;
        let mut since = now;
        // Before its first tick a topic has nothing to begin with: mode `every` begins with that tick.
        let has_base = spec.snapshot && (head > 0 || spec.mode != Mode::Every);
        if has_base || spec.mode == Mode::Once {
            self.subs[key as usize].base = Base::Record;
        }
        if let Some(resume) = resume.filter(|_| spec.mode != Mode::Once) {
            (outcome, behind, since) = self.resume(key, resume, store);
        }
        if behind {
            self.make_behind(key, since, now);
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
    /// behind, begin with the whole record, which stands for what the subscription was behind by.
    pub fn set(&mut self, session: SessionKey, symbol: &Symbol, change: &Change, now: Nanos) -> bool {
        let Some(key) = self.find(session, symbol) else { return false };
        let rests = self.subs[key as usize].place == Place::Idle;
        self.detach(key);
        let sub = &mut self.subs[key as usize];
        let head = self.topics[sub.topic as usize].record.seq;
        let behind = head - sub.cursor > sub.skipped;
        let mode = change.mode.unwrap_or(sub.mode);
        let wanted = change.wanted.unwrap_or(sub.wanted);
        let begins_anew =
            wanted != sub.wanted || mode == Mode::Once || (mode == Mode::Every && mode != sub.mode && behind);
        sub.base = match (sub.base, mode) {
            (Base::None, _) if head > 0 && begins_anew => Base::Again,
            // There is no tick yet: as if it had subscribed so.
            (_, Mode::Once) if head == 0 => Base::Record,
            (_, Mode::Every) if head == 0 && !sub.claims => Base::None,
            (base, _) => base,
        };
        (sub.mode, sub.wanted) = (mode, wanted);
        if let Some(interval) = change.interval {
            sub.interval_ms = millis(interval);
            sub.due = now;
        }
        let since = if rests { now } else { sub.since };
        let wants_base = sub.base != Base::None && head > 0;
        self.attach(key);
        if behind || wants_base {
            self.make_behind(key, since, now);
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
        // In order: the last one added counts.
        let text = entry.globs.remove(at);
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

    /// The local topic of a symbol, made when there is none.
    pub(super) fn local_of(&mut self, symbol: &Symbol) -> u32 {
        if let Some(&local) = self.by_symbol.get(symbol) {
            return local;
        }
        let local = index32(self.topics.insert(Topic::new(symbol.clone())));
        self.topics[local as usize].market = self.born_ids.get(symbol).copied();
        self.by_symbol.insert(symbol.clone(), local);
        local
    }

    /// The local topic of a symbol; from now on its ticks are taken in.
    fn watch(&mut self, symbol: &Symbol, now: Nanos, store: &impl Store) -> u32 {
        let local = self.local_of(symbol);
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
            lead: 0,
            place: Place::Idle,
            base: Base::None,
            other_epoch: false,
            claims: false,
        };
        let key = index32(self.subs.insert(sub));
        self.attach(key);
        if let Some(entry) = self.sessions.get_mut(session.0 as usize) {
            let at = entry.subs.partition_point(|&(topic, _)| topic < local);
            entry.subs.insert(at, (local, key));
        }
        key
    }

    /// Places a new subscription's cursor where the client says it is. Says how it begins, whether it is behind, and
    /// when the oldest tick was taken in that it is behind by, as far as the ring knows.
    fn resume(&mut self, key: u32, resume: Resume, store: &impl Store) -> (Outcome, bool, Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let head = topic.record.seq;
        let ahead = !resume.same_epoch || resume.last > head;
        if ahead {
            // What the client holds is of another life of the symbol: it must not be built upon.
            sub.base = Base::Record;
            sub.claims = true;
        }
        if head == 0 {
            return (Outcome::Pending, false, topic.record.rx);
        }
        if ahead {
            sub.cursor = 0;
            sub.other_epoch = true;
            self.accounts.offered += head;
            return (Outcome::Gap, true, topic.record.rx);
        }
        sub.base = Base::None;
        sub.cursor = resume.last;
        let missed = head - resume.last;
        self.accounts.offered += missed;
        let Some(market) = topic.market.filter(|_| missed > 0) else {
            return (Outcome::Resumed, missed > 0, topic.record.rx);
        };
        sub.claims = sub.mode == Mode::Every;
        let must_know_all = sub.mode == Mode::Every && sub.wanted != FieldSet::ALL;
        let run = if must_know_all { usize::MAX } else { 1 };
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        let oldest = recall(topic, market, resume.last + 1, run, store, &mut ticks);
        if must_know_all {
            let wanted = sub.wanted;
            let unwanted = |tick: &&Stamped| tick.fields.mask.intersect(wanted).is_empty();
            sub.skipped = ticks.iter().filter(unwanted).count() as u64;
            sub.lead = lead(ticks.iter().take_while(unwanted).count() as u64);
            self.accounts.filtered += sub.skipped;
        }
        let rx = ticks.get(sub.lead as usize).map_or(topic.record.rx, |tick| tick.rx);
        let behind = missed > sub.skipped;
        let within = sub.mode != Mode::Every || oldest <= resume.last + 1;
        self.scratch.history = ticks;
        (if within { Outcome::Resumed } else { Outcome::Gap }, behind, rx)
    }

    /// Learns of symbols that were born ahead of the batches.
    pub(super) fn bear_ahead(&mut self, now: Nanos, store: &impl Store) {
        let births = store.births(TopicId(index32(self.born.len())));
        self.bear(&births, now, store);
    }

    fn make_behind(&mut self, key: u32, rx: Nanos, now: Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        topic.every_behind += u32::from(sub.mode == Mode::Every);
        topic.plain_idle -= u32::from(sub.wanted == FieldSet::ALL);
        mark(key, sub, rx, now, &mut self.sessions, &mut self.ready, &mut self.wheel);
    }

    /// Puts an idle subscription into its topic's lists.
    fn attach(&mut self, key: u32) {
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        topic.every += u32::from(sub.mode == Mode::Every);
        topic.plain_idle += u32::from(sub.wanted == FieldSet::ALL);
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
        topic.plain_idle -= u32::from(plain && place == Place::Idle);
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
            entry.lane_queued &= !entry.lane.is_empty();
            let lane_queued = entry.lane_queued;
            entry.queue.retain(|&queued| queued != key && (queued != LANE || lane_queued));
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

/// As [`Store::history`], up to the topic's head here; what is at hand is not asked for.
fn recall(
    topic: &Topic,
    market: TopicId,
    from: u64,
    max: usize,
    store: &impl Store,
    out: &mut Vec<Stamped>,
) -> u64 {
    let oldest = topic.recent.first().map_or(u64::MAX, |tick| tick.seq);
    if let Some(first) = from.checked_sub(oldest) {
        out.extend(topic.recent.iter().skip(first as usize).take(max));
        return oldest;
    }
    store.history(market, from, topic.record.seq, max, out)
}

fn millis(interval: Duration) -> u32 {
    u32::try_from(interval.as_millis()).unwrap_or(u32::MAX)
}
