//! Each format from the samples in `tests/formats`, whose README says where they come from; cut anywhere, and damaged.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::feed::{RejectReason, ndjson::write_line, recording::RecordPosition};

mod configured;
#[cfg(feature = "dbn")]
mod dbn;
mod lean_ticks;
mod reports;
mod symbols;

const LINE_BYTES_MAX: usize = 4_096;

/// Every sample: its name, and what is in it.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let mut samples: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|ending| ending != "md"))
        .filter(|path| cfg!(feature = "dbn") || path.extension().is_none_or(|ending| ending != "dbn"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = std::fs::read(path).unwrap();
            (name, bytes)
        })
        .collect();
    samples.sort();
    samples
}

pub(super) fn sample(name: &str) -> Vec<u8> {
    let found = samples().into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no sample {name}")).1
}

/// Decodes in chunks of these lengths, over and over.
pub(super) fn decode(name: &str, bytes: &[u8], lengths: &[usize]) -> DecoderOutput {
    let format = Format::detect(name, bytes).unwrap();
    decode_as(format, name, bytes, lengths)
}

fn decode_as(format: Format, name: &str, bytes: &[u8], lengths: &[usize]) -> DecoderOutput {
    let mut decoder = format.decoder(name, &Hints::default(), LINE_BYTES_MAX).unwrap();
    let mut out = DecoderOutput::default();
    let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((*lengths.next().unwrap()).clamp(1, rest.len()));
        decoder.feed(&mut chunk.to_vec(), &mut out);
        rest = after;
    }
    decoder.finish(&mut out);
    out
}

/// The result, one line each: ticks as in our own recordings, then rejects.
pub(super) fn lines(out: &DecoderOutput) -> Vec<String> {
    let ticks = out.ticks.iter().map(|(rx, tick)| {
        let mut line = Vec::new();
        write_line(tick, *rx, &mut line);
        String::from_utf8(line).unwrap().trim_end().to_owned()
    });
    let rejects = out
        .rejects
        .iter()
        .map(|reject| format!("{}, {}: {}", reject.place, reject.reason.label(), reject.message));
    ticks.chain(rejects).collect()
}

#[track_caller]
pub(super) fn check(name: &str, format: &str, passed: u64, expected: &[&str]) {
    let bytes = sample(name);
    let detected = Format::detect(name, &bytes).unwrap();
    assert_eq!(detected.name(), format, "{name}");
    let out = decode(name, &bytes, &[usize::MAX]);
    assert_eq!(lines(&out), expected, "{name}");
    assert_eq!(out.passed, passed, "{name}");
}

#[test]
fn own_recordings_and_their_lines_about_themselves() {
    check(
        "own.ndjson",
        "tickcast",
        1,
        &[
            r#"{"symbol":"BTC-USD","ts":1742860800123456,"rx":1742860800123502,"bid":87000.1,"bid_size":0.5,"ask":87000.2,"ask_size":1.25}"#,
            r#"{"symbol":"BTC-USD","ts":1742860800223456,"rx":1742860800223502,"last":87000.123456789,"last_size":0.001,"side":"buy"}"#,
            "line 5, value: bid: not a decimal number",
        ],
    );
    let bare = b"{\"symbol\":\"A\",\"bid\":1}\n";
    assert_eq!(decode("ticks", bare, &[9]).ticks.len(), 1, "the first line may be missing");
}

#[test]
fn plain_tables() {
    check(
        "plain.csv",
        "csv",
        1,
        &[
            r#"{"symbol":"BTC-USD","ts":1742860800123456,"rx":1742860800123502,"bid":87000.1,"bid_size":0.5,"ask":87000.2,"ask_size":1.25}"#,
            r#"{"symbol":"BTC-USD","ts":1742860800223456,"last":87000.123456789,"last_size":0.001,"side":"buy","volume":12.5,"trades":3}"#,
            r#"{"symbol":"BTC-USD","ts":1742860800423456,"bid":-37.63}"#,
            "line 4, no_fields: no field of a record, such as bid, ask or last",
            "line 5, symbol: symbol: a symbol has no control character, quote, backslash or comma, byte 3 is '\\u{7f}'",
            "line 6, syntax: a quote is not closed",
            "line 7, value: bid_size: must not be negative",
        ],
    );
}

