//! [`TradeId`]: a trade's name at its venue, by which it can be cancelled or corrected. Not unique beyond its symbol.
//!
//! Invariants: 0 to 32 bytes of UTF-8 without control characters, `"` and `\`, so no encoding needs an escape for it;
//! bytes after its end are 0; only the absent one is empty.

use std::{fmt, str};

/// A trade's name. The default, without a byte, stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TradeId {
    len: u8,
    bytes: [u8; TRADE_ID_BYTES_MAX],
}

/// The most bytes of a trade's name.
pub const TRADE_ID_BYTES_MAX: usize = 32;

/// The fault of a text that names no trade. Positions count bytes from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TradeIdError {
    #[error("at least one character")]
    Empty,
    #[error("at most 32 bytes, this has {0}")]
    TooLong(usize),
    #[error("no control character, quote or backslash, byte {at} is {char:?}")]
    Char { at: usize, char: char },
}

// === impl TradeId ===

impl TradeId {
    /// # Errors
    /// When the text is empty, too long, or has a character that names of trades may not have.
    pub fn new(text: &str) -> Result<Self, TradeIdError> {
        if text.is_empty() {
            return Err(TradeIdError::Empty);
        }
        if text.len() > TRADE_ID_BYTES_MAX {
            return Err(TradeIdError::TooLong(text.len()));
        }
        let is_wrong = |char: char| char.is_control() || matches!(char, '"' | '\\');
        if let Some((at, char)) = text.char_indices().find(|&(_, char)| is_wrong(char)) {
            return Err(TradeIdError::Char { at, char });
        }
        Ok(TradeId::checked(text.as_bytes()))
    }

    /// Of a venue's number.
    pub fn of_number(number: u64) -> Self {
        TradeId::checked(itoa::Buffer::new().format(number).as_bytes())
    }

    /// As a foreign recording has it: without blanks around it, and a UUID without its dashes, so that it fits. `None`
    /// when it is none that a tick can carry; its trade is one all the same.
    pub fn of_venue(text: &str) -> Option<Self> {
        /// Where a UUID of 36 bytes has its dashes.
        const DASHES: [usize; 4] = [8, 13, 18, 23];
        let text = text.trim_ascii();
        let is_uuid = text.len() == 36 && DASHES.iter().all(|&at| text.as_bytes()[at] == b'-');
        if is_uuid { TradeId::new(&text.replace('-', "")) } else { TradeId::new(text) }.ok()
    }

    /// Of bytes that were checked, at most as many as there is room for.
    fn checked(text: &[u8]) -> Self {
        let mut bytes = [0; TRADE_ID_BYTES_MAX];
        let len = text.len().min(TRADE_ID_BYTES_MAX);
        bytes[..len].copy_from_slice(&text[..len]);
        TradeId { len: len as u8, bytes }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// In words, for the packed ring: its length stands in the first byte.
impl TradeId {
    /// How many words the longest takes.
    pub(crate) const WORDS_MAX: usize = Self::words(TRADE_ID_BYTES_MAX);

    const fn words(len: usize) -> usize {
        (1 + len).div_ceil(8)
    }

    /// Calls `put` with each of its words.
    pub(crate) fn pack(&self, mut put: impl FnMut(u64)) {
        let mut packed = [0; Self::WORDS_MAX * 8];
        packed[0] = self.len;
        packed[1..=TRADE_ID_BYTES_MAX].copy_from_slice(&self.bytes);
        let (words, _) = packed.as_chunks::<8>();
        words[..Self::words(usize::from(self.len))].iter().for_each(|word| put(u64::from_le_bytes(*word)));
    }

    /// From the words that [`Self::pack`] gave.
    pub(crate) fn unpack(mut next: impl FnMut() -> u64) -> Self {
        let mut packed = [0; Self::WORDS_MAX * 8];
        let (words, _) = packed.as_chunks_mut::<8>();
        words[0] = next().to_le_bytes();
        let count = Self::words(usize::from(words[0][0])).min(Self::WORDS_MAX);
        words[1..count].iter_mut().for_each(|word| *word = next().to_le_bytes());
        TradeId::checked(&packed[1..=usize::from(packed[0]).min(TRADE_ID_BYTES_MAX)])
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trades_are_what_venues_give() {
        for name in ["4744868157", "a,b c", "12-3/4", "币", &"x".repeat(32), "null"] {
            let id = TradeId::new(name).unwrap();
            assert_eq!((id.as_str(), id.is_empty()), (name, false));
            let mut words = Vec::new();
            id.pack(|word| words.push(word));
            assert_eq!(words.len(), name.len() / 8 + 1);
            let mut words = words.into_iter();
            assert_eq!((TradeId::unpack(|| words.next().unwrap()), words.next()), (id, None));
        }
        assert_eq!(TradeId::of_number(u64::MAX).as_str(), "18446744073709551615");
        assert!(TradeId::default().is_empty());
    }

    #[test]
    fn what_names_no_trade_is_said_with_its_place() {
        let error = |name: &str| TradeId::new(name).unwrap_err();
        assert_eq!(error(""), TradeIdError::Empty);
        assert_eq!(error(&"币".repeat(11)), TradeIdError::TooLong(33));
        for char in ('\0'..' ').chain('\u{7f}'..='\u{9f}').chain(['"', '\\']) {
            assert_eq!(error(&format!("币{char}")), TradeIdError::Char { at: 3, char });
        }
    }

    #[test]
    fn a_uuid_fits_without_its_dashes() {
        let of = |text: &str| TradeId::of_venue(text).map(|id| id.to_string());
        let uuid = "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf";
        assert_eq!(of(uuid).as_deref(), Some("ccc3c1fa212ce8b017069b9c4f3d5ecf"));
        assert_eq!(of(" 12 ").as_deref(), Some("12"));
        assert_eq!(of(&uuid.replace('-', "_")), None);
        assert_eq!(of(" "), None);
    }
}
