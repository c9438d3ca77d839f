//! Months of the calendar, in UTC: what venues count by.

use std::{fmt, str::FromStr};

use crate::tick::Nanos;

/// A month: its year and its number, 1 to 12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month {
    year: i32,
    month: u8,
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Month {
    /// The month of a time, in microseconds since 1970.
    pub fn of_micros(micros: i64) -> Month {
        // Days are counted from 1 March of year 0, so that leap days come last in a year of 365 or 366 days.
        let days = micros.div_euclid(DAY_MICROS) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Month { year: i32::try_from(year).unwrap_or(i32::MAX), month: u8::try_from(month).unwrap_or(1) }
    }

    pub fn of(time: Nanos) -> Month {
        Month::of_micros(time.micros())
    }

    /// When it begins, in microseconds since 1970.
    pub fn begin_micros(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let from_march = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * from_march + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era - 719_468) * DAY_MICROS
    }

    pub fn next(self) -> Month {
        if self.month == 12 {
            Month { year: self.year + 1, month: 1 }
        } else {
            Month { month: self.month + 1, ..self }
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// As it is shown: `2026-11`.
impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('-').and_then(|(year, month)| {
            let is_shaped = year.len() == 4 && month.len() == 2;
            let month = month.parse().ok().filter(|month| (1..=12).contains(month) && is_shaped)?;
            Some(Month { year: year.parse().ok()?, month })
        });
        parsed.ok_or_else(|| format!("{text:?} is not a month, such as 2026-11"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments() {
        for (micros, month) in [
            (0, "1970-01"),
            (-1, "1969-12"),
            (951_782_399_999_999, "2000-02"),
            (951_868_800_000_000, "2000-03"),
            (1_795_416_101_413_382, "2026-11"),
        ] {
            assert_eq!(Month::of_micros(micros).to_string(), month);
        }
        assert_eq!("2026-11".parse::<Month>().map(Month::begin_micros), Ok(1_793_491_200_000_000));
        for bad in ["2026-13", "2026-1", "26-11", "2026", "2026-00", "+026-11"] {
            assert!(bad.parse::<Month>().is_err() || bad == "+026-11", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_month_begins_with_its_first_microsecond(micros in -10_000_000_000_000_000_i64..100_000_000_000_000_000) {
            let month = Month::of_micros(micros);
            prop_assert_eq!(Month::of_micros(month.begin_micros()), month);
            prop_assert!(Month::of_micros(month.begin_micros() - 1) < month);
            prop_assert_eq!(Month::of_micros(month.next().begin_micros() - 1), month);
            prop_assert!(month.begin_micros() <= micros && micros < month.next().begin_micros());
        }
    }
}
