//! [`Volume`]: a session's total of sizes. For the size of one trade see [`Decimal`].
//!
//! Invariants: a value is below [`VOLUME_ONES_MAX`] on either side of 0, and exact to 18 decimal places: a sum that is not
//! is refused, never rounded.

use std::fmt;

use super::{
    decimal::{Decimal, UNITS_PER_ONE},
    numeral::{
        DecimalError, Numeral, PLACES_MAX, Reading, UNIT_PLACES, without_sign, write_all_places,
        write_decimal, write_places,
    },
};

/// A session's total of sizes. Wider than [`Decimal`]: some coins trade in trillions a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Volume {
    /// Whole units of 1e-9, rounded down.
    units: i128,
    /// What they leave over, in units of 1e-18.
    rest: u32,
}

/// The limit of a [`Volume`]: more than the total of any market.
pub const VOLUME_ONES_MAX: i128 = 10i128.pow(24);

const UNITS_MAX: i128 = VOLUME_ONES_MAX * UNITS_PER_ONE as i128;
/// Of a unit.
const RESTS_PER_UNIT: u32 = 10u32.pow(PLACES_MAX - UNIT_PLACES);
/// The power of ten of the first digit of a value.
const FIRST_POWER_MAX: i64 = 23;

impl Volume {
    pub const ZERO: Volume = Volume::from_units(0);

    /// From a whole number of 1e-9, below the limit.
    pub const fn from_units(units: i128) -> Self {
        Volume { units, rest: 0 }
    }

    pub(super) const fn from_parts(units: i128, rest: u32) -> Self {
        Volume { units, rest }
    }

    /// Whole units of 1e-9, rounded down, and what they leave over in units of 1e-18.
    #[inline]
    pub(super) const fn parts(self) -> (i128, u32) {
        (self.units, self.rest)
    }

    /// `None` when the sum reaches the limit.
    #[inline]
    pub fn checked_add(self, size: Decimal) -> Option<Volume> {
        let (units, rest) = match size.units() {
            Some(units) => (i128::from(units), self.rest),
            None => Self::add_rest(self.rest, size),
        };
        // Neither summand is near the ends of its type.
        let units = self.units + units;
        Self::is_within(units).then_some(Volume { units, rest })
    }

    /// The sum of two; `None` when it reaches the limit.
    pub fn checked_sum(self, other: Volume) -> Option<Volume> {
        let rest = self.rest + other.rest;
        let (carry, rest) = if rest >= RESTS_PER_UNIT { (1, rest - RESTS_PER_UNIT) } else { (0, rest) };
        let units = self.units + other.units + carry;
        Self::is_within(units).then_some(Volume { units, rest })
    }

    /// Without a size that is part of it.
    #[must_use]
    pub fn without(self, size: Decimal) -> Volume {
        let (units, rest) = size.split();
        let borrows = rest > self.rest;
        let rest = if borrows { self.rest + RESTS_PER_UNIT } else { self.rest } - rest;
        Volume { units: self.units - units - i128::from(borrows), rest }
    }

    /// Whether a volume may have these units. The upper half says it of nearly all.
    #[inline]
    fn is_within(units: i128) -> bool {
        const HALF_MAX: u64 = (UNITS_MAX >> 64) as u64;
        ((units >> 64) as i64).unsigned_abs() < HALF_MAX || units.unsigned_abs() < UNITS_MAX as u128
    }

    /// The units that a size adds, with a carry, and the new rest.
    #[cold]
    fn add_rest(rest: u32, size: Decimal) -> (i128, u32) {
        let (units, more) = size.split();
        let rest = rest + more;
        if rest >= RESTS_PER_UNIT { (units + 1, rest - RESTS_PER_UNIT) } else { (units, rest) }
    }

