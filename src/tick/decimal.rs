//! [`Decimal`]: a price or a size. For totals see [`Volume`](super::Volume).
//!
//! Nearly all values are whole numbers of units, of 1e-9 each, in 64 bits. Every other one has up to 18 significant digits
//! and up to 18 decimal places: a small price, or a size of tens of billions.
//!
//! Invariants: each value has one form, so that equal values are equal in every bit; the printed text is exactly the
//! decimal that was parsed, without trailing zeros.

use std::{cmp::Ordering, fmt};

use super::numeral::{
    DecimalError, Numeral, PLACES_MAX, Reading, UNIT_PLACES, without_sign, write_all_places, write_decimal,
};

/// An exact decimal: a price, a size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    mantissa: i64,
    scale: Scale,
}

/// The decimal places of a mantissa, as the number that differs from [`UNIT_PLACES`] in its bits: 0 for units.
///
/// Units come first: a value that they can hold has no other scale. Then the mantissa is below [`MANTISSA_MAX`], and it
/// ends in no zero, unless it is whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Scale(u8);

/// Units in one.
pub const UNITS_PER_ONE: i64 = 10i64.pow(UNIT_PLACES);

/// Significant digits that every decimal may have.
pub const DIGITS_MAX: usize = 18;

const MANTISSA_MAX: i64 = 10i64.pow(DIGITS_MAX as u32) - 1;

impl Decimal {
    pub const ZERO: Decimal = Decimal::from_units(0);
    pub const MAX: Decimal = Decimal { mantissa: MANTISSA_MAX, scale: Scale::of(0) };

    /// From a whole number of 1e-9.
    pub const fn from_units(units: i64) -> Self {
        Decimal { mantissa: units, scale: Scale::UNITS }
    }

    /// From a whole number.
    ///
    /// # Errors
    /// When it has more than 18 digits.
    pub fn from_int(value: i64) -> Result<Self, DecimalError> {
        match value.checked_mul(UNITS_PER_ONE) {
            Some(units) => Ok(Decimal::from_units(units)),
            None => Decimal::with_places(value, 0),
        }
    }

    /// From a whole number of 10 to the power of `-places`.
    ///
    /// # Errors
    /// When it needs more than 18 digits or places.
    pub fn with_places(mantissa: i64, places: u32) -> Result<Self, DecimalError> {
        Self::canonical(mantissa < 0, u128::from(mantissa.unsigned_abs()), places)
    }

    /// Divided by 10 to the power of `places`.
    ///
    /// # Errors
    /// When the result needs more than 18 places.
    pub fn shifted(self, places: u32) -> Result<Self, DecimalError> {
        Self::with_places(self.mantissa, self.scale.places() + places)
    }

