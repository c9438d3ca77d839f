//! Which symbols of a connection the venue has halted, so that a change is told and a repetition is not.

use std::collections::HashSet;

use compact_str::CompactString;

use super::{
    asked::shown,
    venue::{Note, Reaction},
};

/// The symbols that are halted.
#[derive(Default)]
pub struct Halts {
    symbols: HashSet<CompactString>,
}

// === impl Halts ===

impl Halts {
    pub fn halted(&mut self, symbol: &str, why: &str, out: &mut Reaction) {
        if self.symbols.insert(CompactString::new(symbol)) {
            out.note(Note::Halted { symbol: CompactString::new(symbol), why: shown(why) });
        }
    }

    pub fn trading(&mut self, symbol: &str, out: &mut Reaction) {
        if let Some(symbol) = self.symbols.take(symbol) {
            out.note(Note::Trading { symbol });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let (mut halts, mut out) = (Halts::default(), Reaction::default());
        halts.trading("A", &mut out);
        halts.halted("A", "news", &mut out);
        halts.halted("A", "news", &mut out);
        halts.trading("A", &mut out);
        halts.trading("A", &mut out);
        let symbol = CompactString::new("A");
        assert_eq!(
            out.notes,
            [Note::Halted { symbol: symbol.clone(), why: "news".to_owned() }, Note::Trading { symbol }]
        );
    }
}
