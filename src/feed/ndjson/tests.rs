//! The line format from both sides: what is accepted and its result, what is refused and with which message.

use proptest::prelude::*;

use super::*;
use crate::{
    feed::{RejectCounts, RejectReason, testing::report_some},
    tick::{
        DECIMAL_FIELDS, Decimal, Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, Volume, WantedFields,
        testing::{ANY_SYMBOL, any_decimal, any_trade_id, any_volume},
    },
};

const LINE_BYTES_MAX: usize = 4_096;

fn decode(line: &str) -> Result<Line, LineError> {
    NdjsonDecoder::new(LINE_BYTES_MAX).decode(&mut line.as_bytes().to_vec())
}

/// The fields as the wire shows them.
#[track_caller]
fn check(line: &str, expected: &str) {
    let decoded = decode(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut out = Vec::new();
    decoded.tick.fields.write_json(WantedFields::ALL, &mut out);
    decoded.tick.fields.write_json_nulls(WantedFields::ALL, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected, "{line}");
}

#[track_caller]
fn check_refused(line: &str, reason: RejectReason, message: &str) {
    let error = decode(line).expect_err(line);
    assert_eq!((error.reason(), error.to_string().as_str()), (reason, message), "{line}");
}

/// `symbol` with one more field.
#[track_caller]
fn check_value(field: &str, expected: &str) {
    check(&format!(r#"{{"symbol":"A",{field}}}"#), expected);
}

#[track_caller]
fn check_bad_value(field: &str, message: &str) {
    check_refused(&format!(r#"{{"symbol":"A",{field}}}"#), RejectReason::Value, message);
}

#[test]
fn a_quote() {
    let line = decode(
        r#"{"symbol":"BTC-USD","ts":1742860800123456,"bid":87000.10,"bid_size":0.5,"ask":87000.20,"ask_size":1.25}"#,
    )
    .unwrap();
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::from_units(87_000_100_000_000));
    fields.set_decimal(Field::BidSize, Decimal::from_units(500_000_000));
    fields.set_decimal(Field::Ask, Decimal::from_units(87_000_200_000_000));
    fields.set_decimal(Field::AskSize, Decimal::from_units(1_250_000_000));
    let tick =
        Tick { symbol: Symbol::new("BTC-USD").unwrap(), ts: Some(Nanos(1_742_860_800_123_456_000)), fields };
    assert_eq!(line, Line { tick, rx: None });
}

#[test]
fn values_as_numbers_and_as_strings() {
    check_value(r#""bid":87000.10"#, r#","bid":87000.1"#);
    check_value(r#""bid":"87000.10""#, r#","bid":87000.1"#);
    check_value(r#""bid":-37.63"#, r#","bid":-37.63"#);
    check_value(r#""bid":0"#, r#","bid":0"#);
    check_value(r#""bid":-5"#, r#","bid":-5"#);
    check_value(r#""bid":1e-9"#, r#","bid":0.000000001"#);
    check_value(r#""bid":"9223372036.854775807""#, r#","bid":9223372036.854775807"#);
    check_value(r#""bid":9223372036"#, r#","bid":9223372036"#);
    check_value(r#""bid":9223372036.854775807"#, r#","bid":9223372036.854775807"#);
    check_value(r#""bid":-9223372036.854775808"#, r#","bid":-9223372036.854775808"#);
    check_value(r#""bid":123456789.123456789"#, r#","bid":123456789.123456789"#);
    check_value(r#""bid":12345678.100000001"#, r#","bid":12345678.100000001"#);
    for exact in [
        "46116860414",
        "0.0000016425",
        "0.000000012345",
        "0.1234567891",
        "1e-10",
        "46116860414.25",
        "0.00000000000000012",
    ] {
        let shown = Decimal::parse(exact).unwrap();
        check_value(&format!(r#""bid":{exact}"#), &format!(r#","bid":{shown}"#));
        check_value(&format!(r#""bid":"{exact}""#), &format!(r#","bid":{shown}"#));
    }
    check_value(r#""bid_size":4.6116860414E+10"#, r#","bid_size":46116860414"#);
    check_value(r#""bid":"0.123456789012345678""#, r#","bid":0.123456789012345678"#);
    check_value(r#""bid":1.6425000000000001e-06"#, r#","bid":0.0000016425"#);
    // More than 15 digits of a JSON number are rounded at the 9th place, usually a double's noise; a string is exact.
    check_value(r#""bid":0.30000000000000004"#, r#","bid":0.3"#);
    check_value(r#""bid":0.1234567890123456789"#, r#","bid":0.123456789"#);
    check_value(r#""bid":"1234567890.123456789""#, r#","bid":1234567890.123456789"#);
    check_value(r#""side":"sell""#, r#","side":"sell""#);
    check_value(r#""side":"unknown""#, r#","side":"unknown""#);
    check_value(r#""trades":18446744073709551615"#, r#","trades":18446744073709551615"#);
    check_value(r#""trades":"12""#, r#","trades":12"#);
    check_value(r#""open":1,"high":3,"low":0.5"#, r#","open":1,"high":3,"low":0.5"#);
}

#[test]
fn null_withdraws_a_field() {
    check_value(r#""bid":null,"ask":2"#, r#","ask":2,"bid":null"#);
    check_value(r#""bid":null"#, r#","bid":null"#);
    check_value(r#""volume":null,"side":null,"trades":null"#, r#","side":null,"volume":null,"trades":null"#);
    // With digits that a double does not hold, a line is read in another way.
    check_value(r#""ask":0.12345678901234567,"bid":null"#, r#","ask":0.123456789,"bid":null"#);
    check_bad_value(r#""bid":null,"bid":1"#, "bid: given twice");
}

#[test]
fn volumes_are_wider_than_prices() {
    check_value(r#""volume":"100000000000000000000000.5""#, r#","volume":100000000000000000000000.5"#);
    check_value(r#""volume":18446744073709551615"#, r#","volume":18446744073709551615"#);
    check_value(r#""volume":10000000000.5"#, r#","volume":10000000000.5"#);
    check_value(r#""volume":123456789012345.6"#, r#","volume":123456789012345.6"#);
    check_value(
        r#""volume":999999999999999999999999.999999999"#,
        r#","volume":999999999999999999999999.999999999"#,
    );
    check_value(r#""volume":99999999999999999999"#, r#","volume":99999999999999999999"#);
    check_value(r#""volume":0.30000000000000004"#, r#","volume":0.3"#);
    check_value(r#""volume":"5e20""#, r#","volume":500000000000000000000"#);
    check_value(r#""volume":0.1"#, r#","volume":0.1"#);
    check_value(r#""volume":"-0""#, r#","volume":0"#);
    check_value(r#""volume":5e20"#, r#","volume":500000000000000000000"#);
    for count in ["250", "250.0", "2.5e2", "\"250\"", "\"250.00\""] {
        check_value(&format!(r#""trades":{count}"#), r#","trades":250"#);
    }
}

#[test]
fn a_mark_before_the_first_line_is_no_part_of_it() {
    for cut in 0..4 {
        let mut decoded = Decoded::default();
        let mut block = BlockDecoder::new(64);
        let mut bytes =
            b"\xef\xbb\xbf{\"symbol\":\"A\",\"bid\":1}\n\xef\xbb\xbf{\"symbol\":\"A\",\"bid\":1}\n".to_vec();
        let (first, rest) = bytes.split_at_mut(cut);
        block.feed(first, &mut decoded);
        block.feed(rest, &mut decoded);
        assert_eq!(
            (decoded.ticks.len(), decoded.tally.total()),
            (1, 1),
            "cut at {cut}: the second is not a mark"
        );
    }
    let mut decoded = Decoded::default();
    BlockDecoder::new(64).feed(&mut b"\xef\xbb\xbf\n".to_vec(), &mut decoded);
    assert_eq!(decoded.tally.total(), 0, "a mark alone is a blank line");
}

#[test]
fn times() {
    let times = |line| decode(line).map(|line| (line.tick.ts, line.rx)).unwrap();
    assert_eq!(times(r#"{"symbol":"A","bid":1}"#), (None, None));
    assert_eq!(times(r#"{"symbol":"A","bid":1,"ts":null}"#), (None, None));
    let (seconds, micros) = (Nanos(1_742_860_800_000_000_000), Nanos(1_742_860_800_123_456_000));
    assert_eq!(
        times(r#"{"symbol":"A","bid":1,"ts":1742860800,"rx":1742860800123456}"#),
        (Some(seconds), Some(micros))
    );
    assert_eq!(times(r#"{"symbol":"A","bid":1,"ts":1742860800.123456}"#), (Some(micros), None));
    assert_eq!(times(r#"{"symbol":"A","bid":1,"ts":"1742860800123456000"}"#), (Some(micros), None));
    let line = br#"{"symbol":"A","bid":1,"ts":"-7"}"#;
    let recorded = NdjsonDecoder::of_files(LINE_BYTES_MAX).decode(&mut line.to_vec()).unwrap();
    assert_eq!(recorded.tick.ts, Some(Nanos(-7_000)));
}

#[test]
fn the_order_of_fields_and_white_space_do_not_matter() {
    check(" \t{ \"ask\" : 2 ,\r \"symbol\" : \"A\" , \"bid\" : 1 } ", r#","bid":1,"ask":2"#);
    check(r#"{"\u0062id":1,"symbol":"\u0041"}"#, r#","bid":1"#);
}

#[test]
fn lines_that_are_no_json_object() {
    let syntax = |line: &str| match decode(line) {
        Err(error @ LineError::Syntax { .. }) => assert_eq!(error.reason(), RejectReason::Syntax),
        other => panic!("{line}: {other:?}"),
    };
    for line in
        ["", " ", "{", "}", "{]", "x", "nul", "'a'", "{\"symbol\":\"A\",\"bid\":1", "{\"symbol\":\"A", "{}{}"]
    {
        syntax(line);
    }
    for line in [
        "{\"bid\":01}",
        "{\"bid\":+1}",
        "{\"bid\":1.}",
        "{\"bid\":NaN}",
        "{\"bid\":1,}",
        "{bid:1}",
        "{\"bid\" 1}",
    ] {
        syntax(line);
    }
    syntax(&"[".repeat(1_000));
    syntax(&"{\"bid\":".repeat(500));
    check_refused("[]", RejectReason::Syntax, "not a JSON object but an array");
    check_refused("1", RejectReason::Syntax, "not a JSON object but a number");
    check_refused("\"x\"", RejectReason::Syntax, "not a JSON object but a string");
    check_refused("null", RejectReason::Syntax, "not a JSON object but null");
    check_refused("true", RejectReason::Syntax, "not a JSON object but a boolean");
    let error = NdjsonDecoder::new(64).decode(&mut b"{\"symbol\":\"\xff\",\"bid\":1}".to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "not JSON: not UTF-8, at byte 11");
}

#[test]
fn faults_of_the_symbol() {
    let refused = |line, message| check_refused(line, RejectReason::Symbol, message);
    refused("{}", "symbol: missing");
    refused(r#"{"bid":1}"#, "symbol: missing");
    refused(r#"{"symbol":null,"bid":1}"#, "symbol: missing");
    refused(r#"{"symbol":7,"bid":1}"#, "symbol: not a string but a number");
    refused(r#"{"symbol":"","bid":1}"#, "symbol: a symbol has at least one character");
    refused(
        r#"{"symbol":"A,B","bid":1}"#,
        "symbol: a symbol has no control character, quote, backslash or comma, byte 1 is ','",
    );
    refused(
        &format!(r#"{{"symbol":"{}","bid":1}}"#, "x".repeat(65)),
        "symbol: a symbol has at most 64 bytes, this has 65",
    );
}

#[test]
fn faults_of_the_fields() {
    let unknown = |line: &str, message| check_refused(line, RejectReason::UnknownField, message);
    unknown(r#"{"symbol":"A","prise":1}"#, "unknown field \"prise\"");
    unknown(r#"{"symbol":"A","bid":1,"Bid":1}"#, "unknown field \"Bid\"");
    unknown(r#"{"symbol":"A","x":[{"bid":1}]}"#, "unknown field \"x\"");
    unknown(r#"{"symbol":"A","a\nb":null}"#, "unknown field \"a\\nb\"");
    let long = format!(r#"{{"symbol":"A","{}":1}}"#, "y".repeat(1_000));
    unknown(&long, &format!("unknown field \"{}\"", "y".repeat(40)));
    let nothing = "no field of a record, such as bid, ask or last";
    check_refused(r#"{"symbol":"A"}"#, RejectReason::NoFields, nothing);
    check_refused(r#"{"symbol":"A","ts":1742860800,"rx":1742860800}"#, RejectReason::NoFields, nothing);
    check_refused(r#"{"symbol":"A","ts":null}"#, RejectReason::NoFields, nothing);
}

#[test]
fn faults_of_the_values() {
    check_bad_value(r#""bid":"0.0000000000000000001""#, "bid: more than 18 decimal places: round it");
    check_bad_value(r#""bid":1e-19"#, "bid: more than 18 decimal places: round it");
    let digits = "bid: more than 18 significant digits: round it";
    check_bad_value(r#""bid":"1.000000000000000001""#, digits);
    check_bad_value(r#""bid":1234567890123456789"#, digits);
    check_bad_value(r#""bid":18446744073709551615"#, digits);
    check_bad_value(r#""bid":99999999999999999999"#, digits);
    check_bad_value(r#""bid":9223372036.854775808"#, digits);
    check_bad_value(r#""bid":"""#, "bid: not a decimal number");
    check_bad_value(r#""bid":"1,5""#, "bid: not a decimal number");
    let range = "bid: outside -999999999999999999 to 999999999999999999";
    check_bad_value(r#""bid":1000000000000000000"#, range);
    check_bad_value(r#""bid":-1000000000000000000"#, range);
    check_bad_value(r#""bid":1e300"#, range);
    check_bad_value(r#""bid":1e400"#, range);
    check_bad_value(r#""bid":"1e300""#, range);
    check_bad_value(r#""bid":true"#, "bid: not a number but a boolean");
    check_bad_value(r#""bid":[1]"#, "bid: not a number but an array");
    check_bad_value(r#""bid":{"bid":1}"#, "bid: not a number but an object");
    check_bad_value(r#""bid":1,"bid":1"#, "bid: given twice");
    check_bad_value(r#""ts":null,"bid":1,"ts":1"#, "ts: given twice");
    check_bad_value(r#""bid":1,"symbol":"B""#, "symbol: given twice");
    check_bad_value(r#""bid_size":-0.5"#, "bid_size: must not be negative");
    check_bad_value(r#""ask_size":"-1""#, "ask_size: must not be negative");
    check_bad_value(r#""last_size":-1"#, "last_size: must not be negative");
    check_bad_value(r#""volume":-1"#, "volume: must not be negative");
    check_bad_value(r#""volume":-1.5"#, "volume: must not be negative");
    check_bad_value(r#""volume":"-1.5""#, "volume: must not be negative");
    check_bad_value(r#""volume":"1.0000000000000000001""#, "volume: more than 18 decimal places: round it");
    check_bad_value(r#""volume":1e24"#, "volume: more than the total of any market");
    check_bad_value(r#""volume":"1000000000000000000000000""#, "volume: more than the total of any market");
    check_bad_value(r#""volume":false"#, "volume: not a number but a boolean");
    check_bad_value(r#""trades":-1"#, "trades: must not be negative");
    check_bad_value(r#""trades":"-1""#, "trades: must not be negative");
    check_bad_value(r#""trades":1.5"#, "trades: not a whole number");
    check_bad_value(r#""trades":"x""#, "trades: not a whole number");
    check_bad_value(r#""trades":"18446744073709551616""#, "trades: out of range");
    check_bad_value(r#""trades":18446744073709551616"#, "trades: out of range");
    check_bad_value(r#""trades":[]"#, "trades: not a number but an array");
    check_bad_value(r#""side":"Buy""#, "side: not buy, sell or unknown");
    check_bad_value(r#""side":1"#, "side: not buy, sell or unknown");
    let no_time =
        "no time since 1970 in seconds (10 digits), milliseconds (13), microseconds (16) or nanoseconds (19)";
    for value in ["1.5", "0", "-7", "\"2025-03-25T23:07:00Z\"", "true", "18446744073709551615"] {
        check_bad_value(&format!(r#""ts":{value}"#), &format!("ts: {no_time}"));
        check_bad_value(&format!(r#""rx":{value}"#), &format!("rx: {no_time}"));
    }
}

#[test]
fn a_long_line_is_refused_before_it_is_parsed() {
    let mut decoder = NdjsonDecoder::new(10);
    let error = decoder.decode(&mut b"{\"symbol\":\"A\",\"bid\":1}".to_vec()).unwrap_err();
    assert_eq!(
        (error.reason(), error.to_string().as_str()),
        (RejectReason::LineTooLong, "longer than 10 bytes")
    );
}

#[test]
fn a_broken_line_leaves_nothing_behind() {
    let mut decoder = NdjsonDecoder::new(LINE_BYTES_MAX);
    assert!(decoder.decode(&mut b"{\"symbol\":\"A\",\"bid\":[[[".to_vec()).is_err());
    assert!(decoder.decode(&mut b"{\"symbol\":\"A\",\"bid\":1,\"x\":2}".to_vec()).is_err());
    let line = decoder.decode(&mut b"{\"symbol\":\"B\",\"ask\":1}".to_vec()).unwrap();
    assert_eq!(line, decode("{\"symbol\":\"B\",\"ask\":1}").unwrap());
}

#[test]
fn every_reason_has_its_place_in_a_tally() {
    let mut tally = RejectCounts::default();
    for reason in RejectReason::ALL {
        tally.add(reason);
        tally.add(reason);
    }
    assert_eq!(tally.total(), 2 * RejectReason::ALL.len() as u64);
    assert_eq!(tally.iter().collect::<Vec<_>>(), RejectReason::ALL.map(|reason| (reason, 2)));
}

#[test]
fn a_block_keeps_the_good_lines_and_names_the_bad() {
    let mut body =
        b"{\"symbol\":\"A\",\"bid\":1}\r\n\n{\"symbol\":\"A\",\"prise\":1}\nx\n{\"symbol\":\"B\",\"bid\":2}"
            .to_vec();
    let (mut ticks, mut lines, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let tally = decode_block(&mut NdjsonDecoder::new(64), &mut body, &mut ticks, &mut lines, &mut rejected);
    assert_eq!(ticks.iter().map(|tick| tick.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(lines, [1, 5]);
    assert_eq!(
        rejected.iter().map(|line| (line.line, line.reason)).collect::<Vec<_>>(),
        [(3, RejectReason::UnknownField), (4, RejectReason::Syntax)]
    );
    assert_eq!(rejected[0].message, "unknown field \"prise\"");
    assert_eq!(tally.total(), 2);
}

#[test]
fn a_block_of_rubbish_is_described_in_part_and_counted_in_full() {
    let (mut ticks, mut lines, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let mut body = b"x\n".repeat(REJECTED_LINES_KEPT + 7);
    let tally = decode_block(&mut NdjsonDecoder::new(64), &mut body, &mut ticks, &mut lines, &mut rejected);
    assert_eq!(rejected.len(), REJECTED_LINES_KEPT);
    assert_eq!(tally.iter().collect::<Vec<_>>(), [(RejectReason::Syntax, REJECTED_LINES_KEPT as u64 + 7)]);
}

/// Number and content of each line; `None` for one that is too long.
type Split = Vec<(u64, Option<Vec<u8>>)>;

fn split(input: &[u8], cuts: &[usize], line_bytes_max: usize) -> Split {
    fn keep(line: RawLine<'_>) -> (u64, Option<Vec<u8>>) {
        match line {
            RawLine::Whole { number, bytes } => (number, Some(bytes.to_vec())),
            RawLine::TooLong { number } => (number, None),
        }
    }
    let mut lines = LineSplitter::new(line_bytes_max);
    let mut found = Vec::new();
    let mut rest = input;
    for &cut in cuts {
        let (chunk, after) = rest.split_at(cut.min(rest.len()));
        rest = after;
        let mut chunk = chunk.to_vec();
        let mut chunk = lines.feed(&mut chunk);
        while let Some(line) = chunk.next_line() {
            found.push(keep(line));
        }
    }
    let mut last = rest.to_vec();
    let mut chunk = lines.feed(&mut last);
    while let Some(line) = chunk.next_line() {
        found.push(keep(line));
    }
    found.extend(lines.finish().map(keep));
    assert_eq!(lines.finish(), None);
    found
}

/// The same, from the whole input at once.
fn split_naively(input: &[u8], line_bytes_max: usize) -> Split {
    let lines = input.split(|&byte| byte == b'\n').zip(1..);
    lines
        .map(|(line, number)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| line.len() > line_bytes_max || !line.trim_ascii().is_empty())
        .map(|(number, line)| (number, (line.len() <= line_bytes_max).then(|| line.to_vec())))
        .collect()
}

#[test]
fn lines_end_in_any_way() {
    let split = |input: &[u8]| split(input, &[], 4);
    assert_eq!(split(b""), []);
    assert_eq!(split(b"\n\r\n \n"), []);
    assert_eq!(split(b"a\r\nb"), [(1, Some(b"a".to_vec())), (2, Some(b"b".to_vec()))]);
    assert_eq!(
        split(b"abcd\r\nabcde\nf\n"),
        [(1, Some(b"abcd".to_vec())), (2, None), (3, Some(b"f".to_vec()))]
    );
    assert_eq!(split(b"\n\nabcdefgh"), [(3, None)]);
}

#[test]
fn a_line_without_end_costs_its_limit_and_is_one_rejection() {
    let mut lines = LineSplitter::new(8);
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let mut bytes = *b"0123456789";
        let mut chunk = lines.feed(&mut bytes);
        while let Some(line) = chunk.next_line() {
            found.push(matches!(line, RawLine::TooLong { number: 1 }));
        }
    }
    assert_eq!(found, [true]);
    let mut end = *b"\nok\n";
    let mut chunk = lines.feed(&mut end);
    assert_eq!(chunk.next_line(), Some(RawLine::Whole { number: 2, bytes: &mut b"ok".to_vec() }));
    assert_eq!(chunk.next_line(), None);
}

#[test]
fn a_trade_id_is_text_or_the_digits_of_a_whole_number() {
    let id = |value: &str, id: &str| {
        check_value(&format!(r#""trade_id":{value}"#), &format!(r#","trade_id":"{id}""#));
        // The same where the line is read by its digits.
        let line = format!(r#"{{"symbol":"A","trade_id":{value},"bid":87000.123456789}}"#);
        check(&line, &format!(r#","bid":87000.123456789,"trade_id":"{id}""#));
    };
    id(r#""T-1/a b,c""#, "T-1/a b,c");
    id(r#""\u0041\/1""#, "A/1");
    id("4744868157", "4744868157");
    id("18446744073709551615", "18446744073709551615");
    id("184467440737095516150", "184467440737095516150");
    id("-7", "-7");
    check_value(r#""trade_id":null"#, r#","trade_id":null"#);
    let refused = |value: &str, message: &str| {
        let line = format!(r#"{{"symbol":"A","bid":1,"trade_id":{value}}}"#);
        check_refused(&line, RejectReason::Value, &format!("trade_id: {message}"));
    };
    refused("1.5", "neither text nor a whole number but a number with a fraction or an exponent");
    refused("1e5", "neither text nor a whole number but a number with a fraction or an exponent");
    refused("true", "neither text nor a whole number but a boolean");
    refused("[1]", "neither text nor a whole number but an array");
    refused(r#""""#, "at least one character");
    refused(&format!("{:?}", "x".repeat(33)), "at most 32 bytes, or the 36 of a UUID, this has 33");
    refused(&"9".repeat(33), "at most 32 bytes, or the 36 of a UUID, this has 33");
    refused(r#""a\"b""#, "no control character, quote or backslash, byte 1 is '\"'");
    refused(r#""a\nb""#, "no control character, quote or backslash, byte 1 is '\\n'");
}

#[test]
fn a_trade_affects_what_its_words_say() {
    let trade = r#""last":10,"last_size":2,"side":"buy","trade_id":"a""#;
    let report = |affects: &str| {
        let line = format!(r#"{{"symbol":"A",{trade},"affects":{affects}}}"#);
        let fields = decode(&line).unwrap_or_else(|error| panic!("{line}: {error}")).tick.fields;
        let by_digits = line.replace(r#""last":10,"#, r#""last":87000.123456789,"#);
        let again = decode(&by_digits).unwrap().tick.fields;
        assert_eq!(again.report().map(|report| report.affects), fields.report().map(|report| report.affects));
        assert!(fields.is_trade());
        let mut out = Vec::new();
        fields.report().inspect(|report| report.write_json::<false>(&mut out));
        (String::from_utf8(out).unwrap(), fields.named())
    };
    let told = |words: &str| format!(r#","trade":{{{trade},"affects":{words}}}"#);
    assert_eq!(report(r#"["last","volume","high_low"]"#), (String::new(), FieldSet::LAST_TRADE));
    assert_eq!(report("null"), (String::new(), FieldSet::LAST_TRADE));
    assert_eq!(report(r#"[ "volume" , "last" ]"#), (told(r#"["last","volume"]"#), FieldSet::LAST_TRADE));
    assert_eq!(report(r#"["volume"]"#), (told(r#"["volume"]"#), FieldSet::NONE));
    assert_eq!(report("[]"), (told("[]"), FieldSet::NONE));
    let refused = |line: &str, message: &str| {
        for more in ["", r#","open":87000.123456789"#] {
            check_refused(&format!(r#"{{"symbol":"A",{line}{more}}}"#), RejectReason::Value, message);
        }
    };
    let list =
        |found| format!("affects: not a list of last, high_low and volume, each at most once: {found}");
    for (value, found) in [
        (r#""last""#, "a string"),
        (r#"["last","open"]"#, "another word"),
        (r#"["last","last"]"#, "a word twice"),
        ("[1]", "a number"),
        (r#"[["last"]]"#, "an array"),
        (r#"["last",{"a":[1,2]}]"#, "an object"),
        (r#"{"last":1}"#, "an object"),
    ] {
        refused(&format!(r#"{trade},"affects":{value}"#), &list(found));
    }
    refused(r#""bid":1,"affects":["last"]"#, "affects: only of a trade, which has last and last_size");
    refused(r#""last":1,"affects":[]"#, "affects: only of a trade, which has last and last_size");
}

#[test]
fn a_cancel_and_a_correction_are_ticks_of_their_own() {
    let told = |line: &str| {
        let fields = decode(&format!(r#"{{"symbol":"A",{line}}}"#)).unwrap().tick.fields;
        let mut out = Vec::new();
        fields.report().unwrap().write_json::<false>(&mut out);
        fields.write_json(WantedFields::ALL, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(told(r#""cancel":"a b""#), r#","cancel":"a b""#);
    assert_eq!(told(r#""cancel":7,"volume":5,"last":2"#), r#","cancel":"7","last":2,"volume":5"#);
    assert_eq!(told(r#""correct":"7","last":1.5"#), r#","correct":"7","trade":{"last":1.5}"#);
    assert_eq!(
        told(r#""correct":7,"last":1.5,"last_size":2,"side":"sell","high":9"#),
        r#","correct":"7","trade":{"last":1.5,"last_size":2,"side":"sell"},"high":9"#
    );
    let refused = |line: &str, message: &str| {
        check_refused(&format!(r#"{{"symbol":"A",{line}}}"#), RejectReason::Value, message);
    };
    refused(r#""cancel":"a","bid":1"#, "cancel: a tick of its own, without a quote");
    refused(r#""cancel":"a","correct":"a","last":1"#, "correct: a trade is either cancelled or corrected");
    let of_its_own = "correct: a tick of its own, without a quote or another trade_id";
    refused(r#""correct":"a","last":1,"ask":2"#, of_its_own);
    refused(r#""correct":"a","last":1,"trade_id":"b""#, of_its_own);
    refused(r#""correct":"a""#, "correct: without last, last_size or side");
    refused(r#""correct":"a","last":1,"side":null"#, "correct: the values of a trade cannot be withdrawn");
    let affects = "affects: a cancel or a correction leaves what the trade affects";
    refused(r#""correct":"a","last":1,"affects":[]"#, affects);
    refused(r#""cancel":"a","affects":[]"#, affects);
    refused(r#""cancel":"""#, "cancel: at least one character");
    refused(
        r#""cancel":1.5"#,
        "cancel: neither text nor a whole number but a number with a fraction or an exponent",
    );
    check_refused(
        r#"{"symbol":"A","cancel":null}"#,
        RejectReason::NoFields,
        "no field of a record, such as bid, ask or last",
    );
}

fn any_symbol() -> impl Strategy<Value = Symbol> {
    proptest::string::string_regex(ANY_SYMBOL).unwrap().prop_map(|text| Symbol::new(&text).unwrap())
}

fn any_tick() -> impl Strategy<Value = (Tick, Option<Nanos>)> {
    let time =
        || proptest::option::of((i64::MIN / 1_000 + 1..i64::MAX / 1_000).prop_map(|us| Nanos(us * 1_000)));
    let decimals = proptest::array::uniform9(any_decimal());
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell), Just(Side::Unknown)];
    let sets = (1..=FieldSet::ALL.0, prop_oneof![3 => Just(0), 1 => 0..=FieldSet::ALL.0]);
    let words = (side, any_trade_id());
    (any_symbol(), time(), time(), sets, decimals, any_volume(), any::<u64>(), words).prop_map(
        |(symbol, ts, rx, (mask, withdrawn), decimals, volume, trades, (side, id))| {
            let mut fields = Fields::default();
            for field in FieldSet(mask).iter() {
                match field {
                    Field::Side => fields.set_side(side),
                    Field::Volume => fields.set_volume(volume),
                    Field::Trades => fields.set_trades(trades),
                    Field::TradeId => fields.set_trade_id(id),
                    _ => {
                        let value = decimals[field as usize % DECIMAL_FIELDS];
                        let is_allowed = field.may_be_negative() || !value.is_negative();
                        fields.set_decimal(field, if is_allowed { value } else { Decimal::MAX });
                    }
                }
            }
            fields.withdraw_all(FieldSet(withdrawn));
            report_some(&mut fields, trades, id);
            (Tick { symbol, ts, fields }, rx)
        },
    )
}

/// Bytes that resemble lines closely enough to get far into the decoder.
fn almost_a_line() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\"symbol\":\"A\"",
        b"\"bid\":",
        b"\"volume\":",
        b"\"trades\":",
        b"\"ts\":",
        b"1",
        b"-",
        b".",
        b"e",
        b"1e308",
        b"1.5",
        b"0",
        b"\"1\"",
        b"\"ask\":2",
        b"99999999999999999999",
        b"null",
        b" ",
        b"\n",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\0",
    ];
    let piece = proptest::sample::select(PIECES);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// JSON numbers, short and long, with places and exponents.
fn any_number() -> impl Strategy<Value = String> {
    let form = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let price = "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,9}";
    let of = |form| proptest::string::string_regex(form).unwrap();
    prop_oneof![of(form), of(price), Just("-0".to_owned())]
}

/// Whether it has more digits than a double, zeros at the ends aside.
fn is_long(number: &str) -> bool {
    let mantissa = number.trim_start_matches('-').split(['e', 'E']).next().unwrap().replace('.', "");
    mantissa.trim_matches('0').len() > 15
}

proptest! {
    #[test]
    fn a_number_is_worth_what_its_digits_are_worth_in_quotes(number in any_number()) {
        for field in Field::ALL.map(Field::name).into_iter().chain(["ts", "rx"]).filter(|&name| name != "side" && name != "trade_id") {
            let quoted = decode(&format!(r#"{{"symbol":"A","open":0,"{field}":"{number}"}}"#).replace(r#""open":0,"open""#, r#""open""#));
            let plain = decode(&format!(r#"{{"symbol":"A","open":0,"{field}":{number}}}"#).replace(r#""open":0,"open""#, r#""open""#));
            match (&quoted, &plain) {
                (_, Err(_)) if quoted.is_err() => {}
                // Too small even for a double: as a number it is 0.
                (Err(_), _) if number.parse() == Ok(0.0) => {}
                // Rounded, then, as the digits say, whatever its double was.
                _ if is_long(&number) && field != "trades" && field != "ts" && field != "rx" => {
                    if field == "volume" {
                        let volume = plain.map(|line| line.tick.fields.volume());
                        prop_assert_eq!(volume.ok(), Volume::parse_double(&number).ok().filter(|volume| !volume.is_negative()));
                        continue;
                    }
                    let field = Field::parse(field).unwrap();
                    let decimal = plain.map(|line| line.tick.fields.get_decimal(field).unwrap());
                    let allowed = |value: &Decimal| field.may_be_negative() || !value.is_negative();
                    prop_assert_eq!(decimal.ok(), Decimal::parse_double(&number).ok().filter(allowed), "{}", number);
                }
                _ => prop_assert_eq!(&quoted, &plain, "{}: {}", field, number),
            }
        }
    }

    /// Only what serde_json accepts as an object is taken.
    #[test]
    fn a_line_that_is_taken_is_json(bytes in almost_a_line()) {
        let json = serde_json::from_slice::<serde_json::map::Map<String, serde_json::Value>>(&bytes);
        match NdjsonDecoder::new(LINE_BYTES_MAX).decode(&mut bytes.clone()) {
            Ok(_) => prop_assert!(json.is_ok() || json.unwrap_err().to_string().starts_with("number out of range")),
            Err(LineError::Syntax { .. }) => prop_assert!(json.is_err(), "{}", String::from_utf8_lossy(&bytes)),
            Err(_) => {}
        }
    }

    #[test]
    fn what_is_written_reads_back_exactly((tick, rx) in any_tick()) {
        let mut line = Vec::new();
        write_line(&tick, rx, &mut line);
        prop_assert_eq!(line.pop(), Some(b'\n'));
        let text = String::from_utf8(line.clone()).unwrap();
        let mut decoder = NdjsonDecoder::new(LINE_BYTES_MAX);
        decoder.is_recording();
        prop_assert_eq!(decoder.decode(&mut line), Ok(Line { tick, rx }), "{}", text);
    }

    #[test]
    fn chunks_change_nothing(
        input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'a')], 0..200),
        cuts in proptest::collection::vec(0usize..12, 0..60),
        line_bytes_max in 0usize..8,
    ) {
        prop_assert_eq!(split(&input, &cuts, line_bytes_max), split_naively(&input, line_bytes_max));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = NdjsonDecoder::new(256).decode(&mut bytes.clone());
    }

    #[test]
    fn nothing_that_looks_like_a_line_panics_or_blocks_the_next(bytes in almost_a_line()) {
        let mut decoder = NdjsonDecoder::new(LINE_BYTES_MAX);
        let _ = decoder.decode(&mut bytes.clone());
        let good = br#"{"symbol":"A","bid":1}"#;
        prop_assert_eq!(decoder.decode(&mut good.to_vec()), NdjsonDecoder::new(LINE_BYTES_MAX).decode(&mut good.to_vec()));
    }
}
