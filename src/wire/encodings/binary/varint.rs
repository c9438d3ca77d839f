//! Varints: seven bits per byte, least significant first; bit 7 is set on all bytes but the last.

use crate::wire::frames::TimesAfter;

/// A buffer on the stack, so that a head is copied in one go.
pub struct HeadBytes {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
}

/// Maximum size of kind, number, seq, `n` and times together.
const HEAD_BYTES_MAX: usize = 1 + 5 + 10 + 10 + 20;

/// A destination of bytes.
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

/// A signed number, zigzag encoded: small ones are short.
#[inline]
pub fn write_signed(value: i64, out: &mut impl ByteSink) {
    write(zigzag(value), out);
}

/// A bit set, in the same groups of seven bits.
pub fn write_mask(mut mask: u128, out: &mut impl ByteSink) {
    while mask >= 0x80 {
        out.put(mask as u8 | 0x80);
        mask >>= 7;
    }
    out.put(mask as u8);
}

/// A string: its length, then its bytes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// A message's times: the lowest bit says whether the receive time differs from that of the previous message.
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
