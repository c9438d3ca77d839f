//! Whole numbers of variable length: seven bits a byte, the lowest first, and a set bit 7 on each but the last.

use crate::wire::frames::TimesAfter;

/// Bytes that are gathered on the stack, so that they are copied at once.
pub struct HeadBytes {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
}

/// A head, a number, seq, `n` and times, each as long as it may be.
const HEAD_BYTES_MAX: usize = 1 + 5 + 10 + 10 + 20;

/// What takes bytes.
pub trait ByteSink {
    fn put(&mut self, byte: u8);
}

impl ByteSink for Vec<u8> {
    #[inline]
    fn put(&mut self, byte: u8) {
        self.push(byte);
    }
}

impl HeadBytes {
    #[inline]
    pub fn new() -> Self {
        HeadBytes { bytes: [0; HEAD_BYTES_MAX], len: 0 }
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl ByteSink for HeadBytes {
    #[inline]
    fn put(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

#[inline]
pub fn write(mut value: u64, out: &mut impl ByteSink) {
    while value >= 0x80 {
        out.put(value as u8 | 0x80);
        value >>= 7;
    }
    out.put(value as u8);
}

/// A signed number: the sign in the lowest bit, so that small ones are short.
#[inline]
pub fn write_signed(value: i64, out: &mut impl ByteSink) {
    write(zigzag(value), out);
}

/// The same groups of seven bits, for a set of fields.
pub fn write_mask(mut mask: u128, out: &mut impl ByteSink) {
    while mask >= 0x80 {
        out.put(mask as u8 | 0x80);
        mask >>= 7;
    }
    out.put(mask as u8);
}

/// Its length, and the bytes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The times of a message: the lowest bit says whether the time of receipt differs from that of the message before.
#[inline]
pub fn write_times(after: TimesAfter, out: &mut impl ByteSink) {
    let TimesAfter { rx, lag } = after;
    write(zigzag(lag) << 1 | u64::from(rx != 0), out);
    if rx != 0 {
        write_signed(rx, out);
    }
}

#[inline]
const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}
