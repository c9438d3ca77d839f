//! Standing globs: subscriptions to symbols that may be listed later.

use std::cmp::Reverse;

mod index;
mod table;

pub use table::HeldGlob;
pub(super) use table::PatternTable;

use self::table::Holder;
use super::{
    CHANGE_UNITS, Change, Fanout, Glob, LocalId, Mode, Name, Notice, SessionKey, Spec, TooMany, Units,
    state::{Base, LocalTopic},
};
use crate::{
    planted::{Fault, is_planted},
    tick::Symbol,
    topic::{NewTopic, Plane},
};

/// A position in a walk over a session's subscriptions; the default is the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place(u32, u32);

/// One subscription of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber<'a> {
    pub symbol: &'a Symbol,
    pub name: Option<&'a Name>,
    /// It was sent a message already.
    pub has_begun: bool,
    pub plane: Plane,
}

/// Cost of listing a symbol and looking up its globs.
const LISTING_UNITS: usize = 16;

impl Fanout {
    /// Every listed symbol, by market id.
    pub fn listed_symbols(&self) -> &[Symbol] {
        &self.listed_symbols
    }

    /// The session's first subscription from a position on, and the position after it: for a walk that may be
    /// interrupted.
    pub fn subscribed_from(&self, session: SessionKey, from: Place) -> Option<(Place, Subscriber<'_>)> {
        let entry = self.schedule.sessions.get(session.0 as usize)?;
        let (topic, key) = entry.subs.next_from((from.0, from.1))?;
        let LocalTopic { symbol, plane, .. } = &self.topics[topic as usize];
        let has_begun = !self.subs[key as usize].claim.is_first();
        let name = self.view_of(key).name.as_ref();
        Some((Place(topic, key + 1), Subscriber { symbol, name, has_begun, plane: *plane }))
    }

    /// Whether the session may add this glob.
    pub fn has_room_for_glob(
        &self,
        session: SessionKey,
        text: &str,
        name: Option<&Name>,
        globs_max: usize,
    ) -> bool {
        let globs = self.globs(session);
        globs.len() < globs_max || globs.iter().any(|held| held.is(text, name))
    }

