//! The index of standing globs by text that they require: finds the globs that a new symbol may match. Its cost depends
//! on the globs that could match, not on their number.
//!
//! Each glob is filed once, under its [`PatternAnchor`]: the longest text that it requires, and where. A symbol is
//! looked up by its prefixes, suffixes and short substrings, in the lengths that occur. The result is candidates; the
//! caller does the match itself.
//!
//! Invariant: a glob that matches a symbol is among the symbol's candidates, exactly once.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use memchr::memmem;

use crate::tick::{
    SYMBOL_BYTES_MAX, Symbol,
    glob::{Glob, PatternAnchor},
};

/// Text that may be anywhere in a symbol is filed under this many of its bytes: they are looked up at each position.
const WITHIN_BYTES_MAX: usize = 8;

/// Globs by anchor.
#[derive(Default)]
pub(in crate::fanout) struct PatternIndex {
    prefixes: AnchorMap,
    suffixes: AnchorMap,
    within: AnchorMap,
    /// Globs that match every symbol.
    everything: Vec<u32>,
}

/// Globs by required text. Bytes, because names are searched at any byte, and text may be cut within a character.
struct AnchorMap {
    by_text: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    /// The number of texts of each length in bytes. Only lengths that occur are looked up.
    lengths: [u32; SYMBOL_BYTES_MAX + 1],
    longest: usize,
}

impl PatternIndex {
    pub fn insert(&mut self, pattern: u32, glob: &Glob) {
        match glob.anchor() {
            PatternAnchor::Prefix(text) => self.prefixes.insert(text.as_bytes(), pattern),
            PatternAnchor::Suffix(text) => self.suffixes.insert(text.as_bytes(), pattern),
            PatternAnchor::Within(text) => self.within.insert(filed(text.as_bytes()), pattern),
            PatternAnchor::None => self.everything.push(pattern),
        }
    }

    pub fn remove(&mut self, pattern: u32, glob: &Glob) {
        match glob.anchor() {
            PatternAnchor::Prefix(text) => self.prefixes.remove(text.as_bytes(), pattern),
            PatternAnchor::Suffix(text) => self.suffixes.remove(text.as_bytes(), pattern),
            PatternAnchor::Within(text) => self.within.remove(filed(text.as_bytes()), pattern),
            PatternAnchor::None => self.everything.retain(|&held| held != pattern),
        }
    }

    /// Appends the globs that may match.
    pub fn candidates(&self, symbol: &Symbol, found: &mut Vec<u32>) {
        let name = symbol.as_str().as_bytes();
        let before = found.len();
        found.extend_from_slice(&self.everything);
        self.prefixes.each_length(name.len(), |bytes| self.prefixes.find(&name[..bytes], found));
        self.suffixes.each_length(name.len(), |bytes| self.suffixes.find(&name[name.len() - bytes..], found));
        self.within.each_length(name.len(), |bytes| {
            for at in 0..=name.len() - bytes {
                let text = &name[at..at + bytes];
                // The symbol may contain the text several times.
                if self.within.has(text) && memmem::find(name, text) == Some(at) {
                    self.within.find(text, found);
                }
            }
        });
        found[before..].sort_unstable();
    }
}

/// The part of a text under which it is filed: the one with the most distinct bytes, which few other texts share.
fn filed(text: &[u8]) -> &[u8] {
    let bytes = text.len().min(WITHIN_BYTES_MAX);
    let parts = (0..=text.len() - bytes).map(|at| &text[at..at + bytes]);
    let different = |part: &&[u8]| {
        let seen = |at: usize| part[..at].contains(&part[at]);
        (0..part.len()).filter(|&at| !seen(at)).count()
    };
    parts.max_by_key(different).unwrap_or(text)
}

impl AnchorMap {
    fn insert(&mut self, text: &[u8], pattern: u32) {
        let held = self.by_text.entry(text.into()).or_default();
        if held.is_empty() {
            self.lengths[text.len()] += 1;
            self.longest = self.longest.max(text.len());
        }
        held.push(pattern);
    }

    fn remove(&mut self, text: &[u8], pattern: u32) {
        let Some(held) = self.by_text.get_mut(text) else { return };
        held.retain(|&held| held != pattern);
        if held.is_empty() {
            self.by_text.remove(text);
            self.lengths[text.len()] -= 1;
            while self.longest > 0 && self.lengths[self.longest] == 0 {
                self.longest -= 1;
            }
        }
    }

