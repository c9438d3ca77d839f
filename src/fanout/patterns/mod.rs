//! Standing patterns: subscriptions to symbols that are not listed yet.

use std::cmp::Reverse;

mod index;
mod table;

pub(super) use table::PatternTable;

use self::table::Holder;
use super::{
    CHANGE_UNITS, Change, Fanout, Glob, LocalId, Mode, Notice, SessionKey, Spec, TooMany, Units, state::Base,
};
use crate::{tick::Symbol, topic::NewTopic};

/// To list a symbol, and look its patterns up.
const LISTING_UNITS: usize = 16;

impl Fanout {
    /// Every listed symbol, by market id.
    pub fn listed_symbols(&self) -> &[Symbol] {
        &self.listed_symbols
    }

    /// The session's first subscription from a topic on, and the topic to go on from: for a walk that may be interrupted.
    pub fn subscribed_from(&self, session: SessionKey, from: u32) -> Option<(u32, &Symbol)> {
        let (topic, _) = self.schedule.sessions.get(session.0 as usize)?.subs.next_from(from)?;
        Some((topic + 1, &self.topics[topic as usize].symbol))
    }

    /// Whether the session may add this pattern.
    pub fn has_room_for_glob(&self, session: SessionKey, text: &str, globs_max: usize) -> bool {
        let globs = self.globs(session);
        globs.len() < globs_max || globs.iter().any(|held| held == text)
    }

    /// Keeps a pattern for symbols that are listed later. When the session has it already, the new spec replaces the
    /// old one.
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
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return Ok(()) };
        if entry.globs.len() >= globs_max {
            return Err(TooMany);
        }
        entry.globs.push(glob.as_str().into());
        self.patterns.add(session.0, glob, spec);
        self.of_patterns += usize::from(spec.sees_each_tick());
        Ok(())
    }

    /// Changes what a standing pattern will subscribe to; says whether the session held it.
    pub fn set_glob(&mut self, session: SessionKey, text: &str, change: &Change) -> bool {
        let Some(pattern) = self.patterns.get_mut(text) else { return false };
        let Some(Holder { spec, .. }) = pattern.holders.get_mut(&session.0) else { return false };
        let before = spec.sees_each_tick();
        spec.mode = change.mode.unwrap_or(spec.mode);
        spec.interval = change.interval.unwrap_or(spec.interval);
        spec.wanted = change.wanted.unwrap_or(spec.wanted);
        self.of_patterns += usize::from(spec.sees_each_tick());
        self.of_patterns -= usize::from(before);
        true
    }

    /// Says whether the session held the pattern.
    pub fn remove_glob(&mut self, session: SessionKey, text: &str) -> bool {
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return false };
        let Some(at) = entry.globs.iter().position(|held| held == text) else { return false };
        // The order stays: the last one added counts.
        let text = entry.globs.remove(at);
        let spec = self.patterns.remove(session.0, &text);
        self.of_patterns -= usize::from(spec.is_some_and(|spec| spec.sees_each_tick()));
        true
    }

    /// Sessions with a pattern that matches, each once, with the spec of the pattern that it added last: as if it had
    /// subscribed to the symbol with each in turn. In order, so that the same input gives the same frames.
    pub(super) fn glob_holders(&mut self, symbol: &Symbol, units: &mut Units) -> Vec<(u32, Spec)> {
        let PatternTable { all, index, candidates, .. } = &mut self.patterns;
        candidates.clear();
        index.candidates(symbol, candidates);
        let mut held: Vec<(u32, Reverse<u64>, Spec)> = Vec::new();
        let matching = candidates.iter().map(|&pattern| &all[pattern as usize]);
        for pattern in matching.filter(|pattern| pattern.glob.matches(symbol)) {
            let holders = pattern.holders.iter();
            held.extend(holders.map(|(&session, holder)| (session, Reverse(holder.added), holder.spec)));
        }
        units.spend(LISTING_UNITS + 2 * candidates.len() + CHANGE_UNITS * held.len());
        held.sort_unstable_by_key(|&(session, added, _)| (session, added));
        held.dedup_by_key(|&mut (session, ..)| session);
        held.into_iter().map(|(session, _, spec)| (session, spec)).collect()
    }

    /// Subscribes the sessions whose patterns match a new symbol. All of its ticks are still to come, so its record is not
    /// read: a pattern misses no more of a symbol's first ticks than its name would.
    pub(super) fn subscribe_holders(&mut self, new_topic: &NewTopic, holders: &[(u32, Spec)]) {
        let local = self.local_of(&new_topic.symbol);
        self.by_market[new_topic.topic.0 as usize] = local;
        for &(session, ref spec) in holders {
            let Some(entry) = self.schedule.sessions.get(session as usize) else { continue };
            let session = SessionKey(session);
            if entry.find(local).is_some() {
                continue;
            }
            if entry.subs.len() >= self.subscriptions_max {
                self.notices.push(Notice::Full { session, symbol: new_topic.symbol.clone() });
                continue;
            }
            let key = self.insert(session, local, spec);
            // Before its first tick a topic has nothing to begin with: mode `every` begins with that tick.
            if spec.mode == Mode::Once || (spec.snapshot && spec.mode != Mode::Every) {
                self.subs[key as usize].base = Base::Record;
            }
        }
        self.unwatch(LocalId(local));
    }
}
