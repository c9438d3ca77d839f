//! What the venue has said on a connection of which symbols are halted, so that a change is told and a repetition is not.
//!
//! What it says first of a symbol is told in either case: another connection may have said otherwise.

use std::collections::HashMap;

use compact_str::CompactString;

use super::{
    asked::shown,
    venue::{Note, Reaction},
};

/// Of each symbol that was told of: whether it is halted.
#[derive(Default)]
pub struct Halts {
    symbols: HashMap<CompactString, bool>,
}

// === impl Halts ===

impl Halts {
    pub fn halted(&mut self, symbol: &str, why: &str, out: &mut Reaction) {
        if self.is_news(symbol, true) {
            out.note(Note::Halted { symbol: CompactString::new(symbol), why: shown(why) });
        }
    }

    pub fn trading(&mut self, symbol: &str, out: &mut Reaction) {
        if self.is_news(symbol, false) {
            out.note(Note::Trading { symbol: CompactString::new(symbol) });
        }
    }

    fn is_news(&mut self, symbol: &str, is_halted: bool) -> bool {
        match self.symbols.get_mut(symbol) {
            Some(known) => std::mem::replace(known, is_halted) != is_halted,
            None => self.symbols.insert(CompactString::new(symbol), is_halted).is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_and_changes_are_told() {
        let (mut halts, mut out) = (Halts::default(), Reaction::default());
        halts.trading("A", &mut out);
        halts.trading("A", &mut out);
        halts.halted("A", "news", &mut out);
        halts.halted("A", "news", &mut out);
        halts.trading("A", &mut out);
        halts.trading("A", &mut out);
        let trading = Note::Trading { symbol: CompactString::new("A") };
        let halted = Note::Halted { symbol: CompactString::new("A"), why: "news".to_owned() };
        assert_eq!(out.notes, [trading.clone(), halted, trading]);
    }
}
