//! Reads the parts of a frame one after another, and never beyond its end.

use super::BinaryError;

/// A position in a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Bytes that a varint of 64 bits has at most.
const VARINT_BYTES_MAX: usize = 10;

/// The signed number that is so coded: 0, -1, 1, -2 and so on.
#[inline]
pub(super) fn unzigzag(coded: u64) -> i64 {
    (coded >> 1).cast_signed() ^ -(coded & 1).cast_signed()
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What was read since the position was `from`.
    pub fn since(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.at).unwrap_or_default()
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, BinaryError> {
        let &byte = self.bytes.get(self.at).ok_or(BinaryError::Truncated { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, BinaryError> {
        let byte = self.byte()?;
        if byte < 0x80 { Ok(u64::from(byte)) } else { self.long_varint(byte) }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, BinaryError> {
        let begin = self.at - 1;
        let mut value = u64::from(first & 0x7F);
        for index in 1..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            // The tenth byte has the last bit of 64.
            if index == VARINT_BYTES_MAX - 1 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BinaryError::Overflow { at: begin })
    }

    /// A signed number, zigzag-coded.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, BinaryError> {
        Ok(unzigzag(self.varint()?))
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], BinaryError> {
        let truncated = BinaryError::Truncated { at: self.bytes.len() };
        let end = self.at.checked_add(length).ok_or(BinaryError::Truncated { at: self.bytes.len() })?;
        let taken = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// What has its length before it, as a cursor of its own that ends there.
    pub fn inner(&mut self) -> Result<Cursor<'a>, BinaryError> {
        let length = self.block()?.len();
        let bytes = self.bytes.get(..self.at).unwrap_or_default();
        Ok(Cursor { bytes, at: self.at - length })
    }

    /// Bytes behind their length.
    pub fn block(&mut self) -> Result<&'a [u8], BinaryError> {
        let length = self.varint()?;
        // A length that this machine cannot address is beyond any frame.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// UTF-8 behind its length.
    pub fn text(&mut self) -> Result<&'a str, BinaryError> {
        let begin = self.at;
        str::from_utf8(self.block()?).map_err(|_| BinaryError::Text { at: begin })
    }
}
