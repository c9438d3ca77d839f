//! The standing globs of a shard, each stored once with the sessions that hold it. A pure table: `mod.rs` makes the
//! subscriptions.
//!
//! Invariant: a glob is in the table and in the index exactly as long as a session holds it.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use slab::Slab;

use super::index::PatternIndex;
use crate::fanout::{Glob, Name, Spec, state::index32};

/// All standing globs, each once, with the sessions that hold it.
#[derive(Default)]
pub(in crate::fanout) struct PatternTable {
    by_text: HashMap<CompactString, u32, RandomState>,
    pub all: Slab<Pattern>,
    pub index: PatternIndex,
    /// The number of globs ever added, as an age: when several globs of a session match, the last added counts.
    added: u64,
    pub candidates: Vec<u32>,
}

pub(in crate::fanout) struct Pattern {
    pub glob: Glob,
    /// Keyed by session, and the name under which it holds the glob.
    pub holders: BTreeMap<(u32, Option<Name>), Holder>,
}

/// A glob that a session holds, in the client's spelling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldGlob {
    pub text: CompactString,
    /// The name of its subscriptions.
    pub name: Option<Name>,
}

#[derive(Clone)]
pub(in crate::fanout) struct Holder {
    pub spec: Spec,
    pub added: u64,
}

impl HeldGlob {
    pub fn is(&self, text: &str, name: Option<&Name>) -> bool {
        self.text == text && self.name.as_ref() == name
    }
}

impl PatternTable {
    pub fn get_mut(&mut self, text: &str) -> Option<&mut Pattern> {
        self.by_text.get(text).map(|&pattern| &mut self.all[pattern as usize])
    }

    pub fn add(&mut self, session: u32, glob: &Glob, spec: &Spec) {
        let (all, index) = (&mut self.all, &mut self.index);
        let pattern = *self.by_text.entry(glob.as_str().into()).or_insert_with(|| {
            let pattern = index32(all.insert(Pattern { glob: glob.clone(), holders: BTreeMap::new() }));
            index.insert(pattern, glob);
            pattern
        });
        self.added += 1;
        let key = (session, spec.view.name.clone());
        all[pattern as usize].holders.insert(key, Holder { spec: spec.clone(), added: self.added });
    }

    /// Removes a glob from a session; returns its spec.
    pub fn remove(&mut self, session: u32, held: &HeldGlob) -> Option<Spec> {
        let pattern = *self.by_text.get(&held.text)?;
        let entry = self.all.get_mut(pattern as usize)?;
        let holder = entry.holders.remove(&(session, held.name.clone()))?;
        if entry.holders.is_empty() {
            let Pattern { glob, .. } = self.all.remove(pattern as usize);
            self.index.remove(pattern, &glob);
            self.by_text.remove(&held.text);
        }
        Some(holder.spec)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.by_text.is_empty() && self.all.is_empty()
    }
}
