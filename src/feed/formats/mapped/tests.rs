//! Tables with columns named in hints, and known tables; the samples are those of `tests/formats`.

use proptest::prelude::*;

use super::super::{DecoderOutput, Format, Hints, open, tests};

/// Hints as a query has them.
fn hints(columns: &str, unit: &str, symbol: &str) -> Hints {
    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Option<T> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }
    Hints { columns: parsed(columns), unit: parsed(unit), symbol: parsed(symbol), ..Hints::default() }
}

fn decode(name: &str, table: &str, hints: &Hints, lengths: &[usize]) -> Result<DecoderOutput, String> {
    let (_, mut decoder) = open(name, table.as_bytes(), true, hints, 4_096)?.expect("told of all there is");
    let mut out = DecoderOutput::with_prefix(hints.prefix.clone());
    let (mut rest, mut lengths) = (table.as_bytes(), lengths.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((*lengths.next().unwrap()).clamp(1, rest.len()));
        decoder.feed(&mut chunk.to_vec(), &mut out);
        rest = after;
    }
    decoder.finish(&mut out);
    Ok(out)
}

#[track_caller]
fn check(table: &str, hints: &Hints, expected: &[&str]) {
    let out = decode("table.csv", table, hints, &[usize::MAX]).unwrap();
    assert_eq!(tests::lines(&out), expected);
}

#[track_caller]
fn check_refused(name: &str, table: &str, hints: &Hints, expected: &str) {
    assert_eq!(decode(name, table, hints, &[usize::MAX]).err().as_deref(), Some(expected));
}

const TRADES: &str = "id,timestamp,price,qty,side,extra\n\
                      1,1583020803145,8531.5,0.25,BUY,x\n\
                      2,1583020803146,8531.25,,Sell,\n\
                      3,1583020803147,NaN,null,unknown,\n\
                      4,soon,8531,1,buy,\n\
                      5,1583020803149,8531,1,up,\n\
                      6,1583020803150,0.30000000000000004,1e-7,s,\n\
                      7,1583020803151,0.3000000001,1,b,\n\
                      8,1583020803152,0.0000016425,46116860414,b,\n\
                      9,1583020803153,0.123456789012345678,4.6116860414E+10,b,\n\
                      10,1583020803154,1.6425000000000001e-06,2.99999999999999989e-01,b,\n\
                      11,1583020803155,0.3,1234567890123456789,b,\n";

#[test]
fn columns_are_what_somebody_says() {
    let expected = [
        r#"{"symbol":"XYZ","ts":1583020803145000,"last":8531.5,"last_size":0.25,"side":"buy"}"#,
        r#"{"symbol":"XYZ","ts":1583020803146000,"last":8531.25,"side":"sell"}"#,
        r#"{"symbol":"XYZ","ts":1583020803150000,"last":0.3,"last_size":0.0000001,"side":"sell"}"#,
        r#"{"symbol":"XYZ","ts":1583020803151000,"last":0.3000000001,"last_size":1,"side":"buy"}"#,
        r#"{"symbol":"XYZ","ts":1583020803152000,"last":0.0000016425,"last_size":46116860414,"side":"buy"}"#,
        r#"{"symbol":"XYZ","ts":1583020803153000,"last":"0.123456789012345678","last_size":46116860414,"side":"buy"}"#,
        r#"{"symbol":"XYZ","ts":1583020803154000,"last":0.0000016425,"last_size":0.3,"side":"buy"}"#,
        "line 5, value: ts: no time that can be",
        "line 6, value: side: not buy, sell or unknown",
        "line 12, value: last_size: more than 18 significant digits: round it",
    ];
    let columns = "ts:timestamp,last:price,last_size:qty,side:side";
    check(TRADES, &hints(columns, "ms", "XYZ"), &expected);
    check(TRADES, &hints(columns, "", "XYZ"), &expected);
    check(TRADES, &hints("ts:2,last:3,last_size:4,side:5", "", "XYZ"), &expected);
    check(TRADES, &hints("ts:TimeStamp,last:Price,last_size:4,side:SIDE", "", "XYZ"), &expected);
    let semicolons = TRADES.replace(',', ";");
    check(&semicolons, &hints(columns, "ms", "XYZ"), &expected);
    check(&semicolons.replace(';', "\t"), &hints(columns, "ms", "XYZ"), &expected);
    let with_mark = format!(
        "\u{feff}{}",
        TRADES.replace("id,timestamp", "timestamp,id").replace("\n1,1583020803145", "\n1583020803145,1")
    );
    let out = decode("t", &with_mark, &hints(columns, "", "XYZ"), &[usize::MAX]).unwrap();
    assert_eq!(tests::lines(&out)[0], expected[0]);
}

