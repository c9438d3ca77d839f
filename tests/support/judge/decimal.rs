//! Decimals as the judge counts them: exact, in units of 1e-18, and written apart from the service's own arithmetic.
//!
//! Invariant: [`Decimal::read`] takes plain decimal text alone, so a float's rendering (`1e-7`, `0.30000000000000004`)
//! that reached the wire fails the test that reads it.

use std::{fmt, ops::AddAssign};

/// A decimal in units of 1e-18.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Decimal(pub i128);

const ONE: u128 = 1_000_000_000_000_000_000;
const PLACES: usize = 18;

impl Decimal {
    /// Parses a decimal of the wire.
    pub fn read(text: &str) -> Decimal {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        assert!(
            !whole.is_empty()
                && plain(whole)
                && plain(places)
                && places.len() <= PLACES
                && !digits.ends_with('.'),
            "{text} is not a plain decimal with at most {PLACES} places"
        );
        let units: i128 = format!("{whole}{places:0<PLACES$}").parse().expect("a decimal of this size");
        Decimal(sign * units)
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, more: Decimal) {
        self.0 += more.0;
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let text = format!("{}.{:0PLACES$}", units / ONE, units % ONE);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[test]
fn the_judge_can_count() {
    for text in [
        "0",
        "1",
        "-0.5",
        "87000.1",
        "0.000000001",
        "9223372036.854775807",
        "123456789012345678901.5",
        "0.000000012345",
        "46116860414",
        "0.000000000000000001",
    ] {
        assert_eq!(Decimal::read(text).to_string(), text);
    }
    assert_eq!(Decimal::read("1.500"), Decimal(1_500_000_000_000_000_000));
}