    /// Parses `-?digits(.digits)?` exactly, with an optional exponent.
    ///
    /// # Errors
    /// When the text is not a decimal number, or has more than 18 significant digits or places.
    #[inline]
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        Self::parse_as(text, Reading::Exact)
    }

    /// Parses a number that a program may have printed from a double: up to 15 significant digits or 9 places are exact.
    /// A longer one is rounded at the 9th place, and below 0.0001 at the 18th; halves away from 0.
    ///
    /// # Errors
    /// When the text is not a decimal number, is out of range, or is so small that it rounds to nothing.
    #[inline]
    pub fn parse_double(text: &str) -> Result<Self, DecimalError> {
        Self::parse_as(text, Reading::Double)
    }

    /// Parses a number exactly where there is room for it, and rounds it at the 18th significant digit or place otherwise;
    /// halves away from 0. A plus before it is none of its digits.
    ///
    /// # Errors
    /// When the text is not a decimal number, is out of range, or is so small that it rounds to nothing.
    #[cold]
    pub fn parse_nearest(text: &str) -> Result<Self, DecimalError> {
        let text = text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(text);
        let exact = Self::parse(text);
        match exact {
            Err(DecimalError::Digits | DecimalError::Places) => Self::parse_as(text, Reading::Nearest),
            _ => exact,
        }
    }

    #[inline]
    fn parse_as(text: &str, reading: Reading) -> Result<Self, DecimalError> {
        let (negative, digits) = without_sign(text);
        if let Some(units) = Self::parse_short(digits) {
            return Ok(Self::from_units(if negative { -units } else { units }));
        }
        Self::parse_long(negative, digits, reading)
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
            None if !text.is_empty() => Self::units_of(digits, 0),
            Some(at) if at > 0 && at + 1 < text.len() => Self::units_of(digits, text.len() - at - 1),
            _ => None,
        }
    }

    /// The units of a decimal without its point and sign; `None` when it has more than 9 places or is out of range.
    #[inline]
    fn units_of(digits: u64, places: usize) -> Option<i64> {
        const SCALE: [u64; UNIT_PLACES as usize + 1] =
            [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        i64::try_from(digits.checked_mul(*SCALE.get(places)?)?).ok()
    }

    #[cold]
    fn parse_long(negative: bool, text: &[u8], reading: Reading) -> Result<Self, DecimalError> {
        let numeral = Numeral::read(text)?;
        let Some(span) = numeral.span() else { return Ok(Decimal::ZERO) };
        let (mut place, mut is_rounded) = span.place(reading)?;
        let digits_max = DIGITS_MAX as i64;
        if span.first >= digits_max {
            return Err(if span.digits() > digits_max { DecimalError::Digits } else { DecimalError::Range });
        }
        // A double of billions is rounded before its 9th place.
        let place_max = digits_max - 1 - span.first;
        if is_rounded && place > place_max {
            (place, is_rounded) = (place_max, true);
        }
        let rounding = u128::from(is_rounded && numeral.rounds_up(place));
        let mantissa = numeral.digits(span.first, -place) + rounding;
        if mantissa == 0 {
            return Err(DecimalError::Places);
        }
        Self::canonical(negative, mantissa, place as u32)
    }

    /// The one form of a value.
    fn canonical(negative: bool, mut mantissa: u128, mut places: u32) -> Result<Self, DecimalError> {
        let signed = |size: i128| if negative { -size } else { size };
        while places > 0 && mantissa.is_multiple_of(10) {
            (mantissa, places) = (mantissa / 10, places - 1);
        }
        let too_long =
            || if mantissa.is_multiple_of(10) { DecimalError::Range } else { DecimalError::Digits };
        let size = i128::try_from(mantissa).map_err(|_| too_long())?;
        if places <= UNIT_PLACES
            && let Some(units) = size.checked_mul(10i128.pow(UNIT_PLACES - places))
            && let Ok(units) = i64::try_from(signed(units))
        {
            return Ok(Decimal::from_units(units));
        }
        if places > PLACES_MAX {
            return Err(DecimalError::Places);
        }
        match i64::try_from(signed(size)) {
            Ok(mantissa) if size <= i128::from(MANTISSA_MAX) => {
                Ok(Decimal { mantissa, scale: Scale::of(places) })
            }
            _ => Err(too_long()),
        }
    }

    /// Whole units of 1e-9; `None` when they cannot hold the value.
    pub fn units(self) -> Option<i64> {
        self.scale.is_units().then_some(self.mantissa)
    }

    /// The whole number that it is of 10 to the power of minus some places, and these.
    #[inline]
    pub const fn mantissa(self) -> (i64, u32) {
        (self.mantissa, self.scale.places())
    }

    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whole units of 1e-9, rounded down, and how many of 1e-18 there are beside them.
    pub(super) fn split(self) -> (i128, u32) {
        let mantissa = i128::from(self.mantissa);
        match self.scale.places() {
            places @ ..=UNIT_PLACES => (mantissa * 10i128.pow(UNIT_PLACES - places), 0),
            places => {
                let (unit, part) = (10i128.pow(places - UNIT_PLACES), 10i128.pow(PLACES_MAX - places));
                (mantissa.div_euclid(unit), (mantissa.rem_euclid(unit) * part) as u32)
            }
        }
    }

    /// In units of 1e-18.
    pub fn smallest_units(self) -> i128 {
        let (units, rest) = self.split();
        units * 10i128.pow(PLACES_MAX - UNIT_PLACES) + i128::from(rest)
    }

    /// Appends the shortest decimal text that JSON accepts.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        if self.scale.is_units() { write_units(self.mantissa, out) } else { self.write_scaled(out) }
    }

    #[cold]
    fn write_scaled(self, out: &mut Vec<u8>) {
        if self.mantissa < 0 {
            out.push(b'-');
        }
        let places = self.scale.places();
        let (mantissa, one) = (self.mantissa.unsigned_abs(), 10u64.pow(places));
        out.extend_from_slice(itoa::Buffer::new().format(mantissa / one).as_bytes());
        if places > 0 {
            write_all_places(mantissa % one, places, out);
        }
    }

    pub(super) fn from_parts(mantissa: i64, scale: Scale) -> Self {
        Decimal { mantissa, scale }
    }

    pub(super) fn parts(self) -> (i64, Scale) {
        (self.mantissa, self.scale)
    }
}

/// Appends a value in units of 1e-9.
#[inline]
pub(super) fn write_units(units: i64, out: &mut Vec<u8>) {
    let size = units.unsigned_abs();
    if units < 0 {
        out.push(b'-');
    }
    write_decimal(size / UNITS_PER_ONE as u64, size % UNITS_PER_ONE as u64, out);
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale.is_units() && other.scale.is_units() {
            self.mantissa.cmp(&other.mantissa)
        } else {
            self.split().cmp(&other.split())
        }
    }
}

impl PartialOrd for Decimal {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}

// === impl Scale ===

impl Scale {
    pub const UNITS: Scale = Scale::of(UNIT_PLACES);
    /// Bits that a scale takes.
    pub const BITS: u32 = 5;

    const fn of(places: u32) -> Self {
        Scale((places ^ UNIT_PLACES) as u8)
    }

    const fn places(self) -> u32 {
        self.0 as u32 ^ UNIT_PLACES
    }

    pub const fn is_units(self) -> bool {
        self.0 == 0
    }

    /// The scale in the lowest bits.
    pub const fn from_bits(bits: u64) -> Self {
        Scale(bits as u8 & ((1 << Scale::BITS) - 1))
    }

    pub const fn bits(self) -> u64 {
        self.0 as u64
    }
}

const _: () = assert!(PLACES_MAX ^ UNIT_PLACES < 1 << Scale::BITS, "every scale fits its bits");
