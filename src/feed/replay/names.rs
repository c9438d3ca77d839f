//! The symbols that a replay knows before they tick: those selected by name, and those of its first records. The
//! recording is not read through for this, so a symbol that first appears late is not known before.

use std::collections::HashSet;

use crate::{
    feed::{
        DeclaredSymbols,
        recording::{RecordedTick, Selection},
    },
    tick::{Glob, Symbol},
};

pub struct Names(HashSet<Symbol>);

// === impl Names ===

impl Names {
    pub fn new<'a>(selection: &Selection, first: impl Iterator<Item = &'a RecordedTick>) -> Self {
        let named = selection.symbols.iter().filter_map(Glob::named);
        Names(named.chain(first.map(|record| record.tick.symbol.clone())).collect())
    }
}

impl DeclaredSymbols for Names {
    fn lists(&self, symbol: &Symbol) -> bool {
        self.0.contains(symbol)
    }

    fn declared(&self) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = self.0.iter().cloned().collect();
        symbols.sort_unstable();
        symbols
    }
}
