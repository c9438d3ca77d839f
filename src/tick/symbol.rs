//! Names of instruments. A topic is not a symbol, but has one.
//!
//! A symbol is its bytes: nothing is normalized, folded or trimmed, so two spellings of what looks alike are two symbols.
//!
//! Invariant: a [`Symbol`] is valid by construction; none of its bytes needs an escape in JSON, or quotes in a table.

use std::{fmt, str::FromStr};

use compact_str::CompactString;

/// The longest name of a symbol, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 64;

/// A symbol's name: 1 to 64 bytes of UTF-8 without control characters, `"`, `\` and `,`, and without white space at
/// either end. Blanks within it are part of it.
///
/// Up to 24 bytes are held inline, so that decoding does not allocate for common names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(CompactString);

/// Why a text is not a symbol. Positions count bytes from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SymbolError {
    #[error("a symbol has at least one character")]
    Empty,
    #[error("a symbol has at most 64 bytes, this has {0}")]
    TooLong(usize),
    #[error("a symbol has no control character, quote, backslash or comma, byte {at} is {char:?}")]
    Char { at: usize, char: char },
    #[error("a symbol neither begins nor ends with white space, byte {at} is some")]
    Blank { at: usize },
}

impl Symbol {
    /// # Errors
    /// When the text is empty, too long, has a character that symbols may not have, or white space at an end.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        check_symbol(text)?;
        Ok(Symbol(CompactString::new(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Symbol::new(text)
    }
}

/// # Errors
/// When this text is not a symbol.
pub fn check_symbol(text: &str) -> Result<(), SymbolError> {
    if text.is_empty() {
        return Err(SymbolError::Empty);
    }
    if text.len() > SYMBOL_BYTES_MAX {
        return Err(SymbolError::TooLong(text.len()));
    }
    check_characters(text)
}

/// # Errors
/// When the text has a character that symbols may not have, or white space at an end.
pub fn check_characters(text: &str) -> Result<(), SymbolError> {
    let bytes = text.as_bytes();
    let is_plain = bytes.iter().all(|&byte| PLAIN_BYTES[byte as usize]);
    if is_plain && bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ') {
        return Ok(());
    }
    check_each(text)
}

/// The same, character by character.
#[cold]
fn check_each(text: &str) -> Result<(), SymbolError> {
    let is_wrong = |char: char| char.is_control() || matches!(char, '"' | '\\' | ',');
    if let Some((at, char)) = text.char_indices().find(|&(_, char)| is_wrong(char)) {
        return Err(SymbolError::Char { at, char });
    }
    if text.starts_with(char::is_whitespace) {
        return Err(SymbolError::Blank { at: 0 });
    }
    let end = text.trim_end().len();
    if end < text.len() { Err(SymbolError::Blank { at: end }) } else { Ok(()) }
}

/// Bytes that are a character which a symbol may have, as a table: every tick of every feed has a symbol.
const PLAIN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b' ';
    while byte < 0x7f {
        table[byte as usize] = !matches!(byte, b'"' | b'\\' | b',');
        byte += 1;
    }
    table
};

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_what_markets_call_their_instruments() {
        for name in [
            "BTC-USD",
            "^GSPC.X_y:z/a@b=c#d+",
            "AAPL  250221C00250000",
            "ESM4 P5230",
            "BRN FMJ0024!",
            "SAN-I*",
            "币安人生USDT",
            "A\u{2028}B",
            "A\u{202e}B",
            "\u{200b}",
            "'`<&>;|%~",
            &"币".repeat(21),
            &"x".repeat(64),
        ] {
            assert_eq!(Symbol::new(name).map(|symbol| symbol.to_string()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_is_no_symbol_is_said_with_its_place() {
        let error = |name: &str| Symbol::new(name).unwrap_err();
        assert_eq!(error(""), SymbolError::Empty);
        assert_eq!(error(&"x".repeat(65)), SymbolError::TooLong(65));
        assert_eq!(error(&"币".repeat(22)), SymbolError::TooLong(66));
        for char in ('\0'..' ').chain('\u{7f}'..='\u{9f}').chain(['"', '\\', ',']) {
            assert_eq!(error(&format!("币{char}B")), SymbolError::Char { at: 3, char });
        }
        let blanks = (' '..'\u{ffff}').filter(|char| char.is_whitespace() && !char.is_control());
        let mut count = 0;
        for blank in blanks {
            assert_eq!(error(&format!("{blank}A")), SymbolError::Blank { at: 0 });
            assert_eq!(error(&format!("币A{blank}{blank}")), SymbolError::Blank { at: 4 });
            assert_eq!(error(&blank.to_string()), SymbolError::Blank { at: 0 });
            assert!(Symbol::new(&format!("A{blank}B")).is_ok());
            count += 1;
        }
        assert_eq!(count, 19, "Unicode's white space, but for the controls");
        assert_eq!(
            error("A,B").to_string(),
            "a symbol has no control character, quote, backslash or comma, byte 1 is ','"
        );
    }
}
