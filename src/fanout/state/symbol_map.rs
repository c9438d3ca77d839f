//! A hash map keyed by symbol, in many small parts. With a hundred thousand symbols, a single table would stall for
//! milliseconds whenever it grows and moves all entries.

use std::{collections::HashMap, hash::BuildHasher};

use foldhash::fast::RandomState;

use crate::tick::Symbol;

/// A hash map keyed by symbol.
pub(in crate::fanout) struct SymbolMap<V> {
    /// Selects a symbol's part. The parts hash with keys of their own, because symbols in one part share bits of this
    /// hash.
    hasher: RandomState,
    parts: Vec<HashMap<Symbol, V, RandomState>>,
}

/// With 100,000 symbols, a part has about 1,600 entries.
const PARTS: usize = 64;

impl<V> SymbolMap<V> {
    pub fn get(&self, symbol: &Symbol) -> Option<&V> {
        self.parts[self.part(symbol)].get(symbol)
    }

    pub fn contains(&self, symbol: &Symbol) -> bool {
        self.get(symbol).is_some()
    }

    /// Inserts an entry; returns how many entries were moved for it.
    pub fn insert(&mut self, symbol: Symbol, value: V) -> usize {
        let part = self.part(&symbol);
        let part = &mut self.parts[part];
        let moved = if part.len() == part.capacity() { part.len() } else { 0 };
        part.insert(symbol, value);
        moved
    }

    pub fn remove(&mut self, symbol: &Symbol) {
        let part = self.part(symbol);
        self.parts[part].remove(symbol);
    }

    fn part(&self, symbol: &Symbol) -> usize {
        // Use the high bits: tables take their slots from the low ones.
        (self.hasher.hash_one(symbol) >> 32) as usize % PARTS
    }
}

impl<V> Default for SymbolMap<V> {
    fn default() -> Self {
        let mut parts = Vec::new();
        parts.resize_with(PARTS, HashMap::default);
        SymbolMap { hasher: RandomState::default(), parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(number: u32) -> Symbol {
        Symbol::new(&format!("S{number}")).expect("a valid symbol")
    }

    #[test]
    fn all_are_found_and_few_are_moved_at_once() {
        let mut symbols = SymbolMap::default();
        let moved: Vec<usize> = (0..60_000).map(|number| symbols.insert(symbol(number), number)).collect();
        // A single table of this size would move 57,344 at once.
        assert!(moved.iter().all(|&moved| moved <= 3_600), "{:?} at once", moved.iter().max());
        assert!(moved.iter().sum::<usize>() > 30_000, "what is moved is reported");
        assert!((0..60_000).all(|number| symbols.get(&symbol(number)) == Some(&number)));
        assert!(!symbols.contains(&symbol(60_000)));
        symbols.remove(&symbol(7));
        assert!(!symbols.contains(&symbol(7)) && symbols.contains(&symbol(8)));
    }
}
