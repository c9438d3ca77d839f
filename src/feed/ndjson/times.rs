//! Times of lines: counts since 1970, in a unit that is detected from their size.
//!
//! Seconds, milliseconds, microseconds and nanoseconds of one moment differ by factors of a thousand, and their ranges
//! from 1973 to 5138 do not overlap. A number below the seconds of 1973 would be 1970 in every unit: no feed means
//! that. Lines in a file may have such times, counted from a start of their own; there they are microseconds. A
//! recording with a header has microseconds, whatever their size.

use super::{
    error::ValueFault,
    values::{NdjsonValue, ValueUnread},
};
use crate::tick::Nanos;

/// Which times are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineClock {
    /// Real times.
    Real,
    /// Also times that count from 0, in microseconds.
    Any,
    /// Microseconds, as the format of recordings says.
    Micros,
}

/// From this number on it is seconds, or a finer unit.
const SECONDS_MIN: u64 = 100_000_000;
const MILLIS_MIN: u64 = 100_000_000_000;
const MICROS_MIN: u64 = 100_000_000_000_000;
const NANOS_MIN: u64 = 100_000_000_000_000_000;
const NANOS_A_SECOND: i64 = 1_000_000_000;

pub(super) fn read_time(value: NdjsonValue<'_>, clock: LineClock) -> Result<Nanos, ValueUnread<ValueFault>> {
    let time = match value {
        NdjsonValue::Whole(number) => i64::try_from(number).ok().and_then(|number| whole(number, clock)),
        NdjsonValue::Below(number) => whole(number, clock),
        // With a fraction, its double may not determine the value.
        NdjsonValue::Double(_) => return Err(ValueUnread::Digits),
        NdjsonValue::Digits(text) | NdjsonValue::Text(text) => decimal(text, clock),
        _ => None,
    };
    time.ok_or(ValueUnread::Fault(ValueFault::Time))
}

/// The time of a count, also of one that begins at 0.
pub fn time_of_any(count: i64) -> Option<Nanos> {
    whole(count, LineClock::Any)
}

fn whole(number: i64, clock: LineClock) -> Option<Nanos> {
    number.checked_mul(unit_nanos(number, clock)?).map(Nanos)
}

/// The nanoseconds of the unit of a number of this size.
fn unit_nanos(number: i64, clock: LineClock) -> Option<i64> {
    match number.unsigned_abs() {
        0..NANOS_MIN if clock == LineClock::Micros => Some(1_000),
        MICROS_MIN..NANOS_MIN => Some(1_000),
        NANOS_MIN.. => Some(1),
        MILLIS_MIN..MICROS_MIN => Some(1_000_000),
        SECONDS_MIN..MILLIS_MIN => Some(NANOS_A_SECOND),
        0..SECONDS_MIN => (clock == LineClock::Any).then_some(1_000),
    }
}

/// Digits, perhaps with a fraction or an exponent; anything finer than a nanosecond is cut.
fn decimal(text: &str, clock: LineClock) -> Option<Nanos> {
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        return decimal(&shifted(mantissa, exponent.parse().ok()?)?, clock);
    }
    let Some((before, fraction)) = text.split_once('.') else {
        return whole(text.parse().ok()?, clock);
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(before.strip_prefix('-').unwrap_or(before)) || !digits(fraction) {
        return None;
    }
    let number: i64 = before.parse().ok()?;
    let unit = unit_nanos(number, clock)?;
    let (mut nanos, mut place) = (0, unit);
    for digit in fraction.bytes() {
        place /= 10;
        nanos += i64::from(digit - b'0') * place;
    }
    let nanos = if before.starts_with('-') { -nanos } else { nanos };
    number.checked_mul(unit)?.checked_add(nanos).map(Nanos)
}