#[test]
fn times_symbols_and_totals_come_from_columns_too() {
    let table = "when,seen,ticker,b,bs,a,as,vol,n,m\n\
                 2020-03-01 00:00:03.145+01:00,1583017203200000000,A/B,1,2,1.5,3,1000000000000,7,true\n\
                 1583017203,,,1,,,,,,False\n\
                 1583017203,,a\u{85}b,1,,,,,,\n";
    check(
        table,
        &hints(
            "ts:when,rx:seen,symbol:ticker,bid:b,bid_size:bs,ask:a,ask_size:as,volume:vol,trades:n,buyer_maker:m",
            "",
            "",
        ),
        &[
            r#"{"symbol":"A/B","ts":1583017203145000,"rx":1583017203200000,"bid":1,"bid_size":2,"ask":1.5,"ask_size":3,"side":"sell","volume":1000000000000,"trades":7}"#,
            "line 3, value: symbol: missing",
            "line 4, symbol: symbol: a symbol has no control character, quote, backslash or comma, byte 1 is '\\u{85}'",
        ],
    );
}

#[test]
fn a_table_without_names_is_read_by_numbers() {
    let bare = "1583020803,8531.5,2\n1583020804.5,8531,3\n";
    let expected = [
        r#"{"symbol":"XBTUSD","ts":1583020803000000,"last":8531.5,"last_size":2}"#,
        r#"{"symbol":"XBTUSD","ts":1583020804500000,"last":8531,"last_size":3}"#,
    ];
    let numbers = hints("ts:1,last:2,last_size:3", "s", "XBTUSD");
    check(bare, &numbers, &expected);
    check(&format!("time,price,size\n{bare}"), &numbers, &expected);
    check_refused(
        "t",
        bare,
        &hints("ts:1,last:4", "", "X"),
        "it has no column 4; there are \"1583020803\", \"8531.5\", \"2\"",
    );
    check_refused("t", bare, &hints("ts:0,last:2", "", "X"), "columns are counted from 1");
    // Not a table without times: a unit was given.
    check_refused(
        "t",
        "time,bid\n1583020803145,1\n",
        &hints("", "ms", "X"),
        "unit= says in what times are counted, and no column is a time: say which one is, with columns=ts:COLUMN,...; \
         there are \"time\", \"bid\"",
    );
}

