//! Reads and writes the text of decimals for [`Fixed`](super::Fixed) and [`Volume`](super::Volume). Holds no values.
//!
//! Invariants: all arithmetic uses whole numbers in units of 1e-9, and saturates where a value is out of any range; a
//! digit beyond the ninth place is refused or rounded, never dropped silently.

/// Decimal places of a [`Fixed`](super::Fixed).
pub const FIXED_PLACES: usize = 9;

/// What the first of [`FIXED_PLACES`] counts.
const EIGHT_PLACES: u64 = 10u64.pow(FIXED_PLACES as u32 - 1);
/// More digits than a line has: no digit of the number is left, or it is out of any range.
const EXPONENT_MAX: i64 = 1_000_000_000;

/// How a decimal that needs more than [`FIXED_PLACES`] is handled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Refused,
    Rounded,
}

/// Why a number is not a [`Fixed`](super::Fixed).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FixedError {
    #[error("not a decimal number")]
    Syntax,
    #[error("more than 9 decimal places")]
    Precision,
    #[error("outside -9223372036.854775808 to 9223372036.854775807")]
    Range,
}

pub(super) fn without_sign(text: &str) -> (bool, &[u8]) {
    match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
}

/// Units of 1e-9 of any `digits(.digits)?` with an optional exponent.
pub(super) fn parse_units(text: &[u8], excess: Excess) -> Result<u128, FixedError> {
    let (mantissa, exponent) = match text.iter().position(|&byte| byte == b'e' || byte == b'E') {
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, places) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) if at + 1 < mantissa.len() => (&mantissa[..at], &mantissa[at + 1..]),
        Some(_) => return Err(FixedError::Syntax),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(places).all(u8::is_ascii_digit) {
        return Err(FixedError::Syntax);
    }
    // The power of ten of the last digit in units; if below 0, that many digits are in excess.
    let shift = exponent - places.len() as i64 + FIXED_PLACES as i64;
    let kept = (whole.len() + places.len()) as i64 + shift.min(0);
    let (mut units, mut half, mut rest) = (0u128, false, false);
    for (at, &byte) in (0i64..).zip(whole.iter().chain(places)) {
        let digit = u128::from(byte - b'0');
        if at < kept {
            // The saturated value is out of any range.
            units = units.saturating_mul(10).saturating_add(digit);
        } else {
            half |= at == kept && digit >= 5;
            rest |= digit != 0;
        }
    }
    let units = match u32::try_from(shift) {
        Ok(shift) if units > 0 => units.saturating_mul(10u128.saturating_pow(shift)),
        Ok(_) => 0,
        Err(_) => units.saturating_add(u128::from(half)),
    };
    if rest && (excess == Excess::Refused || units == 0) {
        return Err(FixedError::Precision);
    }
    Ok(units)
}

/// Far beyond what any value can have, so it serves as no limit.
fn parse_exponent(text: &[u8]) -> Result<i64, FixedError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FixedError::Syntax);
    }
    let size = digits.iter().fold(0i64, |sum, byte| (sum * 10 + i64::from(byte - b'0')).min(EXPONENT_MAX));
    Ok(if negative { -size } else { size })
}

pub(super) fn write_decimal(whole: u64, places: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    write_places(places, out);
}

/// Appends `.` and the places without trailing zeros; nothing when there are none. `places` is below 1e9.
pub(super) fn write_places(places: u64, out: &mut Vec<u8>) {
    if places == 0 {
        return;
    }
    let (first, others) = (places / EIGHT_PLACES, digits_of(places % EIGHT_PLACES));
    let mut text = [b'.', b'0' + first as u8, 0, 0, 0, 0, 0, 0, 0, 0];
    text[2..].copy_from_slice(&(others | u64::from_le_bytes(*b"00000000")).to_le_bytes());
    // As a whole, since its length is known, and then less its end: quicker than a copy of some bytes.
    out.extend_from_slice(&text);
    let zeros = others.leading_zeros() / 8;
    out.truncate(out.len() - zeros as usize);
}

/// The eight digits of a number, one in each byte, the first in the lowest: halves are split three times, all at once.
fn digits_of(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    // One in a hundred, and one in ten, by multiplication: exact for numbers below 10,000, and below 100.
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}
