//! By how much a price has changed, in percent: exact as far as it is written, without a float.

/// Of [`Decimal::smallest_units`](crate::tick::Decimal::smallest_units): the change in percent, in units of 10 to the power of
/// `-places`, rounded, halves away from 0. It is 0 without a price before.
pub fn percent(change: i128, before: i128, places: u32) -> i128 {
    /// Digits that one step of the division adds.
    const STEP: u32 = 8;
    /// Below it a remainder has room for the digits of a step. A price of hundreds of billions is beyond it.
    const EXACT_BELOW: i128 = 10i128.pow(30);
    let (mut rest, mut before) = (change, before);
    while before.abs() >= EXACT_BELOW {
        (rest, before) = (rest / 10, before / 10);
    }
    if before == 0 {
        return 0;
    }
    let (mut found, mut wanted) = (rest / before, places + 3);
    while wanted > 0 {
        let digits = 10i128.pow(wanted.min(STEP));
        rest = rest % before * digits;
        found = found.saturating_mul(digits).saturating_add(rest / before);
        wanted -= wanted.min(STEP);
    }
    // One digit more than wanted.
    found.saturating_add(5 * found.signum()) / 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Decimal;

    #[test]
    fn a_percent_has_its_places() {
        for (before, after, places, expected) in [
            ("65023.75", "65086.18", 14, 9_601_107_287_722),
            ("100", "100", 14, 0),
            ("3", "2", 3, -33_333),
            ("3", "5", 2, 6_667),
            ("0", "5", 2, 0),
            ("999999999999999999", "1", 2, -10_000),
            ("0.000000000000000001", "1", 0, 99_999_999_999_999_999_900),
            ("0.000000001", "17014118346050000", 14, i128::MAX / 10),
        ] {
            let of = |text: &str| Decimal::parse(text).unwrap().smallest_units();
            assert_eq!(percent(of(after) - of(before), of(before), places), expected, "{before} to {after}");
        }
    }
}
