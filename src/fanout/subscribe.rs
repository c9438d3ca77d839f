//! Client requests on subscriptions: subscribe, change, unsubscribe, close.

use std::time::Duration;

use super::{
    CHANGE_UNITS, Fanout, Mode, Name, ResumePoint, SessionKey, Spec, SubscribeOutcome, Units, View,
    pace::SendPace,
    state::{Base, SubscriptionState},
};
use crate::{
    planted::{Fault, is_planted},
    tick::{Nanos, Numbers, State, Symbol, WantedFields},
    topic::{Plane, Store},
};

/// A request to subscribe to one symbol.
#[derive(Clone, Copy, Debug)]
pub struct SubscribeRequest<'a> {
    pub symbol: &'a Symbol,
    pub spec: &'a Spec,
    /// The client's claim of what it has, when it resumes.
    pub resume: Option<ResumePoint>,
}

impl<'a> SubscribeRequest<'a> {
    /// A request without a resume.
    pub fn new(symbol: &'a Symbol, spec: &'a Spec) -> Self {
        SubscribeRequest { symbol, spec, resume: None }
    }
}

/// The outcome of subscribing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribed {
    pub outcome: SubscribeOutcome,
    /// The topic's state, which the client is told unless it is live.
    pub state: State,
}

/// The limit of subscriptions, or globs, of the session or its user is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// Subscriptions removed at once when a session ends; the rest is left to [`Fanout::end_leaving`].
const ENDED_AT_ONCE: usize = 256;

/// The changes that `set` asks for; `None` leaves an option as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub mode: Option<Mode>,
    pub interval: Option<Duration>,
    pub wanted: Option<WantedFields>,
    pub numbers: Option<Numbers>,
    /// Never requested by a client: follows from its rights.
    pub reports: Option<bool>,
}

impl Change {
    /// The view of a subscription after the change.
    pub fn of(&self, view: &View) -> View {
        View {
            wanted: self.wanted.unwrap_or(view.wanted),
            name: view.name.clone(),
            numbers: self.numbers.unwrap_or(view.numbers),
            reports: self.reports.unwrap_or(view.reports),
            form: view.form,
            past_trades: view.past_trades,
        }
    }
}

impl Fanout {
    /// Subscribes, or restarts the existing subscription of the same name. The session must exist.
    ///
    /// # Errors
    /// When the session's or its user's limit of subscriptions is reached.
    pub fn subscribe(
        &mut self,
        session: SessionKey,
        request: &SubscribeRequest<'_>,
        now: Nanos,
        store: &impl Store,
    ) -> Result<Subscribed, TooMany> {
        let &SubscribeRequest { symbol, spec, resume } = request;
        let plane = self.plane_of(session, symbol);
        debug_assert!(plane.is_some() || is_planted(Fault::ForgetsRights), "the caller has asked");
        let plane = plane.unwrap_or_default();
        // The last seq of the current epoch that the client has seen.
        let seen = resume.filter(|resume| resume.same_epoch).map_or(0, |resume| resume.last);
        if seen > 0 && !self.listed_ids.contains(symbol) {
            // The symbol is listed, but this shard has not heard of it yet.
            self.list_ahead(store);
        }
        let local = self.make_room(session, symbol, spec.view.name.as_ref(), plane)?;
        self.watch(local, now, store);
        if seen > self.topics[local as usize].record.seq {
            // The client was on another shard, which may be a batch ahead of this one.
            self.catch_up(local, now, store);
        }
        let key = self.insert(session, local, spec);
        let (head, mode) = (self.topics[local as usize].record.seq, self.subs[key as usize].mode);
        let mut outcome = if head > 0 { SubscribeOutcome::Ok } else { SubscribeOutcome::Pending };
        let mut behind = (spec.snapshot || mode == Mode::Once) && head > 0;
        let mut since = now;
        // Before the first tick there is no base: a mode that misses no tick starts with that tick.
        let has_base = spec.snapshot && (head > 0 || !mode.reads_history());
        if has_base || mode == Mode::Once {
            self.subs[key as usize].base = Base::Record;
        }
        if let Some(resume) = resume.filter(|_| mode != Mode::Once) {
            (outcome, behind, since) = self.resume(key, resume, store);
        }
        if behind {
            self.make_behind(key, since, now);
        }
        Ok(Subscribed { outcome, state: self.topics[local as usize].state })
    }

    /// Ends the session's subscription of this name to the symbol, or checks the limit for one more. Returns the
    /// symbol's local topic.
    fn make_room(
        &mut self,
        session: SessionKey,
        symbol: &Symbol,
        name: Option<&Name>,
        plane: Plane,
    ) -> Result<u32, TooMany> {
        let known = self.known_local(symbol, plane);
        let held = known.and_then(|local| self.find_on(session, local, name));
        if let Some(key) = held {
            // The topic may be dropped with its last subscription.
            self.remove(key);
            self.keep_share(session);
            return Ok(self.local_of(symbol, plane));
        }
        if self.session_subscriptions(session) >= self.subscriptions_max || !self.takes_share(session) {
            return Err(TooMany);
        }
        Ok(known.unwrap_or_else(|| self.local_of(symbol, plane)))
    }