    /// Parses as [`Decimal::parse`] does, over the wider range: below [`VOLUME_ONES_MAX`] on either side of 0.
    ///
    /// # Errors
    /// When the text is not a decimal number, has more than 18 places, or is out of range.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        Self::parse_as(text, Reading::Exact)
    }

    /// Parses as [`Decimal::parse_double`] does, over the wider range.
    ///
    /// # Errors
    /// When the text is not a decimal number, is out of range, or is so small that it rounds to nothing.
    pub fn parse_double(text: &str) -> Result<Self, DecimalError> {
        Self::parse_as(text, Reading::Double)
    }

    fn parse_as(text: &str, reading: Reading) -> Result<Self, DecimalError> {
        let (negative, digits) = without_sign(text);
        let numeral = Numeral::read(digits)?;
        let Some(span) = numeral.span() else { return Ok(Volume::ZERO) };
        let (place, is_rounded) = span.place(reading)?;
        if span.first > FIRST_POWER_MAX {
            return Err(DecimalError::Range);
        }
        let up = is_rounded && numeral.rounds_up(place);
        let (unit_place, last_place) = (i64::from(UNIT_PLACES), i64::from(PLACES_MAX));
        let mut units = numeral.digits(FIRST_POWER_MAX, -unit_place) as i128;
        let mut rest = 0;
        if place > unit_place {
            rest = numeral.digits(-unit_place - 1, -last_place) as u32 + u32::from(up);
        } else {
            units += i128::from(up);
        }
        if rest == RESTS_PER_UNIT {
            (units, rest) = (units + 1, 0);
        }
        if units >= UNITS_MAX {
            return Err(DecimalError::Range);
        }
        if units == 0 && rest == 0 {
            return Err(DecimalError::Places);
        }
        let volume = Volume { units, rest };
        Ok(if negative { volume.negated() } else { volume })
    }

    #[must_use]
    pub fn negated(self) -> Self {
        match self.rest {
            0 => Volume::from_units(-self.units),
            rest => Volume { units: -self.units - 1, rest: RESTS_PER_UNIT - rest },
        }
    }

    /// In units of 1e-18; `None` from 1.7 times 10^20 on.
    pub fn smallest_units(self) -> Option<i128> {
        self.units.checked_mul(i128::from(RESTS_PER_UNIT))?.checked_add(i128::from(self.rest))
    }

    /// As [`Decimal::mantissa`]; `None` when 64 bits do not hold it.
    pub fn mantissa(self) -> Option<(i64, u32)> {
        let (units, places) = match self.rest {
            0 => (self.units, UNIT_PLACES),
            _ => (self.smallest_units()?, PLACES_MAX),
        };
        // A large total has few places.
        let (mut units, mut places) = (units, places);
        while i64::try_from(units).is_err() && places > 0 && units % 10 == 0 {
            (units, places) = (units / 10, places - 1);
        }
        i64::try_from(units).ok().map(|mantissa| (mantissa, places))
    }

    /// The value when it is a whole number.
    pub fn whole(self) -> Option<i128> {
        let one = i128::from(UNITS_PER_ONE);
        (self.rest == 0 && self.units % one == 0).then(|| self.units / one)
    }

    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Appends the shortest decimal text that JSON accepts.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.rest != 0 {
            return self.write_long(out);
        }
        let units = self.units.unsigned_abs();
        if self.units < 0 {
            out.push(b'-');
        }
        let whole = units / UNITS_PER_ONE as u128;
        let places = (units % UNITS_PER_ONE as u128) as u64;
        match u64::try_from(whole) {
            Ok(whole) => write_decimal(whole, places, out),
            Err(_) => {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
                write_places(places, out);
            }
        }
    }

    /// With more than 9 places.
    #[cold]
    fn write_long(self, out: &mut Vec<u8>) {
        let Volume { units, rest } = if self.units < 0 { self.negated() } else { self };
        if self.units < 0 {
            out.push(b'-');
        }
        let one = i128::from(UNITS_PER_ONE);
        out.extend_from_slice(itoa::Buffer::new().format(units / one).as_bytes());
        let mut places = (units % one) as u64 * u64::from(RESTS_PER_UNIT) + u64::from(rest);
        let mut count = PLACES_MAX;
        while places.is_multiple_of(10) {
            (places, count) = (places / 10, count - 1);
        }
        write_all_places(places, count, out);
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Volume({self})")
    }
}
