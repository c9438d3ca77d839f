//! Values: exact decimals, times whose size tells their unit, names from a fixed set of bytes.

use proptest::prelude::*;

use super::*;

fn check_parse(text: &str, expected: Result<i64, FixedError>) {
    assert_eq!(Fixed::parse(text).map(|fixed| fixed.0), expected, "{text}");
}

#[test]
fn decimals_are_parsed_exactly_or_refused() {
    check_parse("87000.10", Ok(87_000_100_000_000));
    check_parse("0.000000001", Ok(1));
    check_parse("-0.5", Ok(-500_000_000));
    check_parse("1e3", Ok(1_000_000_000_000));
    check_parse("1.5E-8", Ok(15));
    check_parse("9223372036.854775807", Ok(i64::MAX));
    check_parse("-9223372036.854775808", Ok(i64::MIN));
    check_parse("9223372036.854775808", Err(FixedError::Range));
    check_parse("1e99", Err(FixedError::Range));
    check_parse("0.0000000001", Err(FixedError::Precision));
    check_parse("0.1000000000000", Ok(100_000_000));
    for text in ["", "-", ".", "1.", ".5", "+1", "1e", "0x1", "1_000", "NaN", "1e+-3"] {
        check_parse(text, Err(FixedError::Syntax));
    }
}

#[test]
fn volumes_reach_beyond_a_fixed() {
    assert_eq!(Volume::parse("10000000000000.5").unwrap().to_string(), "10000000000000.5");
    assert_eq!(Volume::parse("100000000000000000000000").unwrap().to_string(), "100000000000000000000000");
    assert_eq!(Volume::parse("-1.5"), Ok(Volume(-1_500_000_000)));
    assert_eq!(Volume::parse("5e20").unwrap().to_string(), "500000000000000000000");
    assert_eq!(Volume::parse("999999999999999999999999.999999999").unwrap().0, 10i128.pow(33) - 1);
    assert_eq!(Volume::parse("1e24"), Err(FixedError::Range));
    assert_eq!(Volume::parse("--1"), Err(FixedError::Syntax));
}

#[test]
fn the_nearest_of_many_places_is_taken() {
    let nearest = |text: &str| Fixed::parse_nearest(text).map(|fixed| fixed.0);
    assert_eq!(nearest("0.30000000000000004"), Ok(300_000_000));
    assert_eq!(nearest("123456789.1234567894"), Ok(123_456_789_123_456_789));
    assert_eq!(nearest("0.0000000005"), Ok(1));
    assert_eq!(nearest("-0.0000000015"), Ok(-2));
    assert_eq!(nearest("9223372036.8547758074"), Ok(i64::MAX));
    assert_eq!(nearest("9223372036.8547758075"), Err(FixedError::Range));
    assert_eq!(nearest("0.00000000049"), Err(FixedError::Precision));
    assert_eq!(nearest("1e-99999999999999999999"), Err(FixedError::Precision));
    assert_eq!(nearest("1e99999999999999999999"), Err(FixedError::Range));
    assert_eq!(nearest("0e99999999999999999999"), Ok(0));
}

#[test]
fn the_size_of_a_time_tells_its_unit() {
    let moment = Some(Nanos(1_735_689_600_000_000_000));
    for count in [1_735_689_600, 1_735_689_600_000, 1_735_689_600_000_000, 1_735_689_600_000_000_000] {
        assert_eq!(Nanos::by_size(count), moment, "{count}");
    }
    assert_eq!(Nanos::by_size(-1_735_689_600_000), Some(Nanos(-1_735_689_600_000_000_000)));
    assert_eq!(Nanos::by_size(i64::MIN), Some(Nanos(i64::MIN)));
    assert_eq!(Nanos::by_size(99_999_999_999), None, "seconds beyond what nanoseconds can count");
}

#[test]
fn symbols_have_a_closed_alphabet() {
    assert!(Symbol::new("BTC-USD").is_ok());
    assert!(Symbol::new("^GSPC.X_y:z/a@b=c#d+").is_ok());
    assert_eq!(Symbol::new(""), Err(SymbolError::Empty));
    assert_eq!(Symbol::new("A B"), Err(SymbolError::Byte { at: 1 }));
    assert_eq!(Symbol::new("BTC*"), Err(SymbolError::Byte { at: 3 }));
    assert_eq!(Symbol::new(&"x".repeat(65)), Err(SymbolError::TooLong(65)));
    assert!(Symbol::new(&"x".repeat(64)).is_ok());
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(units: i64) {
        prop_assert_eq!(Fixed::parse(&Fixed(units).to_string()), Ok(Fixed(units)));
    }

    /// All the digits, and no zero at the end.
    #[test]
    fn what_is_printed_is_the_shortest(whole in 0..FIXED_ONE, places in 0..FIXED_ONE, zeros in 0u32..=9) {
        let places = places / 10i64.pow(zeros) * 10i64.pow(zeros);
        let text = format!("{whole}.{places:09}");
        let shortest = text.trim_end_matches('0').trim_end_matches('.');
        prop_assert_eq!(Fixed(whole * FIXED_ONE + places).to_string(), shortest);
    }

    #[test]
    fn the_nearest_is_what_long_arithmetic_says(
        digits in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
        places in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
        exponent in -30i32..30,
        negative: bool,
    ) {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{digits}.{places}e{exponent}");
        // All the digits as one number, and the position of its point in units of 1e-9.
        let all = format!("{digits}{places}");
        let shift = exponent - places.len() as i32 + FIXED_PLACES as i32;
        let point = all.len() as i32 + shift;
        let (whole, rest) = if point <= 0 {
            (String::new(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)))
        } else if point as usize >= all.len() {
            (format!("{all}{}", "0".repeat(point as usize - all.len())), String::new())
        } else {
            (all[..point as usize].to_owned(), all[point as usize..].to_owned())
        };
        let whole = whole.trim_start_matches('0');
        let exact = rest.bytes().all(|byte| byte == b'0');
        let expected = |limit: i128| {
            let up = rest.bytes().next().is_some_and(|byte| byte >= b'5');
            let units = if whole.len() > 35 { i128::MAX } else { format!("0{whole}").parse::<i128>().unwrap() + i128::from(up) };
            if units == 0 && !exact {
                Err(FixedError::Precision)
            } else if units > limit {
                Err(FixedError::Range)
            } else {
                Ok(if negative { -units } else { units })
            }
        };
        let fixed = expected(i128::from(i64::MAX) + i128::from(negative));
        prop_assert_eq!(Fixed::parse_nearest(&text).map(|fixed| i128::from(fixed.0)), fixed);
        let volume = expected(VOLUME_ONES_MAX * i128::from(FIXED_ONE) - 1);
        prop_assert_eq!(Volume::parse_nearest(&text).map(|volume| volume.0), volume);
        let refused = Err(FixedError::Precision);
        prop_assert_eq!(Fixed::parse(&text).map(|fixed| i128::from(fixed.0)), if exact { fixed } else { refused });
        prop_assert_eq!(Volume::parse(&text).map(|volume| volume.0), if exact { volume } else { refused });
    }

    #[test]
    fn volumes_print_what_they_parse(units in 0i128..(1i128 << 100)) {
        prop_assert_eq!(Volume::parse(&Volume(units).to_string()), Ok(Volume(units)));
    }
}
