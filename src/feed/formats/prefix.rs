//! The prefix of every symbol of a recording: one name for the same instrument of several exchanges would be one topic.

use std::str::FromStr;

use crate::tick::{SYMBOL_BYTES_MAX, Symbol, SymbolError, check_symbol};

/// The beginning of a symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix(String);

impl Prefix {
    /// # Errors
    /// When the two together are not a symbol.
    pub fn before(&self, symbol: &Symbol) -> Result<Symbol, SymbolError> {
        Symbol::new(&format!("{}{symbol}", self.0))
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() >= SYMBOL_BYTES_MAX {
            return Err(format!("not shorter than {SYMBOL_BYTES_MAX} bytes"));
        }
        check_symbol(text.trim_end()).map_err(|error| error.to_string())?;
        Ok(Prefix(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_beginning_of_a_symbol() {
        let prefix: Prefix = "BINANCE:".parse().unwrap();
        let symbol = Symbol::new("BTCUSDT").unwrap();
        assert_eq!(prefix.before(&symbol).unwrap().as_str(), "BINANCE:BTCUSDT");
        assert!(prefix.before(&Symbol::new(&"A".repeat(60)).unwrap()).is_err());
        for (given, expected) in [("US ", "US BTCUSDT"), ("币安:", "币安:BTCUSDT")] {
            assert_eq!(given.parse::<Prefix>().unwrap().before(&symbol).unwrap().as_str(), expected);
        }
        for wrong in ["", " ", " a", "a,b", &"A".repeat(64)] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }
}