    fn each_length(&self, bytes_max: usize, see: impl FnMut(usize)) {
        let lengths = 1..=self.longest.min(bytes_max);
        lengths.filter(|&bytes| self.lengths[bytes] > 0).for_each(see);
    }

    fn has(&self, text: &[u8]) -> bool {
        self.by_text.contains_key(text)
    }

    fn find(&self, text: &[u8], found: &mut Vec<u32>) {
        if let Some(patterns) = self.by_text.get(text) {
            found.extend_from_slice(patterns);
        }
    }
}

impl Default for AnchorMap {
    fn default() -> Self {
        AnchorMap { by_text: HashMap::default(), lengths: [0; SYMBOL_BYTES_MAX + 1], longest: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).expect("a valid symbol")
    }

    proptest! {
        /// However globs are added and removed, a matching symbol finds each remaining one exactly once.
        #[test]
        fn every_matching_pattern_is_a_candidate(
            acts in prop::collection::vec(
                (r"[ab*]{1,10}|\*[ab]{6,12}\*|[ab*]((\\\*|[ab* 币带]){0,6}[a币])?|\*[a币带]{2,6}\*", any::<bool>()),
                1..60,
            ),
            names in prop::collection::vec("[ab]{1,24}|[ab*]([ab* 币带]{0,8}[ab币带])?", 1..10),
        ) {
            let mut index = PatternIndex::default();
            let mut held: Vec<(u32, Glob)> = Vec::new();
            for (pattern, (text, comes)) in (0..).zip(acts) {
                if comes || held.is_empty() {
                    let glob = Glob::new(&text).expect("a valid glob");
                    index.insert(pattern, &glob);
                    held.push((pattern, glob));
                } else {
                    let (gone, glob) = held.swap_remove(pattern as usize % held.len());
                    index.remove(gone, &glob);
                }
            }
            for name in names {
                let mut found = Vec::new();
                index.candidates(&symbol(&name), &mut found);
                let matches = |pattern: &u32| held.iter().any(|(held, glob)| held == pattern && glob.matches(&symbol(&name)));
                let mut expected: Vec<u32> =
                    held.iter().filter(|(_, glob)| glob.matches(&symbol(&name))).map(|&(pattern, _)| pattern).collect();
                expected.sort_unstable();
                prop_assert!(found.is_sorted_by(|a, b| a < b), "{:?}", found);
                prop_assert!(found.iter().all(|pattern| held.iter().any(|(held, _)| held == pattern)));
                found.retain(matches);
                prop_assert_eq!(found, expected, "{}", name);
            }
            for (pattern, glob) in &held {
                index.remove(*pattern, glob);
            }
            let maps = [&index.prefixes, &index.suffixes, &index.within];
            prop_assert!(index.everything.is_empty());
            prop_assert!(maps.iter().all(|map| map.by_text.is_empty() && map.longest == 0));
        }
    }

    #[test]
    fn runs_of_one_letter_are_told_apart_by_what_follows() {
        let mut index = PatternIndex::default();
        for pattern in 0..1_000 {
            let text = format!("*{}x{pattern}.*", "a".repeat(40));
            index.insert(pattern, &Glob::new(&text).expect("a valid glob"));
        }
        let mut found = Vec::new();
        index.candidates(&symbol(&"a".repeat(64)), &mut found);
        assert!(found.is_empty(), "{found:?}");
        index.candidates(&symbol(&format!("{}x77.b", "a".repeat(50))), &mut found);
        assert_eq!(found, [77]);
    }

    #[test]
    fn a_symbol_does_not_meet_the_patterns_of_others() {
        let mut index = PatternIndex::default();
        for pattern in 0..1_000 {
            let texts = [
                format!("X{pattern}-*"),
                format!("*-Y{pattern}"),
                format!("*.Z{pattern}.*"),
                format!("*Q{pattern}.*R"),
            ];
            for (kind, text) in (0..).zip(texts) {
                index.insert(4 * pattern + kind, &Glob::new(&text).expect("a valid glob"));
            }
        }
        let mut found = Vec::new();
        index.candidates(&symbol("X77-A.Z12.B-Y500"), &mut found);
        assert_eq!(found, [4 * 12 + 2, 4 * 77, 4 * 500 + 1]);
    }
}
