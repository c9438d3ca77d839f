//! Names of instruments. A topic is not a symbol, but has one.
//!
//! Invariant: a [`Symbol`] is valid by construction; none of its bytes needs an escape in JSON.

use std::{fmt, str::FromStr};

use compact_str::CompactString;

/// The longest name of a symbol, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 64;

/// A symbol's name: 1 to 64 bytes of `A-Z a-z 0-9 . _ : / - @ ^ = # +`.
///
/// Up to 24 bytes are held inline, so that decoding does not allocate for common names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(CompactString);

/// Why a text is not a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SymbolError {
    #[error("a symbol has at least one character")]
    Empty,
    #[error("a symbol has at most 64 bytes, this has {0}")]
    TooLong(usize),
    #[error("a symbol is made of A-Z a-z 0-9 . _ : / - @ ^ = # +, byte {at} is not one of these")]
    Byte { at: usize },
}

impl Symbol {
    /// # Errors
    /// When the text is empty, too long, or has a byte that symbols may not have.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        check_symbol(text.as_bytes())?;
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
/// When these bytes are no symbol.
pub fn check_symbol(bytes: &[u8]) -> Result<(), SymbolError> {
    if bytes.is_empty() {
        return Err(SymbolError::Empty);
    }
    if bytes.len() > SYMBOL_BYTES_MAX {
        return Err(SymbolError::TooLong(bytes.len()));
    }
    match bytes.iter().position(|&byte| !SYMBOL_BYTES[byte as usize]) {
        Some(at) => Err(SymbolError::Byte { at }),
        None => Ok(()),
    }
}

/// [`is_symbol_byte`] of each byte, as a table: every tick of every feed has a symbol.
const SYMBOL_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_symbol_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Whether a symbol may contain this byte. None of them needs an escape in JSON.
pub const fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-' | b'@' | b'^' | b'=' | b'#' | b'+')
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
