//! The decimals of a message: mantissas in a scale that its prices or its sizes share, or each with its own scale.
//!
//! Invariant: the text of a decimal has no zeros that say nothing, as the text of JSON has none.

use std::borrow::Cow;

use super::{BinaryError, bytes::Cursor, table::ASK};

/// A decimal as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decimal<'a> {
    Scaled {
        mantissa: i64,
        places: u8,
    },
    /// More digits than a mantissa holds.
    Digits(&'a str),
}

/// How the prices and sizes of one body are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    Shared {
        price_places: u8,
        size_places: u8,
        /// The mantissa from which the first price is counted.
        base: i64,
        /// What an ask is counted from beside that.
        spread: i64,
    },
    /// Each has its own scale.
    Wide,
}

/// Reads the prices and sizes of one body, in their order.
pub(super) struct Scaled {
    scale: Scale,
    /// The mantissa of the first price, less its spread, from which the others are counted.
    first_price: Option<i64>,
}

const WIDE: u8 = 0xFF;
/// The most places of a scale that is shared.
const SHARED_PLACES_MAX: u8 = 14;
const PLACES_MAX: u8 = 18;
/// In place of a number of places: the digits follow as text.
const AS_TEXT: u8 = 31;

// === impl Scale ===

impl Scale {
    pub const ZERO: Scale = Scale::Shared { price_places: 0, size_places: 0, base: 0, spread: 0 };

    /// By a scale byte.
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Scale, BinaryError> {
        let at = cursor.at();
        let byte = cursor.byte()?;
        let (price_places, size_places) = (byte & 0x0F, byte >> 4);
        match byte {
            WIDE => Ok(Scale::Wide),
            _ if price_places > SHARED_PLACES_MAX || size_places > SHARED_PLACES_MAX => {
                Err(BinaryError::Value { at })
            }
            _ => Ok(Scale::Shared { price_places, size_places, base: 0, spread: 0 }),
        }
    }
}

// === impl Scaled ===

impl Scaled {
    pub fn new(scale: Scale) -> Self {
        Scaled { scale, first_price: None }
    }

    #[inline]
    pub fn price<'a>(&mut self, id: usize, cursor: &mut Cursor<'a>) -> Result<Decimal<'a>, BinaryError> {
        let Scale::Shared { price_places: places, base, spread, .. } = self.scale else {
            return general(cursor);
        };
        let at = cursor.at();
        let difference = cursor.signed()?;
        let spread = if id == ASK { spread } else { 0 };
        let sums = || {
            let price = self.first_price.unwrap_or(base).checked_add(difference)?;
            Some((price, price.checked_add(spread)?))
        };
        let (price, mantissa) = sums().ok_or(BinaryError::Overflow { at })?;
        self.first_price.get_or_insert(price);
        Ok(Decimal::Scaled { mantissa, places })
    }

    #[inline]
    pub fn size<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Decimal<'a>, BinaryError> {
        let Scale::Shared { size_places: places, .. } = self.scale else { return general(cursor) };
        let at = cursor.at();
        let mantissa = i64::try_from(cursor.varint()?).map_err(|_| BinaryError::Overflow { at })?;
        Ok(Decimal::Scaled { mantissa, places })
    }
}

/// A decimal that says itself how it is written.
pub(super) fn general<'a>(cursor: &mut Cursor<'a>) -> Result<Decimal<'a>, BinaryError> {
    let at = cursor.at();
    let code = cursor.byte()?;
    let places = code & 0x1F;
    if places == AS_TEXT {
        let digits = cursor.text()?;
        return if is_decimal(digits) { Ok(Decimal::Digits(digits)) } else { Err(BinaryError::Value { at }) };
    }
    if places > PLACES_MAX {
        return Err(BinaryError::Value { at });
    }
    let bytes = cursor.take(usize::from(code >> 5) + 1)?;
    let mut extended = if bytes.last().is_some_and(|&top| top >= 0x80) { [0xFF; 8] } else { [0; 8] };
    extended[..bytes.len()].copy_from_slice(bytes);
    Ok(Decimal::Scaled { mantissa: i64::from_le_bytes(extended), places })
}

fn is_decimal(digits: &str) -> bool {
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole) && is_number(places)
}

// === impl Decimal ===

impl<'a> Decimal<'a> {
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Decimal::Scaled { mantissa, places } => Cow::Owned(scaled(mantissa, places)),
            Decimal::Digits(digits) if digits.contains('.') => {
                Cow::Borrowed(digits.trim_end_matches('0').trim_end_matches('.'))
            }
            Decimal::Digits(digits) => Cow::Borrowed(digits),
        }
    }
}

/// The most characters of a scaled decimal: a sign, 19 digits or a zero before the places, the point.
const CHARS_MAX: usize = 24;

fn scaled(mantissa: i64, places: u8) -> String {
    let mut units = mantissa.unsigned_abs();
    let mut places = places;
    while places > 0 && units.is_multiple_of(10) {
        (units, places) = (units / 10, places - 1);
    }
    let mut text = [0u8; CHARS_MAX];
    let mut at = CHARS_MAX;
    let mut digits = 0;
    // At least one digit stands before the point.
    while units > 0 || digits <= places {
        if digits == places && places > 0 {
            at -= 1;
            text[at] = b'.';
        }
        at -= 1;
        text[at] = b'0' + (units % 10) as u8;
        units /= 10;
        digits += 1;
    }
    if mantissa < 0 {
        at -= 1;
        text[at] = b'-';
    }
    text[at..].iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_digits_that_count_and_no_others() {
        let check = |mantissa, places, expected: &str| {
            assert_eq!(Decimal::Scaled { mantissa, places }.text(), expected);
        };
        check(0, 0, "0");
        check(0, 14, "0");
        check(8_723_201, 2, "87232.01");
        check(8_723_200, 2, "87232");
        check(5, 1, "0.5");
        check(-5, 3, "-0.005");
        check(1_200, 2, "12");
        check(1_200, 0, "1200");
        check(i64::MAX, 18, "9.223372036854775807");
        check(i64::MIN, 18, "-9.223372036854775808");
        check(i64::MAX, 0, "9223372036854775807");
        check(-1, 18, "-0.000000000000000001");
        assert_eq!(Decimal::Digits("999999999999999999999999.50").text(), "999999999999999999999999.5");
        assert_eq!(Decimal::Digits("1000").text(), "1000");
    }
}
