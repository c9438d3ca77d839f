//! Decimals as the wire has them: text. Here they become whole units where they have to be compared or counted with.
//!
//! No float: the wire's digits are exact, 18 places behind the point at most, and stay so.

/// Places behind the point.
pub const PLACES: usize = 18;

/// A decimal as units of 10⁻¹⁸; `None` when the text is not a decimal, has more places than the wire's, or is beyond what
/// these units can count: 1.7 × 10²⁰, which is more than any market's volume.
///
/// ```
/// use tickcast_client::decimal::units;
/// assert_eq!(units("87000.1"), Some(87_000_100_000_000_000_000_000));
/// assert_eq!(units("1.50"), units("1.5"));
/// assert_eq!(units("0.0000016425"), Some(1_642_500_000_000));
/// assert_eq!(units("buy"), None);
/// ```
pub fn units(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = !whole.is_empty() && places.len() <= PLACES;
    let has_places = !places.is_empty() || !digits.ends_with('.');
    if !is_plain || !has_places {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', PLACES - places.len());
    let mut sum = 0i128;
    for digit in whole.bytes().chain(places.bytes()).chain(zeros) {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    Some(if text.starts_with('-') { -sum } else { sum })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_decimal_of_the_wire_is_none() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "+1",
            "1e5",
            "1.0000000000000000001",
            "1 ",
            "170141183460469231732",
            "--1",
            "1.2.3",
            "\u{663}",
        ] {
            assert_eq!(units(text), None, "{text}");
        }
        assert_eq!(units("-0.000000000000000001"), Some(-1));
        assert_eq!(units("170141183460469231731.687303715884105727"), Some(i128::MAX));
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_numbers(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
            let text = |value: i64| format!("{}{}.{:03}", if value < 0 { "-" } else { "" }, value.abs() / 1_000, value.abs() % 1_000);
            prop_assert_eq!(units(&text(a)).cmp(&units(&text(b))), a.cmp(&b));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = units(&text);
        }
    }
}