#[test]
fn tables_of_tardis() {
    let times = r#""ts":1583020803145000,"rx":1583020803307160"#;
    check(
        "tardis-trades.csv",
        "tardis",
        1,
        &[
            &format!(
                r#"{{"symbol":"XBTUSD",{times},"last":8531.5,"last_size":2152,"side":"sell","trade_id":"ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf"}}"#
            ),
            &format!(
                r#"{{"symbol":"XBTUSD",{times},"last":8531.5,"last_size":0.0000001,"side":"buy","trade_id":"a"}}"#
            ),
            &format!(r#"{{"symbol":"XBTUSD",{times},"last":8532,"last_size":0,"side":"unknown"}}"#),
            "line 5, value: side: not buy, sell or unknown",
            "line 6, syntax: 3 columns where 8 are expected",
        ],
    );
    check(
        "tardis-quotes.csv",
        "tardis",
        1,
        &[
            r#"{"symbol":"XBTUSD","ts":1583020799993000,"rx":1583020800115660,"bid":8538,"bid_size":208,"ask":8538.5,"ask_size":21195}"#,
            r#"{"symbol":"XBTUSD","ts":1583020800144000,"rx":1583020800267000,"bid":8538,"bid_size":500,"ask":null,"ask_size":null}"#,
            r#"{"symbol":"XBTUSD","ts":1583020800144000,"rx":1583020800267000,"bid":null,"bid_size":null,"ask":null,"ask_size":null}"#,
        ],
    );
    check(
        "tardis-derivative_ticker.csv",
        "tardis",
        2,
        &[r#"{"symbol":"XBTUSD","ts":1583020800000000,"rx":1583020800086450,"last":8538.5}"#],
    );
}

#[test]
fn public_data_of_binance() {
    check(
        "BTCUSDT-trades-2024-01-01.csv",
        "binance-trades",
        0,
        &[
            r#"{"symbol":"BTCUSDT","ts":1704067200016000,"last":42283.58,"last_size":0.0004,"side":"sell","trade_id":"3348093371"}"#,
            r#"{"symbol":"BTCUSDT","ts":1735689600000123,"last":42283.59,"last_size":0.00017,"side":"buy","trade_id":"3348093372"}"#,
            "line 3, value: isBuyerMaker: not true or false",
        ],
    );
    check(
        "ETHUSDT-aggTrades-2024-01-01.csv",
        "binance-aggTrades",
        1,
        &[
            r#"{"symbol":"ETHUSDT","ts":1704067200100000,"last":2281.88,"last_size":0.5,"side":"buy","trade_id":"1"}"#,
            r#"{"symbol":"ETHUSDT","ts":1704067200200000,"last":2281.87,"last_size":1.25,"side":"sell","trade_id":"2"}"#,
            "line 4, syntax: 2 columns where 7 are expected",
        ],
    );
    check(
        "BTCUSD_PERP-bookTicker-2024-01-01.csv",
        "binance-bookTicker",
        1,
        &[
            r#"{"symbol":"BTCUSD_PERP","ts":1704067200010000,"bid":42300.1,"bid_size":100,"ask":42300.2,"ask_size":250}"#,
            "line 3, value: bid_size: not a decimal number",
        ],
    );
}

#[test]
fn captures_of_combined_streams() {
    check(
        "capture.txt",
        "binance-capture",
        2,
        &[
            r#"{"symbol":"BTCUSDT","rx":1676419207212527,"bid":61837.63,"bid_size":3.78826,"ask":61837.64,"ask_size":1.54698}"#,
            r#"{"symbol":"BNBBTC","ts":1676419207298000,"rx":1676419207312527,"last":0.001,"last_size":100,"side":"sell","trade_id":"12345"}"#,
            r#"{"symbol":"ETHBTC","ts":1676419207398000,"rx":1676419207412527,"last":0.0011,"last_size":1.5,"side":"buy","trade_id":"12345"}"#,
            r#"{"symbol":"ETHUSDT","ts":1676419207798000,"bid":1,"bid_size":2,"ask":3,"ask_size":4}"#,
            "line 6, syntax: not JSON of this format: missing field `b` at line 1 column 22",
        ],
    );
}

#[test]
fn a_broken_trade_of_itch_cancels_the_trade_of_its_number() {
    let mut bytes = sample("S100913-v50.txt");
    bytes.truncate(491);
    let broken = |locate: u8, number: u16| {
        let mut message = [0; 21];
        (message[1], message[2], message[4]) = (19, b'B', locate);
        message[7..13].copy_from_slice(&[0x1f, 0x1a, 0xce, 0xda, 0x1e, 0xe0]);
        message[19..].copy_from_slice(&number.to_be_bytes());
        message
    };
    bytes.extend_from_slice(&broken(1, 903));
    // Of a stock that no message has named.
    bytes.extend_from_slice(&broken(77, 903));
    let out = decode("S100913-v50.txt", &bytes, &[usize::MAX]);
    assert_eq!(lines(&out).last().unwrap(), r#"{"symbol":"IBM","ts":1381325400000012,"cancel":"903"}"#);
    assert_eq!(out.tally.total(), 0);
}

#[test]
fn messages_of_itch() {
    check(
        "S100913-v50.txt",
        "itch",
        4,
        &[
            r#"{"symbol":"IBM","ts":1381325400000001,"bid":185.34,"bid_size":100}"#,
            r#"{"symbol":"IBM","ts":1381325400000002,"ask":185.35,"ask_size":50}"#,
            r#"{"symbol":"IBM","ts":1381325400000003,"bid":185.34,"bid_size":130}"#,
            r#"{"symbol":"IBM","ts":1381325400000005,"bid":185.34,"bid_size":90,"last":185.34,"last_size":40,"side":"sell","trade_id":"900"}"#,
            r#"{"symbol":"IBM","ts":1381325400000006,"ask":185.35,"ask_size":30,"last":185.345,"last_size":20,"side":"buy","trade_id":"901"}"#,
            // An execution that is not printed.
            r#"{"symbol":"IBM","ts":1381325400000006,"ask":185.35,"ask_size":20}"#,
            r#"{"symbol":"IBM","ts":1381325400000007,"bid":185.34,"bid_size":85}"#,
            r#"{"symbol":"IBM","ts":1381325400000008,"bid":185.345,"bid_size":70}"#,
            r#"{"symbol":"IBM","ts":1381325400000009,"ask":null,"ask_size":null}"#,
            r#"{"symbol":"IBM","ts":1381325400000010,"last":185.346,"last_size":7,"trade_id":"903"}"#,
            r#"{"symbol":"IBM","ts":1381325400000011,"last":185.347,"last_size":1000,"trade_id":"904"}"#,
            "byte 491, syntax: the order was never added, or has ended",
            "byte 512, syntax: the message's length is not that of its type",
        ],
    );
    for (name, day) in [
        ("S081321-v50.txt", Some((2021, 8, 13))),
        ("01302020.NASDAQ_ITCH50", Some((2020, 1, 30))),
        ("20190530.BX_ITCH_50", Some((2019, 5, 30))),
        ("today.itch", None),
    ] {
        let expected = day.and_then(|(year, month, day)| new_york::Day::new(year, month, day));
        assert_eq!(itch::day_of(name), expected, "{name}");
    }
}

#[test]
fn what_is_in_no_format_is_refused_with_what_there_is() {
    for (name, head) in [("x.csv", &b""[..]), ("x", b"\xff\xfe\x00"), ("a-trades-x.csv", b"1,2,3\n")] {
        assert!(Format::detect(name, head).is_err(), "{name}");
    }
    // The name must tell what the contents do not.
    let itch = sample("S100913-v50.txt");
    assert!(
        Format::detect("unnamed", &itch)
            .unwrap()
            .decoder("unnamed", &Hints::default(), 1)
            .err()
            .unwrap()
            .contains("day")
    );
}

/// Concatenated files, and any text before a table's names.
#[test]
fn lines_of_names_are_passed_over_wherever_they_stand() {
    for name in ["plain.csv", "tardis-trades.csv", "ETHUSDT-aggTrades-2024-01-01.csv", "own.ndjson"] {
        let once = decode(name, &sample(name), &[usize::MAX]);
        let twice = [sample(name), b"\n".to_vec(), sample(name)].concat();
        let twice = decode(name, &twice, &[7, 60]);
        assert_eq!(twice.ticks.len(), 2 * once.ticks.len(), "{name}");
        assert_eq!((twice.passed, twice.tally.total()), (2 * once.passed, 2 * once.tally.total()), "{name}");
        let before = [b"foreign\n\n".to_vec(), sample(name)].concat();
        let before = decode(name, &before, &[usize::MAX]);
        assert_eq!(before.ticks, once.ticks, "{name}");
        assert_eq!(before.tally.total() + before.passed, once.tally.total() + once.passed + 1, "{name}");
    }
}

#[test]
fn times_of_plain_tables_are_in_the_unit_of_their_size() {
    let table = b"symbol,ts,rx,bid\nA,1735689600,1735689600000,1\nA,1735689600000000,1735689600000000000,2\nA,7,8,3\n";
    let out = decode("x", table, &[usize::MAX]);
    let times: Vec<_> =
        out.ticks.iter().map(|(rx, tick)| (rx.unwrap().micros(), tick.ts.unwrap().micros())).collect();
    assert_eq!(
        times,
        [
            (1_735_689_600_000_000, 1_735_689_600_000_000),
            (1_735_689_600_000_000, 1_735_689_600_000_000),
            (8, 7)
        ]
    );
}

#[test]
fn a_trade_at_price_0_is_none() {
    let rows = b"1,2,3,6,1704067200016,true\n2,0,0,0,1704067200016,true\n";
    let out = decode("BTCUSDT-trades-2024-01-01.csv", rows, &[usize::MAX]);
    assert_eq!((out.ticks.len(), out.passed, out.tally.total()), (1, 1, 0));
}

#[test]
fn jumps_of_an_hour_are_found_with_their_place() {
    let hour = 3_600_000_000_i64;
    let start = 1_704_067_200_000_000;
    let times = [start, start + hour - 1, start + 3 * hour, start, start + 1];
    let rows: Vec<String> = times.iter().map(|time| format!("A,{time},1\n")).collect();
    let table = format!("symbol,ts,bid\n{}", rows.concat());
    let out = decode("x", table.as_bytes(), &[5]);
    let places: Vec<_> = out.jumps.iter().map(|jump| (jump.place, jump.nanos() / 1_000)).collect();
    assert_eq!(
        places,
        [(RecordPosition::Line(4), 2 * hour as u64 + 1), (RecordPosition::Line(5), 3 * hour as u64)]
    );
    assert_eq!((out.jumped, out.jump_max_ns), (2, 3 * hour as u64 * 1_000));
}

#[test]
fn a_line_over_the_limit_is_one_reject() {
    for (name, bytes) in samples() {
        if std::str::from_utf8(&bytes).is_err() || name.ends_with("v50.txt") {
            continue;
        }
        let mut longer = bytes.clone();
        longer.extend_from_slice(&vec![b'1'; LINE_BYTES_MAX + 1]);
        longer.push(b'\n');
        let (before, after) = (decode(&name, &bytes, &[usize::MAX]), decode(&name, &longer, &[usize::MAX]));
        assert_eq!(after.ticks, before.ticks, "{name}");
        assert_eq!(after.rejects.last().unwrap().reason, RejectReason::LineTooLong, "{name}");
        assert_eq!(after.tally.total(), before.tally.total() + 1, "{name}");
    }
}

fn state(out: &DecoderOutput) -> (Vec<String>, u64, u64) {
    (lines(out), out.passed, out.tally.total())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// How the bytes were cut into chunks changes nothing, in any format.
    #[test]
    fn cuts_change_nothing(lengths in proptest::collection::vec(1usize..60, 1..12)) {
        for (name, bytes) in samples() {
            let whole = decode(&name, &bytes, &[usize::MAX]);
            prop_assert_eq!(state(&decode(&name, &bytes, &lengths)), state(&whole), "{}", name);
        }
    }

    /// Damaged samples never panic, cut anywhere, and the result does not depend on the cuts.
    #[test]
    fn damage_panics_nowhere(
        which in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..12),
        lengths in proptest::collection::vec(1usize..60, 1..6),
    ) {
        let samples = samples();
        let (name, mut bytes) = which.get(&samples).clone();
        let format = Format::detect(&name, &bytes).unwrap();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.extend_from_within(at..),
            }
            bytes.truncate(64 * 1024);
            if bytes.is_empty() {
                break;
            }
        }
        let whole = decode_as(format, &name, &bytes, &[usize::MAX]);
        prop_assert_eq!(state(&decode_as(format, &name, &bytes, &lengths)), state(&whole), "{}", name);
    }
}

#[cfg(not(feature = "dbn"))]
#[test]
fn databento_needs_its_feature() {
    let error =
        Format::detect("x.dbn", b"DBN\x03").unwrap().decoder("x.dbn", &Hints::default(), 1).err().unwrap();
    assert!(error.contains("--features dbn"), "{error}");
}
