//! Values: exact decimals, and times whose unit is detected from their size.

use proptest::prelude::*;

use super::{
    testing::{any_decimal, any_size, any_trade_id, any_volume},
    *,
};

fn check_parse(text: &str, expected: Result<&str, DecimalError>) {
    assert_eq!(
        Decimal::parse(text).map(|decimal| decimal.to_string()),
        expected.map(str::to_owned),
        "{text}"
    );
}

#[test]
fn decimals_are_parsed_exactly_or_refused() {
    for exact in [
        "0",
        "1",
        "-0.5",
        "0.000000001",
        "9223372036.854775807",
        "-9223372036.854775808",
        // One more than 64 bits of units hold, which is larger or has a tenth place.
        "9223372036.85477581",
        "-9223372036.8547759",
        "9223372037",
        "46116860414",
        "46116860414.25",
        "420000000000000",
        "0.0000016425",
        "0.000000012345",
        "0.0000000001",
        "-0.000000000000000001",
        "0.123456789012345678",
        "123456789.012345678",
        "12345678901234567.8",
        "999999999999999999",
        "-999999999999999999",
        "100000000000000000",
        "1.0000000001",
        "10000000000.5",
    ] {
        check_parse(exact, Ok(exact));
    }
    check_parse("87000.10", Ok("87000.1"));
    check_parse("1e3", Ok("1000"));
    check_parse("1.5E-8", Ok("0.000000015"));
    check_parse("4.6116860414e10", Ok("46116860414"));
    check_parse("1.6425E-6", Ok("0.0000016425"));
    check_parse("1e-18", Ok("0.000000000000000001"));
    check_parse("1e17", Ok("100000000000000000"));
    check_parse("-0", Ok("0"));
    check_parse("0.1000000000000", Ok("0.1"));
    check_parse("0.0000000001000000000000000000000", Ok("0.0000000001"));
    check_parse("000000000000000000000000046116860414", Ok("46116860414"));
    check_parse("1e18", Err(DecimalError::Range));
    check_parse("1e99", Err(DecimalError::Range));
    check_parse("1234567890123456789", Err(DecimalError::Digits));
    check_parse("9223372036.854775808", Err(DecimalError::Digits));
    check_parse("1.000000000000000001", Err(DecimalError::Digits));
    check_parse("0.0000000000000000001", Err(DecimalError::Places));
    check_parse("1e-19", Err(DecimalError::Places));
    for text in [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "+1",
        "1e",
        "0x1",
        "1_000",
        "NaN",
        "1e+-3",
        "46116860414,5",
        "0.00000000001x",
    ] {
        check_parse(text, Err(DecimalError::Syntax));
    }
}

#[test]
fn each_value_has_one_form() {
    for texts in [
        ["0.0000016425", "1.6425e-6", "0.00000164250000"],
        ["46116860414", "46116860414.00", "4.6116860414e10"],
        ["9223372036.854775807", "9223372036854775807e-9", "9223372036.8547758070"],
        ["0", "-0.000000000000000000", "0e400"],
        ["1", "1.000000000000000000", "1000000000000000000e-18"],
    ] {
        for text in texts {
            assert_eq!(Decimal::parse(text), Decimal::parse(texts[0]), "{text}");
        }
    }
    assert_eq!(Decimal::from_int(46_116_860_414), Decimal::parse("46116860414"));
    assert_eq!(Decimal::with_places(10_000, 13), Ok(Decimal::from_units(1)));
    assert_eq!(Decimal::with_places(i64::MIN, 9), Ok(Decimal::from_units(i64::MIN)));
    assert_eq!(Decimal::with_places(i64::MIN, 0), Err(DecimalError::Digits));
    assert_eq!(Decimal::parse("1234567.5").unwrap().shifted(14), Decimal::parse("0.000000012345675"));
    assert_eq!(Decimal::parse("123456").unwrap().shifted(4), Decimal::parse("12.3456"));
}

#[test]
fn volumes_reach_beyond_a_decimal() {
    for exact in [
        "10000000000000.5",
        "100000000000000000000000",
        "-1.5",
        "999999999999999999999999.999999999999999999",
        "-999999999999999999999999.999999999999999999",
        "-0.000000000000000001",
        "0.0000000001",
        "1.000000001000000001",
        "100000000000000000.000000000000000001",
        "-1",
    ] {
        assert_eq!(Volume::parse(exact).unwrap().to_string(), exact);
    }
    assert_eq!(Volume::parse("5e20").unwrap().to_string(), "500000000000000000000");
    assert_eq!(Volume::parse("1e24"), Err(DecimalError::Range));
    assert_eq!(Volume::parse("1e-19"), Err(DecimalError::Places));
    assert_eq!(Volume::parse("--1"), Err(DecimalError::Syntax));
    assert_eq!(Volume::parse_double("999999999999999999999999.9999999999"), Err(DecimalError::Range));
    assert_eq!(Volume::parse_double("0.9999999999999999999999").unwrap().to_string(), "1");
}

