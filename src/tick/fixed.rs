//! [`Fixed`]: a price or a size. For totals see [`Volume`](super::Volume).
//!
//! Invariant: the printed text is exactly the decimal that was parsed, without trailing zeros.

use std::fmt;

use super::decimal::{Excess, FIXED_PLACES, FixedError, parse_units, without_sign, write_decimal};

/// A decimal in units of 1e-9: a price, a size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Fixed(pub i64);

/// Units of a [`Fixed`] in one.
pub const FIXED_ONE: i64 = 1_000_000_000;

impl Fixed {
    /// Parses `-?digits(.digits)?` exactly, with an optional exponent.
    ///
    /// # Errors
    /// When the text is no decimal number, needs more than 9 places, or is out of range.
    pub fn parse(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Refused)
    }

    /// The same, but a decimal that needs more than 9 places is rounded to the nearest value, halves away from 0.
    ///
    /// # Errors
    /// When the text is no decimal number, is out of range, or is so small that it rounds to nothing.
    pub fn parse_nearest(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Rounded)
    }

    fn parse_with(text: &str, excess: Excess) -> Result<Self, FixedError> {
        let (negative, digits) = without_sign(text);
        if let Some(units) = Self::parse_short(digits) {
            return Ok(Fixed(if negative { -units } else { units }));
        }
        let units = i128::try_from(parse_units(digits, excess)?).map_err(|_| FixedError::Range)?;
        i64::try_from(if negative { -units } else { units }).map(Fixed).map_err(|_| FixedError::Range)
    }

    /// The fast path of nearly all prices, in one pass: `digits(.digits)?`, up to 18 bytes and 9 places, within range.
    /// `None` for everything else, good or bad.
    fn parse_short(text: &[u8]) -> Option<i64> {
        if text.len() > 18 {
            return None;
        }
        let mut digits = 0u64;
        let mut point = None;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        match point {
            None if !text.is_empty() => Self::units(digits, 0),
            Some(at) if at > 0 && at + 1 < text.len() => Self::units(digits, text.len() - at - 1),
            _ => None,
        }
    }

    /// The value of a decimal without its point and sign; `None` when it has more than 9 places or is out of range.
    #[inline]
    fn units(digits: u64, places: usize) -> Option<i64> {
        const SCALE: [u64; FIXED_PLACES + 1] =
            [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        i64::try_from(digits.checked_mul(*SCALE.get(places)?)?).ok()
    }

    /// From a whole number.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn from_int(value: i64) -> Result<Self, FixedError> {
        value.checked_mul(FIXED_ONE).map(Fixed).ok_or(FixedError::Range)
    }

    /// Only for plots and displays.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / FIXED_ONE as f64
    }

    /// Appends the shortest decimal text that JSON accepts.
    pub fn write(self, out: &mut Vec<u8>) {
        let units = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        write_decimal(units / FIXED_ONE as u64, units % FIXED_ONE as u64, out);
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}
