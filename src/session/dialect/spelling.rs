//! [`Spellings`]: finds symbols in a venue's spelling: any case (`btcusdt` for `BTCUSDT`), and with separators where
//! the market has others or none.
//!
//! Most markets use capitals only, so just the other symbols are indexed: by their capitals, and without separators.
//! Bounds: as many entries as the market has symbols.

use std::collections::HashMap;

use compact_str::CompactString;

use crate::{
    tick::{Symbol, SymbolError},
    wire::dialects::spelling,
};

/// Listed symbols with lower-case letters, by their upper-case form.
#[derive(Default)]
pub struct Spellings {
    /// The number of listed symbols processed.
    seen: usize,
    mixed: HashMap<String, Symbol>,
    /// Symbols with separators or lower-case letters, by their bare upper-case form.
    joined: HashMap<CompactString, Symbol>,
}

impl Spellings {
    /// Indexes the symbols listed since the last call. Returns how many.
    pub fn catch_up(&mut self, listed: &[Symbol]) -> usize {
        let new = listed.get(self.seen..).unwrap_or_default();
        for symbol in
            new.iter().filter(|symbol| symbol.as_str().bytes().any(|byte| byte.is_ascii_lowercase()))
        {
            // Of several, the first counts.
            self.mixed.entry(symbol.as_str().to_ascii_uppercase()).or_insert_with(|| symbol.clone());
        }
        for symbol in new {
            let joined = spelling::joined(symbol.as_str());
            if joined != symbol.as_str() {
                self.joined.entry(joined).or_insert_with(|| symbol.clone());
            }
        }
        self.seen = listed.len();
        new.len()
    }

    /// The symbols that this text may name, or may mean as a spelling.
    ///
    /// # Errors
    /// When it is no valid symbol.
    pub fn of(&self, text: &str, is_spelling: bool) -> Result<Vec<Symbol>, SymbolError> {
        if is_spelling { self.meanings(text) } else { self.candidates(text) }
    }

    /// The symbols that this text may name in any case, the likeliest first.
    ///
    /// # Errors
    /// When it is no valid symbol.
    pub fn candidates(&self, text: &str) -> Result<Vec<Symbol>, SymbolError> {
        let upper = text.to_ascii_uppercase();
        let mixed = self.mixed.get(&upper).cloned();
        let mut found = vec![Symbol::new(&upper)?];
        for other in [Symbol::new(text).ok(), mixed, Symbol::new(&text.to_ascii_lowercase()).ok()] {
            found.extend(other.filter(|other| !found.contains(other)));
        }
        Ok(found)
    }

    /// The symbols that a venue's spelling may mean: the exact one, and those that differ in separators and case.
    ///
    /// # Errors
    /// When it is no valid symbol.
    pub fn meanings(&self, text: &str) -> Result<Vec<Symbol>, SymbolError> {
        let joined = spelling::joined(text);
        let mut found = vec![Symbol::new(text)?];
        for other in [Symbol::new(&joined).ok(), self.joined.get(&joined).cloned()] {
            found.extend(other.filter(|other| !found.contains(other)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_found_in_any_case() {
        let symbol = |text: &str| Symbol::new(text).unwrap();
        let mut spellings = Spellings::default();
        let listed = [symbol("BTCUSDT"), symbol("EthUsdt"), symbol("ETHusdt"), symbol("sol-usd")];
        assert_eq!(spellings.catch_up(&listed[..2]), 2);
        assert_eq!(spellings.catch_up(&listed), 2);
        let candidates = |text: &str| {
            let found = spellings.candidates(text).unwrap();
            found.iter().map(|symbol| symbol.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(candidates("btcusdt"), ["BTCUSDT", "btcusdt"]);
        assert_eq!(candidates("ethusdt"), ["ETHUSDT", "ethusdt", "EthUsdt"]);
        assert_eq!(candidates("Sol-Usd"), ["SOL-USD", "Sol-Usd", "sol-usd"]);
        let meanings = |text: &str| {
            let found = spellings.meanings(text).unwrap();
            found.iter().map(|symbol| symbol.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(meanings("BTC/USDT"), ["BTC/USDT", "BTCUSDT"]);
        assert_eq!(meanings("BTCUSDT"), ["BTCUSDT"]);
        assert_eq!(meanings("SOL/USD"), ["SOL/USD", "SOLUSD", "sol-usd"]);
        assert!(spellings.candidates("").is_err() && spellings.candidates("a\"b").is_err());
    }
}