/// `unit` and `symbol` alone: the columns have a tick's own names.
#[test]
fn a_table_of_a_ticks_own_names_may_lack_the_symbol_and_have_another_unit() {
    let table = "ts,bid,ask,comment\n1583020803145,1,2,x\n";
    check(table, &hints("", "ms", "XYZ"), &[r#"{"symbol":"XYZ","ts":1583020803145000,"bid":1,"ask":2}"#]);
    let with_symbol = "symbol,ts,bid\nA,1583020803,1\n";
    check(with_symbol, &hints("", "s", ""), &[r#"{"symbol":"A","ts":1583020803000000,"bid":1}"#]);
}

#[test]
fn what_cannot_be_read_so_is_refused_with_the_columns_there_are() {
    let there = r#"there are "id", "timestamp", "price", "qty", "side", "extra""#;
    let refused = |columns: &str, symbol: &str, expected: &str| {
        check_refused("t.csv", TRADES, &hints(columns, "", symbol), expected);
    };
    refused("ts:timestamp,last:prise", "X", &format!("it has no column \"prise\"; {there}"));
    refused(
        "last:price",
        "",
        &format!(
            "no column is the symbol: give symbol=NAME, or name its column with columns=symbol:COLUMN,...; {there}"
        ),
    );
    refused(
        "symbol:side,last:price",
        "X",
        "its symbols stand in a column, \"side\", so symbol= is one too many",
    );
    refused("polygon-trades", "", &format!("polygon-trades have a column ticker; {there}"));
    refused("", "X", &format!("say which column is what, as in columns=ts:TIME,last:PRICE; {there}"));
    let own = "{\"tickcast\":\"recording\",\"version\":1}\n";
    check_refused(
        "t",
        own,
        &hints("", "ms", ""),
        "columns, unit and symbol are for tables that do not say what they hold, and this is tickcast",
    );
    let many = (0..100).map(|at| format!("column{at}")).collect::<Vec<_>>().join(",");
    let error = decode("t", &many, &hints("last:x", "", "X"), &[9]).unwrap_err();
    assert!(error.ends_with("\"column39\" and more"), "{error}");
}

#[test]
fn every_symbol_may_be_given_a_beginning() {
    let mut hints = hints("symbol:id,last:price", "", "");
    hints.prefix = Some("BYBIT:".parse().unwrap());
    let long = "A".repeat(60);
    let table = format!("id,price\nBTC,1\n{long},2\n");
    check(
        &table,
        &hints,
        &[
            r#"{"symbol":"BYBIT:BTC","last":1}"#,
            "line 3, symbol: symbol: a symbol has at most 64 bytes, this has 66",
        ],
    );
}

#[test]
fn flat_files_of_polygon() {
    tests::check(
        "polygon-trades.csv",
        "polygon-trades",
        1,
        &[
            r#"{"symbol":"AAPL","ts":1679990400018025,"rx":1679990400018381,"last":157.16,"last_size":55,"trade_id":"1","affects":["volume"]}"#,
            r#"{"symbol":"AAPL","ts":1679990400118025,"rx":1679990400118381,"last":157.1601,"last_size":0.5,"trade_id":"2"}"#,
            "line 4, value: last: not a decimal number",
            "line 5, syntax: 3 columns where 13 are expected",
        ],
    );
    tests::check(
        "polygon-quotes.csv",
        "polygon-quotes",
        1,
        &[
            r#"{"symbol":"AAPL","ts":1679990400001245,"rx":1679990400044243,"bid":157.1,"bid_size":12,"ask":157.2,"ask_size":3}"#,
            // The ask side is empty.
            r#"{"symbol":"AAPL","ts":1679990400002245,"rx":1679990400045243,"bid":157.1,"bid_size":12,"ask":null,"ask_size":null}"#,
        ],
    );
    let currencies = "ticker,ask_exchange,ask_price,bid_exchange,bid_price,participant_timestamp\n\
                      C:EUR-USD,48,1.0801,48,1.08,1679990400001000000\n";
    check(
        currencies,
        &Hints::default(),
        &[r#"{"symbol":"C:EUR-USD","ts":1679990400001000,"bid":1.08,"ask":1.0801}"#],
    );
}

#[test]
fn trades_of_exchanges() {
    tests::check(
        "BTCUSDT2020-03-25.csv",
        "bybit-trades",
        1,
        &[
            r#"{"symbol":"BTCUSDT","ts":1585180700064700,"last":6698.5,"last_size":0.042,"side":"buy","trade_id":"0a1b"}"#,
            r#"{"symbol":"BTCUSDT","ts":1585180699900000,"last":6698,"last_size":0.042,"side":"sell","trade_id":"0a1c"}"#,
            "line 4, value: side: not buy, sell or unknown",
        ],
    );
    tests::check(
        "BTCUSDT_2025-05-19.csv",
        "bybit-spot-trades",
        1,
        &[
            r#"{"symbol":"BTCUSDT","ts":1747612800074000,"last":106453.8,"last_size":0.003718,"side":"sell","trade_id":"1"}"#,
            r#"{"symbol":"BTCUSDT","ts":1747612800150000,"last":106456.9,"last_size":0.0005,"side":"buy","trade_id":"2"}"#,
        ],
    );
    // A size that was printed from a double, and one that says what it is.
    tests::check(
        "BTC-USDT-trades-2025-01-20.csv",
        "okx-trades",
        1,
        &[
            r#"{"symbol":"BTC-USDT","ts":1737331200000000,"last":104933.5,"last_size":0.00044783,"side":"buy","trade_id":"465953984"}"#,
            r#"{"symbol":"BTC-USDT","ts":1737331200001000,"last":104933.4,"last_size":0.0004478299,"side":"sell","trade_id":"465953985"}"#,
        ],
    );
    tests::check(
        "BTC-USDT-SWAP-trades-2022-03-01.csv",
        "okx-trades",
        1,
        &[
            r#"{"symbol":"BTC-USDT-SWAP","ts":1646064000123000,"last":43120.5,"last_size":12,"side":"sell","trade_id":"1"}"#,
        ],
    );
    tests::check(
        "BTCUSDT-trades-2022-12-31.csv",
        "kucoin-trades",
        1,
        &[
            r#"{"symbol":"BTCUSDT","ts":1672444801000000,"last":16603.9,"last_size":0.1,"side":"buy","trade_id":"1"}"#,
            r#"{"symbol":"BTCUSDT","ts":1672444802000000,"last":16604.1,"last_size":0.2,"side":"sell","trade_id":"2"}"#,
        ],
    );
}

#[test]
fn massive_s_conditions_and_corrections_are_of_stocks() {
    let row = |ticker: &str, conditions: &str, correction: u8, id: &str| {
        format!(
            "{ticker},\"{conditions}\",{correction},4,{id},1679990400018025984,10,7,1679990400018381329,5,1,0,0\n"
        )
    };
    let table = [
        "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,trf_id,trf_timestamp\n",
        &row("A", "14,41", 0, "1"),
        &row("A", "10", 1, "2"),
        &row("A", "15", 0, "3"),
        &row("X:BTC-USD", "2", 0, "4"),
        &row("A", "", 8, "5"),
        &row("A", "", 10, "5"),
        &row("A", "", 12, "2"),
        &row("A", "", 11, ""),
    ];
    let trade = |symbol: &str, id: &str, affects: &str| {
        format!(
            r#"{{"symbol":"{symbol}","ts":1679990400018025,"rx":1679990400018381,"last":10,"last_size":5,"trade_id":"{id}"{affects}}}"#
        )
    };
    let expected = [
        trade("A", "1", ""),
        trade("A", "2", r#","affects":["high_low","volume"]"#),
        trade("A", "3", r#","affects":[]"#),
        trade("X:BTC-USD", "4", ""),
        trade("A", "5", ""),
        r#"{"symbol":"A","ts":1679990400018025,"rx":1679990400018381,"cancel":"5"}"#.to_owned(),
    ];
    check(&table.concat(), &Hints::default(), &expected.each_ref().map(String::as_str));
}

#[test]
fn tables_of_databento() {
    tests::check(
        "databento-mbp-1.csv",
        "databento-csv",
        1,
        &[
            r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"bid":133,"bid_size":10,"ask":133.01,"ask_size":20}"#,
            r#"{"symbol":"AAPL","ts":1609160400001704,"rx":1609160400001904,"bid":133,"bid_size":10,"last":133.01,"last_size":5,"side":"buy","ask":null,"ask_size":null}"#,
            "line 4, value: ts_event: no time that can be",
        ],
    );
    tests::check(
        "databento-trades.csv",
        "databento-csv",
        1,
        &[
            r#"{"symbol":"AAPL","ts":1609160400000704,"rx":1609160400000869,"last":133.000000123,"last_size":10,"side":"sell"}"#,
            r#"{"symbol":"AAPL","ts":1609160400000705,"rx":1609160400000870,"last":133,"last_size":3}"#,
        ],
    );
    // Without a column of symbols: the given symbol, or the instrument's number.
    let table = "ts_event,rtype,publisher_id,instrument_id,action,side,price,size\n\
                 1609160400000704060,0,1,5482,T,A,133000000000,1\n";
    let symbol =
        |hints: &Hints| decode("x.csv", table, hints, &[usize::MAX]).unwrap().ticks[0].1.symbol.to_string();
    assert_eq!(symbol(&Hints::default()), "5482");
    assert_eq!(symbol(&hints("databento-trades", "", "AAPL")), "AAPL");
    check_refused(
        "x",
        TRADES,
        &hints("databento", "", ""),
        "it is not a table of Databento that holds ticks: its line of names has no ts_event, rtype, publisher_id and price",
    );
    for (more, part) in [("open,high,low,close,volume", "ohlcv"), ("order_id,action,side,price,size", "mbo")]
    {
        let error =
            Format::detect("x.csv", format!("ts_event,rtype,publisher_id,instrument_id,{more}\n").as_bytes());
        assert!(error.as_ref().unwrap_err().contains(part), "{error:?}");
    }
}

#[test]
fn a_known_table_without_its_name_is_told_its_symbol() {
    let table = String::from_utf8(tests::sample("BTCUSDT-trades-2022-12-31.csv")).unwrap();
    let error = decode("trades.csv", &table, &Hints::default(), &[usize::MAX]).unwrap_err();
    assert!(error.contains("give symbol=NAME"), "{error}");
    let told = hints("kucoin", "", "BTC-USDT");
    let out = decode("trades.csv", &table, &told, &[usize::MAX]).unwrap();
    assert_eq!(out.ticks[0].1.symbol.as_str(), "BTC-USDT");
    assert_eq!(out.ticks.len(), 2);
}

#[test]
fn every_known_table_is_known_by_its_names_alone() {
    for preset in super::Preset::ALL {
        let known = preset.known();
        assert_eq!(super::Preset::parse(known.name), Some(preset));
        let header = known.columns.iter().map(|(_, names)| names[0]).collect::<Vec<_>>().join(",");
        if let Ok(format) = Format::detect("x", header.as_bytes()) {
            assert_eq!(format, Format::Known(preset), "{header}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rows of any bytes never panic, and how they were cut changes nothing.
    #[test]
    fn cuts_change_nothing(
        rows in proptest::collection::vec("([0-9.eE:TZ-]{0,24}|\\PC{0,8}|NaN|buy|\"a,b\")(,([0-9.eE-]{0,24}|\\PC{0,8})){0,4}", 0..12),
        lengths in proptest::collection::vec(1usize..20, 1..6),
    ) {
        let table = format!("a,b,c\n{}\n", rows.join("\n"));
        for hints in [hints("ts:a,last:b,side:c", "", "X"), hints("rx:1,symbol:2,volume:3,bid:2", "ns", "")] {
            let whole = decode("t", &table, &hints, &[usize::MAX]).unwrap();
            let cut = decode("t", &table, &hints, &lengths).unwrap();
            prop_assert_eq!(tests::lines(&cut), tests::lines(&whole));
            prop_assert_eq!(cut.passed, whole.passed);
        }
    }
}
