//! A map from symbols, made of many small hash tables. There may be a hundred thousand symbols, and one table that is
//! full would move all of its entries at once, which takes milliseconds.

use std::{collections::HashMap, hash::BuildHasher};

use foldhash::fast::RandomState;

use crate::tick::Symbol;

/// A map from symbols.
pub(in crate::fanout) struct SymbolMap<V> {
    /// Chooses the part of a symbol. Each part hashes with a key of its own, or its symbols would have few different
    /// hashes.
    hasher: RandomState,
    parts: Vec<HashMap<Symbol, V, RandomState>>,
}

/// With 100,000 symbols, a part has about 1,600.
const PARTS: usize = 64;

impl<V> SymbolMap<V> {
    pub fn get(&self, symbol: &Symbol) -> Option<&V> {
        self.parts[self.part(symbol)].get(symbol)
    }

    pub fn contains(&self, symbol: &Symbol) -> bool {
        self.get(symbol).is_some()
    }

    /// Says how many entries were moved for it.
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
        // The high bits: a table takes its slots from the low ones.
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
        // One table of as many would move 57,344 at once.
        assert!(moved.iter().all(|&moved| moved <= 3_600), "{:?} at once", moved.iter().max());
        assert!(moved.iter().sum::<usize>() > 30_000, "what is moved is reported");
        assert!((0..60_000).all(|number| symbols.get(&symbol(number)) == Some(&number)));
        assert!(!symbols.contains(&symbol(60_000)));
        symbols.remove(&symbol(7));
        assert!(!symbols.contains(&symbol(7)) && symbols.contains(&symbol(8)));
    }
}