#[test]
fn a_volume_is_full_and_never_wrong() {
    let most = Volume::parse("999999999999999999999999.999999999999999999").unwrap();
    let smallest = Decimal::parse("1e-18").unwrap();
    assert_eq!(most.checked_add(smallest), None);
    assert_eq!(most.checked_add(Decimal::ZERO), Some(most));
    let sizes = ["99999999999999999.9", "0.000000000000000001", "0.999999999999999999"];
    let sum = sizes.iter().try_fold(Volume::ZERO, |sum, size| sum.checked_add(Decimal::parse(size).unwrap()));
    assert_eq!(sum.unwrap().to_string(), "100000000000000000.9");
}

#[test]
fn a_number_without_room_is_rounded_where_that_is_asked_for() {
    let read = |text: &str| Decimal::parse_nearest(text).map(|decimal| decimal.to_string());
    let check = |text: &str, expected: &str| assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    check("+1", "1");
    check("-1.5e3", "-1500");
    check("100000000000.12345678", "100000000000.123457");
    check("-100000000000.1234565", "-100000000000.123457");
    check("999999999999999999.4", "999999999999999999");
    check("1234567890.123456789", "1234567890.123456789");
    check("1.0000000000000000004", "1");
    check("0.1234567890123456785", "0.123456789012345679");
    check("6e-19", "0.000000000000000001");
    for text in ["+-1", "++1", "+", "1+", "4e-19", "1000000000000000000"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_double_in_print_loses_its_noise_alone() {
    let read = |text: &str| Decimal::parse_double(text).map(|decimal| decimal.to_string());
    let check = |text: &str, expected: &str| assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    check("0.30000000000000004", "0.3");
    check("-0.30000000000000004", "-0.3");
    check("1.0000000000000002", "1");
    check("0.1234567890123456789", "0.123456789");
    check("123456789.1234567894", "123456789.123456789");
    // Up to 15 digits, or 9 places, nothing is noise.
    check("0.123456789012345", "0.123456789012345");
    check("0.0000000005", "0.0000000005");
    check("0.00000164250000000", "0.0000016425");
    check("1234567890.123456789", "1234567890.123456789".get(..20).unwrap());
    check("123456789012345678", "123456789012345678");
    // Small prices keep 13 digits and more of a double.
    check("1.6425000000000001e-06", "0.0000016425");
    check("0.000000012345000000000001", "0.000000012345");
    check("0.00009999999999999999", "0.0001");
    check("0.00010000000000000001", "0.0001");
    check("5.551115123125783e-17", "0.000000000000000056");
    // In billions, what has no room is rounded too.
    check("46116860414.10000038146972656250", "46116860414.1000004");
    check("9223372036.8547758074", "9223372036.85477581");
    check("0e99999999999999999999", "0");
    assert_eq!(read("9223372036.854775808"), Err(DecimalError::Digits));
    assert_eq!(read("1e-19"), Err(DecimalError::Places));
    assert_eq!(read("1.2345678901234567e-20"), Err(DecimalError::Places));
    assert_eq!(read("1e-99999999999999999999"), Err(DecimalError::Places));
    assert_eq!(read("1e99999999999999999999"), Err(DecimalError::Range));
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

/// A number of 10 to the power of -18.
fn exact(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    sign * format!("{whole}{places:0<18}").parse::<i128>().unwrap()
}

/// Values of some fields, and others withdrawn, of every scale.
fn any_fields() -> impl Strategy<Value = Fields> {
    let values =
        (proptest::array::uniform9(any_decimal()), any_volume(), any::<u64>(), 0usize..3, any_trade_id());
    let withdrawn = prop_oneof![Just(0), any::<u16>()];
    (any::<u16>(), withdrawn, values).prop_map(|(set, withdrawn, (decimals, volume, trades, side, id))| {
        let mut fields = Fields::default();
        fields.withdraw_all(FieldSet(withdrawn));
        for field in FieldSet(set).iter() {
            match field {
                Field::Side => fields.set_side([Side::Unknown, Side::Buy, Side::Sell][side]),
                Field::Volume => fields.set_volume(volume),
                Field::Trades => fields.set_trades(trades),
                Field::TradeId => fields.set_trade_id(id),
                _ => fields.set_decimal(field, decimals[field as usize]),
            }
        }
        fields
    })
}

/// What each field says: a value as text, `null`, or nothing.
fn shown(fields: &Fields) -> Vec<Option<String>> {
    let text = |field: Field| {
        let mut out = Vec::new();
        fields.write_json(field.bit().into(), &mut out);
        fields.write_json_nulls(field.bit().into(), &mut out);
        (!out.is_empty()).then(|| String::from_utf8(out).unwrap())
    };
    Field::ALL.into_iter().map(text).collect()
}

proptest! {
    /// Text has the same digits, in quotes, and nothing else differs.
    #[test]
    fn decimals_as_text_have_the_digits_of_the_numbers(fields in any_fields()) {
        let written = |numbers: Numbers, field: Field| {
            let mut out = Vec::new();
            fields.write_json_as(numbers, field.bit().into(), &mut out);
            String::from_utf8(out).unwrap()
        };
        for field in Field::ALL {
            let (number, text) = (written(Numbers::Number, field), written(Numbers::Text, field));
            let is_decimal = !matches!(field, Field::Side | Field::TradeId | Field::Trades);
            let quoted = number.split_once(':').map_or(String::new(), |(name, digits)| format!("{name}:\"{digits}\""));
            prop_assert_eq!(text, if is_decimal { quoted } else { number });
        }
    }

    /// Field by field the last one that says anything stands, be it a value or that it is withdrawn; and equal values are
    /// equal in every bit, whatever was there before.
    #[test]
    fn merging_keeps_what_was_said_last(ticks in proptest::collection::vec(any_fields(), 1..12), wanted: u16) {
        let (mut merged, mut expected) = (Fields::default(), vec![None; Field::ALL.len()]);
        for tick in &ticks {
            merged.merge(tick);
            for (stands, said) in expected.iter_mut().zip(shown(tick)) {
                *stands = said.or(stands.take());
            }
        }
        prop_assert_eq!(&shown(&merged), &expected);
        prop_assert!(merged.mask.intersect(merged.withdrawn()).is_empty());
        prop_assert_eq!(merged.named(), merged.mask.union(merged.withdrawn()));
        let mut anew = Fields::default();
        anew.withdraw_all(merged.withdrawn());
        anew.merge(&merged.only(merged.mask));
        prop_assert_eq!(&anew, &merged);
        let wanted = FieldSet(wanted).intersect(FieldSet::ALL);
        let some = merged.only(wanted);
        prop_assert_eq!(some.named(), merged.named().intersect(wanted));
        let unwanted = Field::ALL.into_iter().map(|field| !wanted.contains(field));
        expected.iter_mut().zip(unwanted).filter(|(_, unwanted)| *unwanted).for_each(|(stands, _)| *stands = None);
        prop_assert_eq!(shown(&some), expected);
    }

    #[test]
    fn what_is_printed_parses_to_the_same(value in any_decimal()) {
        let text = value.to_string();
        prop_assert_eq!(Decimal::parse(&text), Ok(value));
        prop_assert!(!text.contains('.') || !text.ends_with('0'));
        prop_assert_eq!(exact(&text), value.smallest_units());
    }

    /// All the digits, and no zero at the end.
    #[test]
    fn what_is_printed_is_the_shortest(digits in 1i64..1_000_000_000_000_000_000, cut in 0u32..18, places in 0usize..=18, negative: bool) {
        let digits = digits / 10i64.pow(cut) * 10i64.pow(cut);
        let text = format!("{digits:019}");
        let (whole, places) = text.split_at(text.len() - places);
        let text = format!("{}.{places}0", whole.trim_start_matches('0').to_owned());
        let text = if text.starts_with('.') { format!("0{text}") } else { text };
        let shortest = text.trim_end_matches('0').trim_end_matches('.');
        let (text, shortest) = if negative { (format!("-{text}"), format!("-{shortest}")) } else { (text.clone(), shortest.to_owned()) };
        let value = Decimal::parse(&text);
        let shortest = if shortest == "-0" { "0".to_owned() } else { shortest };
        prop_assert_eq!(value.map(|value| value.to_string()), Ok(shortest), "{}", text);
    }

    #[test]
    fn order_is_that_of_the_numbers(a in any_decimal(), b in any_decimal()) {
        prop_assert_eq!(a.cmp(&b), exact(&a.to_string()).cmp(&exact(&b.to_string())));
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
    }

    #[test]
    fn sums_are_exact(sizes in proptest::collection::vec(any_size(), 0..60)) {
        let sum = sizes.iter().try_fold(Volume::ZERO, |sum, &size| sum.checked_add(size)).unwrap();
        let expected: i128 = sizes.iter().map(|size| exact(&size.to_string())).sum();
        prop_assert_eq!(exact(&sum.to_string()), expected);
        prop_assert_eq!(sum.smallest_units(), Some(expected));
    }

    #[test]
    fn the_digits_say_what_a_text_is_worth(
        digits in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
        places in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
        exponent in -30i32..30,
        negative: bool,
    ) {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{digits}.{places}e{exponent}");
        // The digits without the zeros at both ends, and the power of ten of the last.
        let all = format!("{digits}{places}");
        let kept = all.trim_end_matches('0');
        let last = exponent - places.len() as i32 + (all.len() - kept.len()) as i32;
        let kept = kept.trim_start_matches('0');
        let first = last + kept.len() as i32 - 1;
        // At some place, halves away from 0.
        let rounded = |place: i32| {
            let cut = (-place - last).max(0) as usize;
            let (head, tail) = kept.split_at(kept.len().saturating_sub(cut));
            let up = cut <= kept.len() && tail.bytes().next().is_some_and(|byte| byte >= b'5');
            let number = format!("0{head}").parse::<i128>().unwrap() + i128::from(up);
            (number, last + cut as i32)
        };
        let value = |(number, last): (i128, i32)| {
            let zeros = "0".repeat(last.max(0) as usize);
            let text = format!("{number}{zeros}");
            let point = (-last).max(0) as usize;
            let padded = format!("{text:0>width$}", width = point + 1);
            let (whole, rest) = padded.split_at(padded.len() - point);
            let text = if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}").trim_end_matches('0').trim_end_matches('.').to_owned() };
            if negative && number != 0 { format!("-{text}") } else { text }
        };
        let in_print = |value: Volume| value.to_string();
        let volume = Volume::parse(&text);
        if kept.is_empty() {
            prop_assert_eq!(volume, Ok(Volume::ZERO));
            return Ok(());
        }
        let exactly = if last < -18 { Err(DecimalError::Places) } else if first > 23 { Err(DecimalError::Range) } else { Ok(value((kept.parse().unwrap_or(0), last))) };
        if kept.len() <= 38 {
            prop_assert_eq!(volume.map(in_print), exactly.clone(), "{}", text);
        }
        // The same of a number that may be a double.
        let is_double = kept.len() > 15 && last < -9;
        let place = if first >= -4 { 9 } else { 18 };
        let nearest = match exactly {
            _ if first > 23 && (is_double || last >= -18) => Err(DecimalError::Range),
            exactly if !is_double => exactly,
            _ => match rounded(place) {
                (0, _) => Err(DecimalError::Places),
                rounded => Ok(value(rounded)),
            },
        };
        if kept.len() <= 38 && nearest.as_ref().map_or(true, |text| !text.contains("1000000000000000000000000")) {
            prop_assert_eq!(Volume::parse_double(&text).map(in_print), nearest.clone(), "{}", text);
            if let (Ok(decimal), Ok(nearest)) = (Decimal::parse_double(&text), nearest)
                && kept.len() as i32 - 18 <= -9 - last
                && first < 9
            {
                prop_assert_eq!(decimal.to_string(), nearest, "{}", text);
            }
        }
        // A decimal is a volume of fewer digits.
        if let Ok(decimal) = Decimal::parse(&text) {
            prop_assert_eq!(Ok(decimal.to_string()), Volume::parse(&text).map(in_print));
        } else if kept.len() <= 18 && last >= -18 {
            prop_assert!(first >= 18, "{}", text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "-?[0-9.eE+-]{0,60}") {
        let _ = (Decimal::parse(&text), Decimal::parse_double(&text), Volume::parse(&text), Volume::parse_double(&text));
        let _ = Decimal::parse_nearest(&text);
    }

    /// What there is room for is exact; of the rest 18 digits or places are.
    #[test]
    fn the_nearest_is_not_further_than_half_of_the_last_digit(
        whole in prop_oneof![Just(String::new()), "[1-9][0-9]{0,17}"],
        places in "[0-9]{0,18}",
        sign in "[+-]?",
    ) {
        let one = if whole.is_empty() { "0" } else { &whole };
        let places_text = if places.is_empty() { String::new() } else { format!(".{places}") };
        let text = format!("{sign}{one}{places_text}");
        let nearest = Decimal::parse_nearest(&text);
        let text = text.trim_start_matches('+');
        if let Ok(exact) = Decimal::parse(text) {
            prop_assert_eq!(nearest, Ok(exact));
        } else {
            // Volumes have room for all of it.
            let smallest = |text: &str| {
                let (units, rest) = Volume::parse(text.trim_start_matches('-')).unwrap().parts();
                units * 10i128.pow(9) + i128::from(rest)
            };
            let (given, nearest) = (smallest(text), smallest(&nearest.unwrap().to_string()));
            let digit = 10i128.pow(whole.len() as u32);
            prop_assert!((given - nearest).abs() * 2 <= digit, "{} is {}", text, nearest);
        }
    }

    #[test]
    fn volumes_print_what_they_parse(volume in any_volume()) {
        prop_assert_eq!(Volume::parse(&volume.to_string()), Ok(volume));
    }
}
