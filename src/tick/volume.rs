//! [`Volume`]: a session's total of sizes. For the size of one trade see [`Fixed`].
//!
//! Invariant: a parsed value is below [`VOLUME_ONES_MAX`] on either side of 0, so that no market's trades overflow it.

use std::fmt;

use super::{
    decimal::{Excess, FixedError, parse_units, without_sign, write_decimal, write_places},
    fixed::{FIXED_ONE, Fixed},
};

/// A session's total of sizes, in units of 1e-9. Wider than [`Fixed`]: some coins trade in trillions a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Volume(pub i128);

/// The limit of a parsed [`Volume`]: more than the total of any market.
pub const VOLUME_ONES_MAX: i128 = 10i128.pow(24);

impl Volume {
    /// `None` only after more volume than any market has ever had.
    pub fn checked_add(self, size: Fixed) -> Option<Volume> {
        self.0.checked_add(i128::from(size.0)).map(Volume)
    }

    /// Parses as [`Fixed::parse`] does, over the wider range: below [`VOLUME_ONES_MAX`] on either side of 0.
    ///
    /// # Errors
    /// When the text is no decimal number, needs more than 9 places, or is out of range.
    pub fn parse(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Refused)
    }

    /// Parses as [`Fixed::parse_nearest`] does, over the wider range.
    ///
    /// # Errors
    /// When the text is no decimal number, is out of range, or is so small that it rounds to nothing.
    pub fn parse_nearest(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Rounded)
    }

    fn parse_with(text: &str, excess: Excess) -> Result<Self, FixedError> {
        let (negative, digits) = without_sign(text);
        let units = i128::try_from(parse_units(digits, excess)?).map_err(|_| FixedError::Range)?;
        if units >= VOLUME_ONES_MAX * i128::from(FIXED_ONE) {
            return Err(FixedError::Range);
        }
        Ok(Volume(if negative { -units } else { units }))
    }

    /// Appends the shortest decimal text that JSON accepts.
    pub fn write(self, out: &mut Vec<u8>) {
        let units = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        let whole = units / FIXED_ONE as u128;
        let places = (units % FIXED_ONE as u128) as u64;
        match u64::try_from(whole) {
            Ok(whole) => write_decimal(whole, places, out),
            Err(_) => {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
                write_places(places, out);
            }
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}
