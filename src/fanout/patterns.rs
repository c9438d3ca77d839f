//! Standing patterns: subscriptions to symbols that are not born yet.

use std::cmp::Reverse;

use super::{Change, Fanout, Glob, LocalId, Notice, SessionKey, Spec, TooMany, core::Pattern};
use crate::{
    tick::{Nanos, Symbol},
    topic::{Birth, Store},
};

impl Fanout {
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
        self.of_patterns += usize::from(spec.sees_each_tick());
        Ok(())
    }

    /// Changes what a standing pattern will subscribe to; says whether the session held it.
    pub fn set_glob(&mut self, session: SessionKey, text: &str, change: &Change) -> bool {
        let Some(pattern) = self.patterns.get_mut(text) else { return false };
        let Some((_, spec)) = pattern.holders.iter_mut().find(|(holder, _)| *holder == session.0) else {
            return false;
        };
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
        let Some(entry) = self.sessions.get_mut(session.0 as usize) else { return false };
        let Some(at) = entry.globs.iter().position(|held| held == text) else { return false };
        // In order: the last one added counts.
        let text = entry.globs.remove(at);
        if let Some(pattern) = self.patterns.get_mut(&text) {
            let of_patterns = &mut self.of_patterns;
            pattern.holders.retain(|(holder, spec)| {
                let stays = *holder != session.0;
                *of_patterns -= usize::from(!stays && spec.sees_each_tick());
                stays
            });
            if pattern.holders.is_empty() {
                self.patterns.remove(&text);
            }
        }
        true
    }

    /// Sessions with a pattern that matches, each once, with the spec of the pattern that it added last: as if it had
    /// subscribed to the symbol with each in turn. In order, so that the same input gives the same frames.
    pub(super) fn glob_holders(&self, symbol: &Symbol) -> Vec<(u32, Spec)> {
        let matching = self.patterns.iter().filter(|(_, pattern)| pattern.glob.matches(symbol));
        let mut held: Vec<(u32, usize, Spec)> = Vec::new();
        for (text, pattern) in matching {
            for &(session, spec) in &pattern.holders {
                let globs = &self.sessions[session as usize].globs;
                held.push((session, globs.iter().position(|glob| glob == text).unwrap_or_default(), spec));
            }
        }
        held.sort_unstable_by_key(|&(session, place, _)| (session, Reverse(place)));
        held.dedup_by_key(|&mut (session, ..)| session);
        held.into_iter().map(|(session, _, spec)| (session, spec)).collect()
    }

    /// Subscribes who waited for such a symbol. All its ticks are still to come, so its image is not asked for: a
    /// pattern misses no more of a symbol's beginning than its name would.
    pub(super) fn catch_with_globs(
        &mut self,
        birth: &Birth,
        holders: &[(u32, Spec)],
        now: Nanos,
        store: &impl Store,
    ) {
        let local = self.local_of(&birth.symbol);
        self.by_market[birth.topic.0 as usize] = local;
        for &(session, ref spec) in holders {
            let session = SessionKey(session);
            if self.is_subscribed(session, &birth.symbol) {
                continue;
            }
            if self.subscribe(session, &birth.symbol, spec, None, now, store).is_err() {
                self.notices.push(Notice::Full { session, symbol: birth.symbol.clone() });
            }
        }
        self.unwatch(LocalId(local));
    }
}
