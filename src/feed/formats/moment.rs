//! Times in tables and captures: a count since 1970 in some unit, whole or with a fraction, or ISO-8601.
//!
//! Invariants: no time passes through a float; anything finer than a nanosecond is cut off; a unit that was not given
//! is determined by the size of the count, which is unambiguous from 1973 to 5138.

use std::str::FromStr;

use super::new_york::Day;
use crate::tick::Nanos;

/// The unit of a count since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unit {
    /// Seconds, milliseconds, microseconds or nanoseconds, detected from the size of the number; or ISO-8601.
    #[default]
    BySize,
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// ISO-8601; UTC where no offset is given.
    Iso,
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

// === impl Unit ===

impl Unit {
    /// The names that it is parsed from, for a person.
    pub const NAMES: &str = "s, ms, us, ns or iso";

    /// `None` when the text is no time in this unit.
    pub fn read(self, text: &str) -> Option<Nanos> {
        match self {
            Unit::Iso => iso(text),
            Unit::BySize if text.bytes().skip(1).any(|byte| matches!(byte, b'-' | b':')) => iso(text),
            _ => self.count(text),
        }
    }

    /// A whole count in this unit, as a number.
    pub fn of_count(self, count: i64) -> Option<Nanos> {
        count.checked_mul(self.nanos(count.unsigned_abs())).map(Nanos)
    }

    fn count(self, text: &str) -> Option<Nanos> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (whole, places) = match text.split_once('.') {
            Some((whole, places)) if !places.is_empty() => (whole, places),
            Some(_) => return None,
            None => (text, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(places.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let unit = self.nanos(whole.unsigned_abs());
        let mut nanos = whole.checked_mul(unit)?;
        let mut worth = unit;
        for digit in places.bytes() {
            worth /= 10;
            nanos = nanos.checked_add(i64::from(digit - b'0') * worth)?;
        }
        Some(Nanos(if negative { -nanos } else { nanos }))
    }

    /// Its nanoseconds.
    const fn nanos(self, count: u64) -> i64 {
        match self {
            Unit::Seconds | Unit::Iso => NANOS_PER_SECOND,
            Unit::Millis => 1_000_000,
            Unit::Micros => 1_000,
            Unit::Nanos => 1,
            Unit::BySize => Nanos::unit_by_size(count),
        }
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "s" => Unit::Seconds,
            "ms" => Unit::Millis,
            "us" => Unit::Micros,
            "ns" => Unit::Nanos,
            "iso" => Unit::Iso,
            _ => return Err(format!("not {}", Unit::NAMES)),
        })
    }
}

/// `2025-03-25T23:07:00.123456789+01:00`: a space or, as in `BitMEX`, a D may replace the T; time, fraction and offset
/// may be missing.
fn iso(text: &str) -> Option<Nanos> {
    let date = text.get(..10)?;
    let [b'-', b'-'] = [date.as_bytes()[4], date.as_bytes()[7]] else { return None };
    let day = Day::new(number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?)?;
    let midnight = day.utc_midnight();
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else { return Some(midnight) };
    let clock = rest.strip_prefix(['T', 't', ' ', 'D'])?;
    let zone_at = clock.find(['Z', 'z', '+', '-', ' ']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let (clock, places) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let mut parts = clock.split(':').map(number);
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    // A leap second is the first of the next minute.
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60 + seconds - offset_seconds(zone)?;
    let nanos = midnight.0.checked_add(seconds * NANOS_PER_SECOND)?;
    nanos.checked_add(fraction(places)?).map(Nanos)
}

/// The digits after the point, in nanoseconds.
fn fraction(places: &str) -> Option<i64> {
    if places.is_empty() || !places.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = places.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// The offset of a zone from UTC: `Z`, `UTC`, `+01:00`, `-0500`, `+01`, or nothing.
fn offset_seconds(zone: &str) -> Option<i64> {
    let zone = zone.trim_start();
    if matches!(zone, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => digits.split_at(2),
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Only digits: a sign is refused.
fn number(text: &str) -> Option<i64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NANOS: i64 = 1_583_020_803_145_678_901;

    #[track_caller]
    fn check(unit: Unit, text: &str, expected: Option<i64>) {
        assert_eq!(unit.read(text), expected.map(Nanos), "{text} as {unit:?}");
    }

    #[test]
    fn a_count_is_in_the_unit_that_was_named_or_in_that_of_its_size() {
        for (unit, text, nanos) in [
            (Unit::Seconds, "1583020803", 1_583_020_803_000_000_000),
            (Unit::Seconds, "1583020803.1456", 1_583_020_803_145_600_000),
            (Unit::Millis, "1583020803145", 1_583_020_803_145_000_000),
            (Unit::Millis, "1583020803145.678", 1_583_020_803_145_678_000),
            (Unit::Micros, "1583020803145678", 1_583_020_803_145_678_000),
            (Unit::Nanos, "1583020803145678901", NANOS),
        ] {
            check(unit, text, Some(nanos));
            check(Unit::BySize, text, Some(nanos));
        }
        check(Unit::Millis, "5000", Some(5_000_000_000));
        check(Unit::Seconds, "-1.5", Some(-1_500_000_000));
        check(Unit::Nanos, "12.9", Some(12));
        assert_eq!(Unit::BySize.of_count(1_583_020_803_145), Some(Nanos(1_583_020_803_145_000_000)));
    }

    #[test]
    fn moments_of_iso_8601_are_utc_or_say_how_far_from_it() {
        for text in [
            "2020-03-01T00:00:03.145678901Z",
            "2020-03-01 00:00:03.145678901",
            "2020-03-01 00:00:03.1456789019999 UTC",
            "2020-03-01T01:30:03.145678901+01:30",
            "2020-02-29T19:00:03.145678901-0500",
            "2020-03-01T02:00:03,145678901+02",
            "2020-03-01D00:00:03.145678901",
        ] {
            check(Unit::BySize, text, Some(NANOS));
            check(Unit::Iso, text, Some(NANOS));
        }
        check(Unit::Iso, "2020-03-01", Some(1_583_020_800_000_000_000));
        check(Unit::Iso, "2020-03-01T00:00", Some(1_583_020_800_000_000_000));
        check(Unit::Iso, "1970-01-01T00:00:01Z", Some(1_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e9",
            "+5",
            "12 ",
            "abc",
            "99999999999999999999",
            "1583020803145678901234",
            "NaN",
            "2020-13-01",
            "2020-03-01T",
            "2020-03-01T24:00:00Z",
            "2020-03-01T00:00:00.Z",
            "2020-03-01T00:00:00+1",
            "2020-03-01T00:00:00+99:00",
            "2020-03-01X00:00:00",
            "2020-03-01T0:é",
            "é020-03-01",
        ] {
            check(Unit::BySize, text, None);
        }
        check(Unit::Seconds, "99999999999", None);
        assert_eq!("minutes".parse::<Unit>(), Err("not s, ms, us, ns or iso".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "\\PC{0,40}|[0-9TZ:.+ -]{0,40}") {
            for unit in [Unit::BySize, Unit::Iso, Unit::Seconds, Unit::Nanos] {
                let _ = unit.read(&text);
            }
        }
    }
}