/// A number without its exponent: programs write large doubles with one.
fn shifted(mantissa: &str, exponent: i32) -> Option<String> {
    /// No time is longer.
    const EXPONENT_MAX: u32 = 19;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (before, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let point = i32::try_from(before.len()).ok()? + exponent;
    if before.is_empty() || fraction.is_empty() || exponent.unsigned_abs() > EXPONENT_MAX || point < 1 {
        return None;
    }
    let point = usize::try_from(point).ok()?;
    let digits = format!("{before}{fraction:0<point$}0");
    let (before, fraction) = digits.split_at_checked(point)?;
    Some(format!("{sign}{before}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: NdjsonValue<'_>, clock: LineClock) -> Option<i64> {
        read_time(value, clock).ok().map(|time| time.0)
    }

    #[test]
    fn the_unit_is_told_by_the_size() {
        for (number, nanos) in [
            (1_742_860_800, 1_742_860_800_000_000_000),
            (1_742_860_800_123, 1_742_860_800_123_000_000),
            (1_742_860_800_123_456, 1_742_860_800_123_456_000),
            (1_742_860_800_123_456_789, 1_742_860_800_123_456_789),
            (100_000_000, 100_000_000_000_000_000),
            (99_999_999_999, i64::MAX / 1_000_000_000 * 1_000_000_000),
        ] {
            let fits = !(9_223_372_036..=99_999_999_999).contains(&number);
            assert_eq!(read(NdjsonValue::Whole(number), LineClock::Real), fits.then_some(nanos), "{number}");
            assert_eq!(
                read(NdjsonValue::Text(&number.to_string()), LineClock::Real),
                fits.then_some(nanos),
                "{number}"
            );
        }
        assert_eq!(
            read(NdjsonValue::Below(-1_742_860_800), LineClock::Real),
            Some(-1_742_860_800_000_000_000)
        );
    }

    #[test]
    fn a_fraction_is_of_the_unit() {
        for (text, nanos) in [
            ("1742860800.5", 1_742_860_800_500_000_000),
            ("1742860800.123456789", 1_742_860_800_123_456_789),
            ("1742860800123.456", 1_742_860_800_123_456_000),
            ("1742860800.1234567899", 1_742_860_800_123_456_789),
            ("-1742860800.5", -1_742_860_800_500_000_000),
            ("1.7428608e9", 1_742_860_800_000_000_000),
            ("1.7428608001234568e+18", 1_742_860_800_123_456_800),
            ("1742860800123456E-6", 1_742_860_800_123_456_000),
            ("-1e9", -1_000_000_000_000_000_000),
        ] {
            assert_eq!(read(NdjsonValue::Digits(text), LineClock::Real), Some(nanos), "{text}");
        }
        for text in [
            "1742860800.",
            ".5",
            "1742860800.x",
            "1742860800.-5",
            ".5e9",
            "5.e9",
            "1e+-9",
            "1e99",
            "1e-9",
            "1e",
            "e9",
            "",
            "-",
            "x",
        ] {
            assert_eq!(read(NdjsonValue::Digits(text), LineClock::Real), None, "{text}");
        }
    }

    #[test]
    fn never_1970_but_in_a_recording_that_counts_from_there() {
        for number in [0, 1, 86_400, 99_999_999] {
            assert_eq!(read(NdjsonValue::Whole(number), LineClock::Real), None, "{number}");
            assert_eq!(
                read(NdjsonValue::Whole(number), LineClock::Any),
                Some(number as i64 * 1_000),
                "{number}"
            );
        }
        assert_eq!(read(NdjsonValue::Whole(u64::MAX), LineClock::Any), None);
        assert_eq!(read(NdjsonValue::Whole(864_000_000_000), LineClock::Micros), Some(864_000_000_000_000));
        assert_eq!(
            read(NdjsonValue::Whole(1_742_860_800_123_456_789), LineClock::Micros),
            Some(1_742_860_800_123_456_789)
        );
        assert_eq!(read(NdjsonValue::Null, LineClock::Any), None);
    }
}
