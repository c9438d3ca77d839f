//! Calendar days, and the time of midnight in New York, from which American exchanges count times.
//!
//! The rule of the two laws in force since 1987 is all that this needs of a time zone: both change the clock on a
//! Sunday at 2, so a day's midnight follows from its date alone. Times after the change on those Sundays are an hour
//! off; no exchange is open then.

use crate::tick::Nanos;

/// A calendar day, from 1970 on; before 1987, New York's summer time had another rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day {
    year: i64,
    month: i64,
    of_month: i64,
}

const NANOS_PER_HOUR: i64 = 3_600_000_000_000;
const YEARS: std::ops::RangeInclusive<i64> = 1970..=2200;
/// From this year on the second Sunday of March and the first of November; before, April and the last of October.
const LONGER_SUMMERS_FROM: i64 = 2007;

// === impl Day ===

impl Day {
    /// From `YYYYMMDD`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?)
    }

    pub fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (YEARS.contains(&year) && (1..=days).contains(&day)).then_some(Day { year, month, of_month: day })
    }

    /// The start of this day in UTC.
    pub fn utc_midnight(self) -> Nanos {
        Nanos(self.since_1970() * 24 * NANOS_PER_HOUR)
    }

    /// The start of this day in New York.
    pub fn midnight(self) -> Nanos {
        let hours_behind = if self.begins_in_summer() { 4 } else { 5 };
        Nanos((self.since_1970() * 24 + hours_behind) * NANOS_PER_HOUR)
    }

    /// Both changes come after midnight: the first day of summer time starts without it, the last with it.
    fn begins_in_summer(self) -> bool {
        let year = self.year;
        let (first, last) = if year >= LONGER_SUMMERS_FROM {
            (sunday_from(year, 3, 8), sunday_from(year, 11, 1))
        } else {
            (sunday_from(year, 4, 1), sunday_from(year, 10, 25))
        };
        first < self && self <= last
    }

    /// Days since 1970-01-01, in the Gregorian calendar. Years start in March here, so that February is last.
    fn since_1970(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.of_month - 1;
        365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
    }
}

/// The first Sunday on or after a day.
fn sunday_from(year: i64, month: i64, day: i64) -> Day {
    // 1970-01-01 was a Thursday.
    let weekday = (Day { year, month, of_month: day }.since_1970() + 4).rem_euclid(7);
    Day { year, month, of_month: day + (7 - weekday) % 7 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first day that starts in summer time, and the first that does not again, as in the time zone database.
    const CHANGES: [(i64, &str, &str); 11] = [
        (1990, "0402", "1029"),
        (1999, "0405", "1101"),
        (2000, "0403", "1030"),
        (2006, "0403", "1030"),
        (2007, "0312", "1105"),
        (2013, "0311", "1104"),
        (2020, "0309", "1102"),
        (2024, "0311", "1104"),
        (2025, "0310", "1103"),
        (2026, "0309", "1102"),
        (2037, "0309", "1102"),
    ];

    #[test]
    fn days_begin_as_the_time_zone_database_says() {
        for (year, summer, winter) in CHANGES {
            let mut utc = Day::new(year, 1, 1).unwrap().since_1970();
            for (month, day) in (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))) {
                let Some(date) = Day::new(year, month, day) else { continue };
                let text = format!("{month:02}{day:02}");
                let hours = if summer <= text.as_str() && text.as_str() < winter { 4 } else { 5 };
                assert_eq!(date.midnight(), Nanos((utc * 24 + hours) * NANOS_PER_HOUR), "{date:?}");
                utc += 1;
            }
        }
        // 2013-10-09T04:00:00Z
        assert_eq!(Day::parse("20131009").unwrap().midnight(), Nanos(1_381_291_200_000_000_000));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "2013100", "20131309", "20130229", "20130431", "20130100", "19690101", "2013-1-9"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
