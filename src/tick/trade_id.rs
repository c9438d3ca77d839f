//! [`TradeId`]: a trade's name at its venue, by which it can be cancelled or corrected. Not unique beyond its symbol.
//!
//! Invariants: 0 to 32 bytes of UTF-8, or 36 with dashes where a UUID has them, without control characters, `"` and `\`, so
//! no encoding needs an escape for it; bytes after its end are 0; only the absent one is empty.

use std::{fmt, ops::Deref, str};

/// A trade's name. The default, without a byte, stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TradeId {
    /// Of its text.
    len: u8,
    /// The text, of a UUID without its dashes: so every tick has room for one.
    bytes: [u8; KEPT_BYTES_MAX],
}

/// The text of a trade's name.
pub enum TradeIdText<'a> {
    Kept(&'a str),
    /// With its dashes put back.
    Uuid([u8; UUID_BYTES]),
}

/// The most bytes of a trade's name that is not a UUID.
const KEPT_BYTES_MAX: usize = 32;
/// The bytes of a UUID with its dashes.
const UUID_BYTES: usize = 36;
/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The fault of a text that names no trade. Positions count bytes from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TradeIdError {
    #[error("at least one character")]
    Empty,
    #[error("at most 32 bytes, or the 36 of a UUID, this has {0}")]
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
        let is_uuid = is_uuid(text);
        if text.len() > KEPT_BYTES_MAX && !is_uuid {
            return Err(TradeIdError::TooLong(text.len()));
        }
        let is_wrong = |char: char| char.is_control() || matches!(char, '"' | '\\');
        if let Some((at, char)) = text.char_indices().find(|&(_, char)| is_wrong(char)) {
            return Err(TradeIdError::Char { at, char });
        }
        Ok(if is_uuid { TradeId::of_uuid(text.as_bytes()) } else { TradeId::checked(text.as_bytes()) })
    }

    /// Of a venue's number.
    pub fn of_number(number: u64) -> Self {
        TradeId::checked(itoa::Buffer::new().format(number).as_bytes())
    }

    /// As a venue or a foreign recording has it, without blanks around it. `None` when it is none that a tick can carry; its
    /// trade is one all the same.
    pub fn of_venue(text: &str) -> Option<Self> {
        TradeId::new(text.trim_ascii()).ok()
    }

    /// Of bytes that were checked, at most as many as there is room for.
    fn checked(text: &[u8]) -> Self {
        let mut bytes = [0; KEPT_BYTES_MAX];
        let len = text.len().min(KEPT_BYTES_MAX);
        bytes[..len].copy_from_slice(&text[..len]);
        TradeId { len: len as u8, bytes }
    }

    /// Of text with the dashes of a UUID.
    fn of_uuid(text: &[u8]) -> Self {
        let mut bytes = [0; KEPT_BYTES_MAX];
        let others = text.iter().enumerate().filter(|(at, _)| !DASHES.contains(at));
        bytes.iter_mut().zip(others).for_each(|(byte, (_, other))| *byte = *other);
        TradeId { len: UUID_BYTES as u8, bytes }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn text(&self) -> TradeIdText<'_> {
        match self.bytes.get(..usize::from(self.len)) {
            Some(kept) => TradeIdText::Kept(str::from_utf8(kept).unwrap_or_default()),
            None => TradeIdText::Uuid(self.with_dashes()),
        }
    }

    #[cold]
    fn with_dashes(&self) -> [u8; UUID_BYTES] {
        let mut text = [b'-'; UUID_BYTES];
        let places = text.iter_mut().enumerate().filter(|(at, _)| !DASHES.contains(at));
        places.zip(self.bytes).for_each(|((_, place), byte)| *place = byte);
        text
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES && DASHES.iter().all(|&at| text.as_bytes()[at] == b'-')
}

// === impl TradeIdText ===

impl Deref for TradeIdText<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            TradeIdText::Kept(text) => text,
            TradeIdText::Uuid(text) => str::from_utf8(text).unwrap_or_default(),
        }
    }
}

/// In words, for the packed ring: its length stands in the first byte.
impl TradeId {
    /// How many words the longest takes.
    pub(crate) const WORDS_MAX: usize = Self::words(UUID_BYTES as u8);

    const fn words(len: u8) -> usize {
        let kept = if len as usize > KEPT_BYTES_MAX { KEPT_BYTES_MAX } else { len as usize };
        (1 + kept).div_ceil(8)
    }

    /// Calls `put` with each of its words.
    pub(crate) fn pack(&self, mut put: impl FnMut(u64)) {
        let mut packed = [0; Self::WORDS_MAX * 8];
        packed[0] = self.len;
        packed[1..=KEPT_BYTES_MAX].copy_from_slice(&self.bytes);
        let (words, _) = packed.as_chunks::<8>();
        words[..Self::words(self.len)].iter().for_each(|word| put(u64::from_le_bytes(*word)));
    }

    /// From the words that [`Self::pack`] gave.
    pub(crate) fn unpack(mut next: impl FnMut() -> u64) -> Self {
        let mut packed = [0; Self::WORDS_MAX * 8];
        let (words, _) = packed.as_chunks_mut::<8>();
        words[0] = next().to_le_bytes();
        let count = Self::words(words[0][0]);
        words[1..count].iter_mut().for_each(|word| *word = next().to_le_bytes());
        let len = packed[0];
        TradeId { len, ..TradeId::checked(&packed[1..=usize::from(len).min(KEPT_BYTES_MAX)]) }
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trades_are_what_venues_give() {
        const UUID: &str = "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf";
        let (long, bare) = ("x".repeat(32), UUID.replace('-', ""));
        for (name, words_max) in [
            ("4744868157", 2),
            ("a,b c", 1),
            ("12-3/4", 1),
            ("币", 1),
            (&*long, 5),
            ("null", 1),
            (UUID, 5),
            (&*bare, 5),
            ("币12345-币1-币1-币1-币123456789", 5),
        ] {
            let id = TradeId::new(name).unwrap();
            assert_eq!((&*id.text(), &*id.to_string(), id.is_empty()), (name, name, false));
            let mut words = Vec::new();
            id.pack(|word| words.push(word));
            assert_eq!(words.len(), words_max);
            let mut words = words.into_iter();
            assert_eq!((TradeId::unpack(|| words.next().unwrap()), words.next()), (id, None));
        }
        assert_ne!(TradeId::new(UUID), TradeId::new(&bare));
        assert_eq!(TradeId::of_number(u64::MAX).to_string(), "18446744073709551615");
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
    fn what_venues_have_is_taken_where_a_tick_can_carry_it() {
        let of = |text: &str| TradeId::of_venue(text).map(|id| id.to_string());
        let uuid = "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf";
        assert_eq!(of(&format!(" {uuid} ")).as_deref(), Some(uuid));
        assert_eq!(of(" 12 ").as_deref(), Some("12"));
        assert_eq!(of(&uuid.replace('-', "_")), None);
        assert_eq!(of(" "), None);
    }
}
