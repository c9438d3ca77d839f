//! Times as venues write them: ISO 8601 in UTC, with the places of their unit.
//!
//! Written here and not by a library of dates, because each message of data has one.

use crate::tick::Nanos;

const SECONDS_A_DAY: i64 = 86_400;
const NANOS_A_SECOND: i64 = 1_000_000_000;

/// Appends a time such as `2022-12-25T09:30:59.123456Z`.
pub fn write_micros(time: Nanos, out: &mut Vec<u8>) {
    write(time, b'T', out);
    write_places(time.0.rem_euclid(NANOS_A_SECOND) / 1_000, 6, out);
    out.push(b'Z');
}

/// Appends a time such as `2022-12-25T09:30:59.123456789Z`.
pub fn write_nanos(time: Nanos, out: &mut Vec<u8>) {
    write(time, b'T', out);
    write_places(time.0.rem_euclid(NANOS_A_SECOND), 9, out);
    out.push(b'Z');
}

/// Appends a time with as many places as it needs, such as `2022-12-25T09:30:59.12Z` or `2022-12-25T09:30:59Z`.
pub fn write_shortest(time: Nanos, out: &mut Vec<u8>) {
    write_nanos(time, out);
    let is_needed = |byte: &u8| *byte != b'0' && *byte != b'Z';
    let end = out.iter().rposition(is_needed).map_or(0, |at| if out[at] == b'.' { at } else { at + 1 });
    // Zeros of whole seconds stand behind no point.
    let digits = out.len() - "2022-12-25T09:30:59.000000000Z".len() + "2022-12-25T09:30:59".len();
    out.truncate(end.max(digits));
    out.push(b'Z');
}

/// Appends a time such as `2022-12-25 09:30:59.123456789 +0000 UTC`, as programs in Go print it.
pub fn write_go(time: Nanos, out: &mut Vec<u8>) {
    write(time, b' ', out);
    write_places(time.0.rem_euclid(NANOS_A_SECOND), 9, out);
    out.extend_from_slice(b" +0000 UTC");
}

/// Appends date and time without its places.
#[inline]
fn write(time: Nanos, between: u8, out: &mut Vec<u8>) {
    let seconds = time.0.div_euclid(NANOS_A_SECOND);
    let (year, month, day) = date(seconds.div_euclid(SECONDS_A_DAY));
    // Both are bounded by their divisors.
    let second = seconds.rem_euclid(SECONDS_A_DAY) as u32;
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let mut text = *b"0000-00-00T00:00:00";
    set_digits(year as u32, &mut text[..4]);
    set_digits(month as u32, &mut text[5..7]);
    set_digits(day as u32, &mut text[8..10]);
    text[10] = between;
    set_digits(hour, &mut text[11..13]);
    set_digits(minute, &mut text[14..16]);
    set_digits(second % 60, &mut text[17..]);
    out.extend_from_slice(&text);
}

#[inline]
fn write_places(value: i64, places: usize, out: &mut Vec<u8>) {
    let mut text = *b".000000000";
    set_digits(value as u32, &mut text[1..=places]);
    out.extend_from_slice(&text[..=places]);
}

/// The last digits of a number, as many as there is room for.
#[inline]
fn set_digits(mut value: u32, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day since 1970. Years begin in March here, so that the day that a leap year adds is the last.
fn date(day: i64) -> (i64, i64, i64) {
    /// From March 1st of the year 0 to 1970.
    const DAYS_TO_1970: i64 = 719_468;
    /// The length of the calendar's period.
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let day = day + DAYS_TO_1970;
    let (period, of_period) = (day.div_euclid(DAYS_IN_400_YEARS), day.rem_euclid(DAYS_IN_400_YEARS));
    let leap_days = of_period / 1_460 - of_period / 36_524 + of_period / 146_096;
    let year = (of_period - leap_days) / 365;
    let of_year = of_period - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (400 * period + year, if month < 10 { month + 3 } else { month - 9 });
    (year + i64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn text(write: fn(Nanos, &mut Vec<u8>), nanos: i64) -> String {
        let mut out = Vec::new();
        write(Nanos(nanos), &mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn times_are_those_of_a_library(nanos in 0..i64::MAX) {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos as u64);
            let whole = Duration::from_micros(nanos as u64 / 1_000);
            prop_assert_eq!(text(write_nanos, nanos), humantime::format_rfc3339_nanos(time).to_string());
            prop_assert_eq!(text(write_micros, nanos), humantime::format_rfc3339_micros(UNIX_EPOCH + whole).to_string());
        }
    }

    #[test]
    fn days_of_leap_years_and_before_1970() {
        for (nanos, expected) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(text(write_nanos, nanos), expected);
        }
        assert_eq!(text(write_go, 1_786_309_548_854_840_045), "2026-08-09 21:05:48.854840045 +0000 UTC");
    }
}
