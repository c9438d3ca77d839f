//! Reads and writes the text of decimals for [`Decimal`](super::Decimal) and [`Volume`](super::Volume). Holds no values.
//!
//! Invariants: a digit that a value cannot hold is refused or rounded, never dropped silently; the work depends on the
//! length of the text, and not on its exponent.

/// Decimal places of a unit: what most prices and sizes are counted in.
pub const UNIT_PLACES: u32 = 9;
/// The most decimal places that a value can have.
pub const PLACES_MAX: u32 = 18;

/// What the first of [`UNIT_PLACES`] counts.
const EIGHT_PLACES: u64 = 10u64.pow(UNIT_PLACES - 1);
/// More digits than a line has: no digit of the number is left, or it is out of any range.
const EXPONENT_MAX: i64 = 1_000_000_000;
/// A decimal of this many significant digits and the double nearest to it determine each other.
const DOUBLE_DIGITS: i64 = 15;
/// A printed double is rounded at the last place of a unit if its first digit is at this place or before, otherwise at
/// the last place of all. That leaves six digits or more.
const FLOAT_FIRST_PLACE: i64 = 4;

/// How a number is read that has more digits than a value holds, or than its author can have meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Exactly, or not at all.
    Exact,
    /// The same, but a number of more than 15 significant digits and 9 places is rounded: it is a double, printed.
    Double,
    /// Rounded where there is no room for a digit.
    Nearest,
}

/// Why a text is no [`Decimal`](super::Decimal).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    Syntax,
    #[error("more than 18 decimal places: round it")]
    Places,
    #[error("more than 18 significant digits: round it")]
    Digits,
    #[error("outside -999999999999999999 to 999999999999999999")]
    Range,
}

/// `digits(.digits)?` with an optional exponent, taken apart.
pub(super) struct Numeral<'a> {
    whole: &'a [u8],
    places: &'a [u8],
    /// The power of ten of the last whole digit.
    exponent: i64,
}

/// The powers of ten of a number's first and last digit that is not 0.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub first: i64,
    pub last: i64,
}

pub(super) fn without_sign(text: &str) -> (bool, &[u8]) {
    match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
}

// === impl Numeral ===

impl<'a> Numeral<'a> {
    pub fn read(text: &'a [u8]) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = match text.iter().position(|&byte| byte == b'e' || byte == b'E') {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, places) = match mantissa.iter().position(|&byte| byte == b'.') {
            Some(at) if at + 1 < mantissa.len() => (&mantissa[..at], &mantissa[at + 1..]),
            Some(_) => return Err(DecimalError::Syntax),
            None => (mantissa, &[][..]),
        };
        if whole.is_empty() || !whole.iter().chain(places).all(u8::is_ascii_digit) {
            return Err(DecimalError::Syntax);
        }
        Ok(Numeral { whole, places, exponent })
    }

    /// `None` when it is 0.
    pub fn span(&self) -> Option<Span> {
        let mut digits = self.whole.iter().chain(self.places);
        let count = self.whole.len() + self.places.len();
        let zeros = digits.clone().rev().position(|&digit| digit != b'0')?;
        let first = digits.position(|&digit| digit != b'0')?;
        let power = |at: usize| self.exponent + self.whole.len() as i64 - 1 - at as i64;
        Some(Span { first: power(first), last: power(count - 1 - zeros) })
    }

    /// The digits from one power of ten down to another, which are at most 38, as a whole number.
    pub fn digits(&self, from: i64, to: i64) -> u128 {
        (to..=from).rev().fold(0, |number, power| number * 10 + u128::from(self.digit(power)))
    }

    /// Whether the part behind a place is half of it or more.
    pub fn rounds_up(&self, place: i64) -> bool {
        self.digit(-place - 1) >= 5
    }

    fn digit(&self, power: i64) -> u8 {
        // The distance from the point: whole digits count from 0 to the left, places to the right.
        let at = power - self.exponent;
        let index = |at: i64| usize::try_from(at).unwrap_or(usize::MAX);
        let digit = if at >= 0 {
            self.whole.len().checked_sub(index(at).saturating_add(1)).and_then(|at| self.whole.get(at))
        } else {
            self.places.get(index(-1 - at))
        };
        digit.map_or(0, |digit| digit - b'0')
    }
}

// === impl Span ===

impl Span {
    pub fn digits(self) -> i64 {
        self.first - self.last + 1
    }

    /// The place to which a number counts, and whether it is rounded there.
    pub fn place(self, reading: Reading) -> Result<(i64, bool), DecimalError> {
        let last_place = (-self.last).max(0);
        let is_double = self.digits() > DOUBLE_DIGITS && last_place > i64::from(UNIT_PLACES);
        if reading == Reading::Double && is_double {
            let place = if self.first >= -FLOAT_FIRST_PLACE { UNIT_PLACES } else { PLACES_MAX };
            let place = i64::from(place);
            return Ok((place.min(last_place), place < last_place));
        }
        let places_max = i64::from(PLACES_MAX);
        match reading {
            Reading::Nearest => Ok((last_place.min(places_max), true)),
            _ if last_place > places_max => Err(DecimalError::Places),
            _ => Ok((last_place, false)),
        }
    }
}

/// Far beyond what any value can have, so it serves as no limit.
fn parse_exponent(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
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

/// Appends `.` and so many places, those at the front with zeros; the last is not a zero.
pub(super) fn write_all_places(number: u64, places: u32, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    out.push(b'.');
    out.resize(out.len() + places as usize - digits.len(), b'0');
    out.extend_from_slice(digits);
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
