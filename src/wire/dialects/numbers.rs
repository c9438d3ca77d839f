//! Decimals as venues write them: with at least so many places.

use crate::tick::{Decimal, Volume};

/// The places of [`Decimal::smallest_units`].
const SMALLEST_PLACES: usize = 18;

/// Appends a decimal with at least `places` places, and more if it has more.
#[inline]
pub fn write_padded(value: Decimal, places: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    value.write(out);
    pad(begin, places, out);
}

/// The same of a volume.
pub fn write_padded_volume(value: Volume, places: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    value.write(out);
    pad(begin, places, out);
}

/// Appends a value in units of 1e-18 with at least `places` places, and more if it has more.
pub fn write_smallest(units: i128, places: usize, out: &mut Vec<u8>) {
    const ONE: u128 = 10u128.pow(SMALLEST_PLACES as u32);
    if units < 0 {
        out.push(b'-');
    }
    let size = units.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(size / ONE).as_bytes());
    out.push(b'.');
    // Below 1e18.
    let (mut rest, mut digits) = ((size % ONE) as u64, [b'0'; SMALLEST_PLACES]);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let needed = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(&digits[..needed.max(places).min(SMALLEST_PLACES)]);
}

/// Adds zeros to the decimal that begins here, until it has so many places.
#[inline]
fn pad(begin: usize, places: usize, out: &mut Vec<u8>) {
    let digits = match memchr::memchr(b'.', &out[begin..]) {
        Some(at) => out.len() - begin - at - 1,
        None => {
            out.push(b'.');
            0
        }
    };
    out.resize(out.len() + places.saturating_sub(digits), b'0');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_added_and_never_taken_away() {
        for (text, expected) in [
            ("0.001", "0.00100000"),
            ("100", "100.00000000"),
            ("-0.5", "-0.50000000"),
            ("0.123456789", "0.123456789"),
            ("0.000000000001", "0.000000000001"),
            ("0", "0.00000000"),
        ] {
            let value = Decimal::parse(text).unwrap();
            let (mut out, mut smallest, mut volume) = (Vec::new(), Vec::new(), Vec::new());
            write_padded(value, 8, &mut out);
            write_smallest(value.smallest_units(), 8, &mut smallest);
            write_padded_volume(Volume::parse(text).unwrap_or(Volume::ZERO), 8, &mut volume);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            assert_eq!(String::from_utf8(smallest).unwrap(), expected);
            if !text.starts_with('-') {
                assert_eq!(String::from_utf8(volume).unwrap(), expected);
            }
        }
    }
}
