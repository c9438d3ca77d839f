//! Common files, reported by what they are; and text that may precede the first record.

use proptest::prelude::*;

use super::*;

fn tell(name: &str, head: &[u8], is_whole: bool) -> Detection {
    super::tell(name, head, is_whole, &CustomFields::none())
}

fn told(name: &str, head: &[u8]) -> String {
    match tell(name, head, true) {
        Detection::Format(format) => format.name().to_owned(),
        Detection::Unread { why, .. } => why,
        Detection::Undecided => panic!("{name}: undecided of all there is"),
    }
}

/// Under whatever name, and under that of a format that is read.
#[track_caller]
fn check_unread(head: &[u8], expected: &str) {
    for name in ["x.csv", "BTCUSDT-trades-2024-01-01.csv", "20131009_ibm_trade_tick.csv"] {
        let why = told(name, head);
        assert!(why.starts_with(&format!("it is {expected}")), "{name}: {why}");
        assert!(why.contains("readable formats: tickcast's own (a first line"), "{name}: {why}");
    }
}

#[test]
fn binary_files_are_told_by_what_they_are() {
    let mut tar = vec![0; 600];
    tar[..5].copy_from_slice(b"a.csv");
    tar[257..262].copy_from_slice(b"ustar");
    let utf16: Vec<u8> = "symbol,bid\nA,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "symbol,bid\nA,1\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    for (head, expected) in [
        (&b"BZh91AY&SY"[..], "compressed by bzip2 within another"),
        (b"\xfd7zXZ\0\0\x04", "compressed by xz within another"),
        (&tar, "a tar archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (&marked(b"\xff\xfe", &utf16), "text in UTF-16, little-endian"),
        (&marked(b"\xfe\xff", &big), "text in UTF-16, big-endian"),
        (&utf16, "text in UTF-16 without"),
        (&big, "text in UTF-16 without"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "a program"),
        (b"\x01\x02\x03\xfe\x07\x08\n\x0b\xee\xff\x80", "binary data in no known format"),
        (b"\xe9\xf0\xf1\xb7\xc3\x28\xa0\xa1", "binary data in no known format"),
    ] {
        check_unread(head, expected);
    }
    // Whether it is supported depends on the build.
    let Detection::Unread { why, .. } = tell("x.csv", b"PAR1\x15\x04", true) else { panic!("told") };
    assert!(why.starts_with("it is a Parquet file, which "), "{why}");
}

#[test]
fn texts_are_told_by_what_they_are() {
    for (head, expected) in [
        ("<!DOCTYPE html>\n<html>", "an HTML page"),
        ("\n  <HTML><body>404", "an HTML page"),
        ("<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>", "XML, which a server may have sent"),
        ("[{\"symbol\":\"A\",\"bid\":1}]", "JSON whose lines are arrays, or one array"),
        ("{\n  \"symbol\": \"A\",\n  \"bid\": 1\n}\n", "JSON over several lines"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n1,2\n",
            "a table of Databento of a schema that holds no ticks",
        ),
        ("open_time,open,high,low,close,volume,close_time\n1,2\n", "candles (Binance's klines)"),
        ("1704067200000,1,2,3,4,5,1704067259999,7,8,9,10,0\n", "candles (Binance's klines)"),
        ("Date,Open,High,Low,Close,Volume\n2024-01-01,1,2,3,4,5\n", "candles (open, high, low, close)"),
        ("create_time,symbol,sum_open_interest\n2024-01-01 00:05:00,BTCUSDT,1\n", "Binance's metrics"),
        ("timestamp,percentage,depth,notional\n2024-01-01,1,2,3\n", "Binance's bookDepth"),
        (
            "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n",
            "Binance's depth",
        ),
        (
            "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n",
            "Tardis's incremental_book",
        ),
        ("exchange,symbol,timestamp,local_timestamp,funding_rate\n", "a table of Tardis that has neither"),
        ("1381095255,123.30500,0.10000000\n", "a table of time, price and size"),
        ("{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}\n", "depth of a book from Binance's REST"),
        (
            r#"{"action":"update","arg":{"instType":"SPOT","channel":"trade","instId":"A"},"data":[],"ts":1}"#,
            "messages of Bitget's streams",
        ),
        (r#"{"channel":"l2Book","data":{"coin":"BTC"}}"#, "depth of Hyperliquid's streams"),
        (
            r#"{"data":{"id":1},"channel":"live_trades_btcusd","event":"trade"}"#,
            "messages of Bitstamp's streams",
        ),
        (
            r#"{"channel":"trades","market":"BTC-PERP","type":"update","data":[]}"#,
            "messages of FTX's streams",
        ),
        (
            r#"{"id":-1,"method":"subscribe","code":0,"result":{"channel":"trade"}}"#,
            "messages of Crypto.com's streams",
        ),
        (r#"[17470,"te",[401597395,1574694475039,0.005,7244.9]]"#, "messages of Bitfinex's streams"),
        ("<DATE>\t<TIME>\t<BID>\t<ASK>\n2020.01.01\t00:00:00.123\t1.1\t1.2\n", "a table of MetaTrader"),
        ("time,price\n1,2\n", "text in no known format, whose first line is \"time,price\""),
        ("\x1b]0;a title that does not end here\n", "text in no known format, whose first line is \"\\u{1b}"),
    ] {
        check_unread(head.as_bytes(), expected);
    }
}

#[test]
fn a_name_alone_decides_nothing() {
    let trades = b"id,price,qty,quote_qty,time,is_buyer_maker\n1,2,3,6,1704067200016,true\n";
    assert_eq!(told("BTCUSDT-trades-2024-01-01.csv", trades), "binance-trades");
    let elsewhere = told("trades.csv", trades);
    assert!(elsewhere.starts_with("it is Binance's public trades under another name"), "{elsewhere}");
    let other = told("BTCUSDT-trades-2024-01-01.csv", b"1,2,3\n4,5,6\n");
    assert!(other.contains("its name is that of Binance's public trades, and its lines are not"), "{other}");
    let liquidations = b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    assert_eq!(told("binance_trades_2020-03-01_BTCUSDT.csv", liquidations), "tardis");
    let why = told("binance-futures_liquidations_2020-03-01_BTCUSDT.csv", liquidations);
    assert!(why.starts_with("it is Tardis's liquidations"), "{why}");
}

#[test]
fn what_stands_before_the_first_record_is_passed_over() {
    let own = "{\"symbol\":\"A\",\"bid\":1}\n";
    for before in [
        "",
        "\n\r\n",
        "\u{feff}",
        "not a record\n",
        "{\"result\":null,\"id\":1}\n",
        "# a comment, of two cells\n",
    ] {
        for (text, format) in [
            (own, "tickcast"),
            ("{\"tickcast\":\"recording\",\"version\":1}\n", "tickcast"),
            ("symbol,ts,bid\r\nA,1,2\r\n", "csv"),
            ("{\"stream\":\"btcusdt@trade\",\"data\":{}}\n", "binance-capture"),
            ("1676419207212527 {\"data\":{},\"stream\":\"btcusdt@trade\"}\n", "binance-capture"),
            ("exchange,symbol,timestamp,local_timestamp,ask_price\n", "tardis"),
        ] {
            assert_eq!(told("x", format!("{before}{text}").as_bytes()), format, "{before:?}");
        }
    }
    assert_eq!(told("x", b"symbol,ts,bid\rA,1,2\r"), "csv", "lines that end in CR alone");
    assert_eq!(tell("x", b"{\"result\":null,\"id\":1}\n", false), Detection::Undecided);
    for blank in ["\n", " \r\n\t\n\n", "\u{feff}\n"] {
        assert_eq!(told("x", blank.as_bytes()), "it holds nothing but blank lines");
    }
    for empty in ["", "\u{feff}"] {
        assert_eq!(told("x", empty.as_bytes()), "it is empty");
    }
}

#[test]
fn a_schema_without_ticks_is_named() {
    let mut head = b"DBN\x03\0\x01\0\0XNAS.ITCH\0\0\0\0\0\0\0".to_vec();
    head.resize(SCHEMA_END, 0);
    for (number, schema) in [(6_u16, "ohlcv-1m"), (9, "definition"), (12, "imbalance"), (11, "status")] {
        head[SCHEMA_END - 2..].copy_from_slice(&number.to_le_bytes());
        check_unread(&head, &format!("Databento's DBN of schema {schema}, which holds no ticks"));
    }
    for number in [0_u16, 1, 4, 14, 17, 0xffff] {
        head[SCHEMA_END - 2..].copy_from_slice(&number.to_le_bytes());
        assert_eq!(told("x", &head), "dbn");
    }
}

const SCHEMA_END: usize = 26;

/// Bytes that resemble a format, at least in part.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[\\[{}\"a-z,:0-9 \r\n]{0,60}".prop_map(String::into_bytes),
        Just(b"{\"stream\":\"a@trade\",\"data\":{}}\n".to_vec()),
        Just(b"symbol,ts,bid\n".to_vec()),
        Just(b"exchange,symbol,timestamp,local_timestamp,price\n".to_vec()),
        Just(b"1,2,3,6,1704067200016,true\n".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b"DBN\x03".to_vec()),
    ];
    proptest::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Nothing panics, refusals have bounded messages, and no beginning gives a format that the whole does not.
    #[test]
    fn any_bytes_are_told_and_a_beginning_tells_the_same(head in heads(), cut in any::<prop::sample::Index>()) {
        let name = "BTCUSDT-trades-2024-01-01.csv";
        let whole = tell(name, &head, true);
        prop_assert!(whole != Detection::Undecided);
        if let Detection::Unread { why, .. } = &whole {
            prop_assert!(why.len() < 4_000 && !why.contains(char::is_control), "{}", why);
        }
        // The least that is looked at.
        let cut = cut.index(head.len() + 1);
        if cut >= 32 && !is_cr_alone(&head) && !is_cr_alone(&head[..cut]) && let Detection::Format(format) = tell(name, &head[..cut], false) {
            prop_assert_eq!(whole, Detection::Format(format));
        }
    }
}