    /// Adds a glob for symbols that are listed later. A glob that the session already has under the same name gets the
    /// new spec.
    ///
    /// # Errors
    /// When the session already holds `globs_max` other globs.
    pub fn add_glob(
        &mut self,
        session: SessionKey,
        glob: &Glob,
        spec: &Spec,
        globs_max: usize,
    ) -> Result<(), TooMany> {
        self.remove_glob(session, glob.as_str(), spec.view.name.as_ref());
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return Ok(()) };
        if entry.globs.len() >= globs_max {
            return Err(TooMany);
        }
        entry.globs.push(HeldGlob { text: glob.as_str().into(), name: spec.view.name.clone() });
        self.patterns.add(session.0, glob, spec);
        self.pattern_needs.add(spec.needs());
        Ok(())
    }

    /// Changes the spec of a standing glob; returns whether the session holds it.
    pub fn set_glob(
        &mut self,
        session: SessionKey,
        text: &str,
        name: Option<&Name>,
        change: &Change,
    ) -> bool {
        let Some(pattern) = self.patterns.get_mut(text) else { return false };
        let key = (session.0, name.cloned());
        let Some(Holder { spec, .. }) = pattern.holders.get_mut(&key) else { return false };
        let before = spec.needs();
        spec.mode = change.mode.unwrap_or(spec.mode);
        spec.interval = change.interval.unwrap_or(spec.interval);
        spec.view = change.of(&spec.view);
        self.pattern_needs.add(spec.needs());
        self.pattern_needs.remove(before);
        true
    }

    /// The spec with which a session's glob subscribes.
    pub(super) fn pattern_spec(&mut self, session: SessionKey, held: &HeldGlob) -> Option<Spec> {
        let pattern = self.patterns.get_mut(&held.text)?;
        pattern.holders.get(&(session.0, held.name.clone())).map(|holder| holder.spec.clone())
    }

    /// Removes a glob of this name; returns whether the session held it.
    pub fn remove_glob(&mut self, session: SessionKey, text: &str, name: Option<&Name>) -> bool {
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return false };
        let Some(at) = entry.globs.iter().position(|held| held.is(text, name)) else { return false };
        // Keep the order: of several matches the last added counts.
        let glob = entry.globs.remove(at);
        if let Some(spec) = self.patterns.remove(session.0, &glob) {
            self.pattern_needs.remove(spec.needs());
        }
        true
    }

    /// The sessions whose globs match, once for each name, with the spec of the glob added last under that name: as if
    /// each glob had subscribed in turn. In a fixed order, so that the same input gives the same frames.
    pub(super) fn glob_holders(&mut self, symbol: &Symbol, units: &mut Units) -> Vec<(u32, Spec)> {
        let PatternTable { all, index, candidates, .. } = &mut self.patterns;
        candidates.clear();
        index.candidates(symbol, candidates);
        let mut held: Vec<(u32, Reverse<u64>, &Spec)> = Vec::new();
        let matching = candidates.iter().map(|&pattern| &all[pattern as usize]);
        for pattern in matching.filter(|pattern| pattern.glob.matches(symbol)) {
            let holders = pattern.holders.iter();
            held.extend(
                holders.map(|((session, _), holder)| (*session, Reverse(holder.added), &holder.spec)),
            );
        }
        units.spend(LISTING_UNITS + 2 * candidates.len() + CHANGE_UNITS * held.len());
        held.sort_unstable_by_key(|&(session, added, spec)| (session, spec.view.name.as_ref(), added));
        held.dedup_by_key(|&mut (session, _, spec)| (session, spec.view.name.as_ref()));
        let mut holders: Vec<(u32, Spec)> =
            held.into_iter().map(|(session, _, spec)| (session, spec.clone())).collect();
        holders.retain(|&(session, _)| {
            self.may_read(SessionKey(session), symbol) || is_planted(Fault::GlobForgetsRights)
        });
        holders
    }

    /// Subscribes the sessions whose globs match a new symbol. All of its ticks are still to come, so its record is not
    /// read: a glob misses no more of the first ticks than a subscription by name.
    pub(super) fn subscribe_holders(&mut self, new_topic: &NewTopic, holders: &[(u32, Spec)]) {
        let symbol = &new_topic.symbol;
        let mut locals = [None; 2];
        for &(session, ref spec) in holders {
            let Some(entry) = self.schedule.sessions.get(session as usize) else { continue };
            let count = entry.subs.len();
            let session = SessionKey(session);
            let plane = self.plane_of(session, symbol).unwrap_or_default();
            // The glob was cut to what the session may read in real time.
            let fewer = match plane {
                Plane::RealTime => Some(spec.clone()),
                Plane::Delayed => self.allowed_of(session, symbol, spec),
            };
            let Some(spec) = fewer else { continue };
            let local = self.local_of(symbol, plane);
            locals[plane as usize] = Some(local);
            match plane {
                Plane::RealTime => self.by_market[new_topic.topic.0 as usize] = local,
                Plane::Delayed => self.delayed.watch(new_topic.topic, local),
            }
            let name = spec.view.name.as_ref();
            if self.find_on(session, local, name).is_some() {
                continue;
            }
            if count >= self.subscriptions_max || !self.takes_share(session) {
                self.notices.push(Notice::Full { session, symbol: symbol.clone(), name: name.cloned() });
                continue;
            }
            let key = self.insert(session, local, &spec);
            let mode = self.subs[key as usize].mode;
            // Before the first tick there is no base: a mode that misses no tick starts with that tick.
            if mode == Mode::Once || (spec.snapshot && !mode.reads_history()) {
                self.subs[key as usize].base = Base::Record;
            }
            if plane == Plane::Delayed {
                self.notices.push(Notice::Delayed { session, symbol: symbol.clone(), name: name.cloned() });
            }
        }
        for local in locals.into_iter().flatten() {
            self.unwatch(LocalId(local));
        }
    }
}