    pub fn is_subscribed(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> bool {
        self.find(session, symbol, name).is_some()
    }

    /// Ends a subscription; returns whether there was one. Its pending ticks are counted as discarded.
    pub fn unsubscribe(&mut self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> bool {
        let found = self.find(session, symbol, name);
        if let Some(key) = found {
            self.remove(key);
        }
        found.is_some()
    }

    /// Changes a subscription; returns whether there was one. If its view changes, or it was behind and changes to mode
    /// `every` or `trades`, the next message is the whole record, in place of all pending ticks.
    pub fn set(
        &mut self,
        session: SessionKey,
        symbol: &Symbol,
        name: Option<&Name>,
        change: &Change,
        now: Nanos,
    ) -> bool {
        let Some(key) = self.find(session, symbol, name) else { return false };
        let before = self.subs[key as usize].state;
        self.detach(key);
        let asked = change.mode.unwrap_or_else(|| self.asked_mode(key));
        let mode = self.served_mode(self.subs[key as usize].topic, asked);
        let sub = &mut self.subs[key as usize];
        let head = self.topics[sub.topic as usize].record.seq;
        let behind = head - sub.cursor > sub.skipped;
        let shown = self.views.get(sub.view);
        let view = change.of(shown);
        let begins_anew =
            view != *shown || mode == Mode::Once || (mode.reads_history() && mode != sub.mode && behind);
        sub.base = match (sub.base, mode) {
            (Base::None, _) if head > 0 && begins_anew => Base::Again,
            // It has waited since before the first tick: every tick is due, and no snapshot may replace some.
            (Base::Record, Mode::Every | Mode::Trades)
                if head > 0 && sub.cursor == 0 && sub.claim.is_none() =>
            {
                Base::Again
            }
            // Before the first tick: as if it had subscribed with these options.
            (_, Mode::Once) if head == 0 => Base::Record,
            (_, Mode::Every | Mode::Trades) if head == 0 && sub.claim.is_none() => Base::None,
            (base, _) => base,
        };
        sub.mode = mode;
        self.note_asked(key, asked);
        let sub = &mut self.subs[key as usize];
        let view = std::mem::replace(&mut sub.view, self.views.hold(&view));
        self.views.release(view);
        if let Some(interval) = change.interval {
            sub.pace = SendPace::of(interval, self.views.get(sub.view).form);
            sub.due = sub.pace.first_due();
        }
        let since = if before == SubscriptionState::Idle { now } else { sub.since };
        let wants_base = sub.base != Base::None && head > 0;
        self.attach(key);
        if behind || wants_base {
            self.make_behind(key, since, now);
        }
        // What was due stays due, though its interval may still run: a trade, or in a session that is about to end.
        let sub = &mut self.subs[key as usize];
        if before == SubscriptionState::Queued && sub.state == SubscriptionState::Waiting {
            self.schedule.enqueue(key, sub);
        }
        true
    }

    /// Schedules the current record for a subscription even if it has not changed. Returns whether there is one.
    pub fn send_again(
        &mut self,
        session: SessionKey,
        symbol: &Symbol,
        name: Option<&Name>,
        now: Nanos,
    ) -> bool {
        let Some(key) = self.find(session, symbol, name) else { return false };
        let sub = &self.subs[key as usize];
        // Pending data is sent anyway, and before the first tick there is none.
        if sub.state == SubscriptionState::Idle && self.topics[sub.topic as usize].record.seq > 0 {
            self.detach(key);
            self.subs[key as usize].base = Base::Again;
            self.attach(key);
            self.make_behind(key, now, now);
        }
        true
    }

    /// Ends the intervals of a session's subscriptions now, because the session is about to end.
    pub fn flush_intervals(&mut self, session: SessionKey) {
        let Some(entry) = self.schedule.sessions.get(session.0 as usize) else { return };
        let mut keys: Vec<u32> = entry.subs.iter().map(|(_, key)| key).collect();
        // Keep gathered messages together.
        keys.sort_by_key(|key| self.subs[*key as usize].pace.gathered());
        for key in keys {
            let sub = &mut self.subs[key as usize];
            if sub.state == SubscriptionState::Waiting {
                self.schedule.enqueue(key, sub);
            }
        }
    }

    /// Ends all of a session's subscriptions; pending ticks are counted as discarded. The session stays, but must not
    /// subscribe any more. Of very many subscriptions, most are removed by [`Self::end_leaving`].
    pub fn clear(&mut self, session: SessionKey) {
        let Some(entry) = self.schedule.sessions.get(session.0 as usize) else { return };
        for glob in entry.globs.clone() {
            self.remove_glob(session, &glob.text, glob.name.as_ref());
        }
        if !self.end_some(session.0, ENDED_AT_ONCE) && !self.leaving.contains(&session.0) {
            self.leaving.push_back(session.0);
        }
    }

    /// Ends a session. Its key is reused only after all of its subscriptions are removed.
    pub fn close(&mut self, session: SessionKey) {
        self.clear(session);
        if let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) {
            entry.leaves = true;
            if entry.subs.len() == 0 {
                self.schedule.sessions.remove(session.0 as usize);
            }
        }
    }

    /// Removes subscriptions of ended sessions, as far as the units last.
    pub fn end_leaving(&mut self, units: &mut Units) {
        while let Some(&session) = self.leaving.front() {
            let most = units.left() / CHANGE_UNITS;
            let before = self.subs.len();
            let all = self.end_some(session, most);
            units.spend((before - self.subs.len() + 1) * CHANGE_UNITS);
            if !all {
                return;
            }
            self.leaving.pop_front();
            if self.schedule.sessions.get(session as usize).is_some_and(|entry| entry.leaves) {
                self.schedule.sessions.remove(session as usize);
            }
        }
    }

    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Removes up to `most` subscriptions of a session; returns whether none is left.
    fn end_some(&mut self, session: u32, most: usize) -> bool {
        for _ in 0..most {
            let Some(entry) = self.schedule.sessions.get_mut(session as usize) else { return true };
            let Some((_, key)) = entry.subs.pop_last() else { return true };
            self.remove(key);
        }
        self.schedule.sessions.get(session as usize).is_none_or(|entry| entry.subs.len() == 0)
    }
}
