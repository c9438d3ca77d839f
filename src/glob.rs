//! Symbol patterns: `*` stands for any run of characters, everything else for itself.
//!
//! Patterns outlive the symbols they match: they also catch symbols born later. Equal patterns of many sessions are
//! matched once for each birth.

use compact_str::CompactString;
use wildmatch::WildMatchPattern;

use crate::tick::{SYMBOL_BYTES_MAX, Symbol, SymbolError, is_symbol_byte};

/// A valid pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    text: CompactString,
    /// The single-character wildcard is a byte that neither a symbol nor a pattern can have.
    matcher: WildMatchPattern<'*', '\0'>,
}

impl Glob {
    pub fn is_glob(text: &str) -> bool {
        text.contains('*')
    }

    /// # Errors
    /// When the text, its stars aside, could be no part of a symbol.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        if text.is_empty() {
            return Err(SymbolError::Empty);
        }
        if text.len() > SYMBOL_BYTES_MAX {
            return Err(SymbolError::TooLong(text.len()));
        }
        match text.bytes().position(|byte| byte != b'*' && !is_symbol_byte(byte)) {
            Some(at) => Err(SymbolError::Byte { at }),
            None => Ok(Glob { text: CompactString::new(text), matcher: WildMatchPattern::new(text) }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, symbol: &Symbol) -> bool {
        self.matcher.matches(symbol.as_str())
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, symbol: &str, expected: bool) {
        let glob = Glob::new(pattern).unwrap();
        assert_eq!(glob.matches(&Symbol::new(symbol).unwrap()), expected, "{pattern} {symbol}");
    }

    #[test]
    fn stars_match_any_run() {
        check("*", "A", true);
        check("BTC-*", "BTC-USD", true);
        check("BTC-*", "BTC-", true);
        check("BTC-*", "ETH-USD", false);
        check("*-USD", "BTC-USD", true);
        check("*-USD", "BTC-USDT", false);
        check("B*-*D", "BTC-USD", true);
        check("**", "A", true);
        check("A*A", "A", false);
        assert!(Glob::new("A?").is_err());
        assert!(Glob::new("").is_err());
    }
}
