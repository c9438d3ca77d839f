//! The standing patterns of a shard, each once, with the sessions that hold it. A pure table: `mod.rs` subscribes by
//! it.
//!
//! Invariant: a pattern is here, and in the index, as long as a session holds it.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use foldhash::fast::RandomState;
use slab::Slab;

use super::index::PatternIndex;
use crate::fanout::{Glob, Name, Spec, state::index32};

/// All standing patterns, each once, with the sessions that hold it.
#[derive(Default)]
pub(in crate::fanout) struct PatternTable {
    by_text: HashMap<CompactString, u32, RandomState>,
    pub all: Slab<Pattern>,
    pub index: PatternIndex,
    /// How many were ever added. When several patterns of a session match, the last one added counts.
    added: u64,
    pub candidates: Vec<u32>,
}

pub(in crate::fanout) struct Pattern {
    pub glob: Glob,
    /// By session, and by the name under which it holds the pattern.
    pub holders: BTreeMap<(u32, Option<Name>), Holder>,
}

/// A pattern that a session holds, as its client wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldGlob {
    pub text: CompactString,
    /// Of the subscriptions that it makes.
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

    /// Removes one from a session; says the spec that the session held it with.
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
