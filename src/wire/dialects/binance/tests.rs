//! Golden messages after the vendor's documents.

use std::sync::Arc;

use serde_json::Value;

use super::streams::{
    AGG_TRADE, ALL_BOOK_TICKERS, ALL_MINI_TICKERS, BOOK_TICKER, MINI_TICKER, TICKER, TRADE,
};
use crate::{
    tick::{Decimal, Field, Fields, Nanos, ReportKind, Side, Symbol, TradeId, TradeReport, Volume},
    topic::{Record, Stamped, TopicId},
    wire::{
        dialects::{
            DialectStream,
            testing::{self, Sent},
        },
        encodings::{encoder::Encoder, venue::Framed},
    },
};

type Messages<const COMBINED: bool, const MICROS: bool> =
    Framed<super::messages::BinanceMessages<0, COMBINED, MICROS>>;

const RX: Nanos = Nanos(1_672_515_782_136_789_000);
const TS: Nanos = Nanos(1_672_515_782_100_200_000);

fn decimals(values: &[(Field, &str)]) -> Fields {
    let mut fields = Fields::default();
    for &(field, text) in values {
        fields.set_decimal(field, Decimal::parse(text).unwrap());
    }
    fields
}

fn trade_fields() -> Fields {
    let mut fields = decimals(&[(Field::Last, "0.001"), (Field::LastSize, "100")]);
    fields.set_side(Side::Sell);
    fields.set_trade_id(TradeId::of_number(12345));
    fields
}

fn record() -> Record {
    let mut fields = trade_fields();
    for (field, text) in [
        (Field::Bid, "25.3519"),
        (Field::BidSize, "31.21"),
        (Field::Ask, "25.3652"),
        (Field::AskSize, "40.66"),
        (Field::Last, "0.0025"),
        (Field::LastSize, "10"),
        (Field::Open, "0.001"),
        (Field::High, "0.0025"),
        (Field::Low, "0.001"),
    ] {
        fields.set_decimal(field, Decimal::parse(text).unwrap());
    }
    fields.set_volume(Volume::parse("10000").unwrap());
    fields.set_trades(18151);
    Record { seq: 400_900_217, ts: TS, rx: RX, fields, ..Record::default() }
}

/// What subscriptions of these kinds to these symbols are sent of a tick, or else of the record.
fn texts<E: Encoder>(
    asked: &[(&'static DialectStream, &str)],
    record: &Record,
    tick: Option<&Stamped>,
) -> Vec<String> {
    let symbols: Vec<Symbol> = asked.iter().map(|(_, symbol)| Symbol::new(symbol).unwrap()).collect();
    let sent = asked.iter().zip(&symbols);
    let sent = sent.map(|((stream, _), symbol)| Sent { stream, symbol, spelled: None, record, tick });
    let messages = testing::messages::<E>(&sent.collect::<Vec<_>>(), &mut 0);
    messages.into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
}

fn stamped(fields: Fields) -> Stamped {
    Stamped { topic: TopicId(0), seq: 7, order: 7, ts: TS, rx: RX, fields }
}

#[track_caller]
fn check_trade<E: Encoder>(kind: &'static DialectStream, fields: Fields, expected: &[&str]) {
    let tick = stamped(fields);
    assert_eq!(texts::<E>(&[(kind, "BNBBTC")], &record(), Some(&tick)), expected);
}

#[track_caller]
fn check_record<E: Encoder>(kind: &'static DialectStream, record: &Record, expected: &[&str]) {
    assert_eq!(texts::<E>(&[(kind, "bnbUSDT")], record, None), expected);
}

#[test]
fn a_trade_is_written_as_the_venue_does() {
    check_trade::<Messages<false, false>>(
        &TRADE,
        trade_fields(),
        &[
            r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782100,"m":true,"M":true}"#,
        ],
    );
    check_trade::<Messages<true, true>>(
        &AGG_TRADE,
        trade_fields(),
        &[
            r#"{"stream":"bnbbtc@aggTrade","data":{"e":"aggTrade","E":1672515782136789,"s":"BNBBTC","a":12345,"p":"0.00100000","q":"100.00000000","f":12345,"l":12345,"T":1672515782100200,"m":true,"M":true}}"#,
        ],
    );
    let mut fields = decimals(&[(Field::Last, "0.123456789"), (Field::LastSize, "2")]);
    fields.set_trade_id(TradeId::new("27fff20b").unwrap());
    check_trade::<Messages<false, false>>(
        &TRADE,
        fields,
        &[
            r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":7,"p":"0.123456789","q":"2.00000000","T":1672515782100,"m":false,"M":true}"#,
        ],
    );
}

#[test]
fn what_is_no_trade_is_not_written() {
    for fields in [decimals(&[(Field::Bid, "1")]), decimals(&[(Field::Last, "1")]), {
        let mut cancelled = decimals(&[(Field::Last, "1"), (Field::LastSize, "1")]);
        cancelled.set_report(Some(Arc::new(TradeReport::of(ReportKind::Cancel, TradeId::of_number(1)))));
        cancelled
    }] {
        check_trade::<Messages<false, false>>(&TRADE, fields.clone(), &[]);
        check_trade::<Messages<true, false>>(&TRADE, fields, &[]);
    }
}

#[test]
fn a_book_ticker_has_all_four_and_no_time() {
    check_record::<Messages<false, false>>(
        &BOOK_TICKER,
        &record(),
        &[
            r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#,
        ],
    );
    let one_sided = Record { seq: 3, fields: decimals(&[(Field::Bid, "1")]), ..Record::default() };
    check_record::<Messages<true, false>>(
        &ALL_BOOK_TICKERS,
        &one_sided,
        &[
            r#"{"stream":"!bookTicker","data":{"u":3,"s":"BNBUSDT","b":"1.00000000","B":"0.00000000","a":"0.00000000","A":"0.00000000"}}"#,
        ],
    );
    let no_quote = Record { seq: 3, fields: trade_fields(), ..Record::default() };
    check_record::<Messages<true, false>>(&BOOK_TICKER, &no_quote, &[]);
}

#[test]
fn tickers_have_the_day() {
    check_record::<Messages<false, false>>(
        &MINI_TICKER,
        &record(),
        &[
            r#"{"e":"24hrMiniTicker","E":1672515782136,"s":"BNBUSDT","c":"0.00250000","o":"0.00100000","h":"0.00250000","l":"0.00100000","v":"10000.00000000","q":"0.00000000"}"#,
        ],
    );
    check_record::<Messages<true, false>>(
        &TICKER,
        &record(),
        &[
            r#"{"stream":"bnbusdt@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBUSDT","p":"0.00150000","P":"150.000","w":"0.00000000","x":"0.00100000","c":"0.00250000","Q":"10.00000000","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000","o":"0.00100000","h":"0.00250000","l":"0.00100000","v":"10000.00000000","q":"0.00000000","O":1672429382136,"C":1672515782136,"F":0,"L":12345,"n":18151}}"#,
        ],
    );
    let quoted = Record { seq: 3, fields: decimals(&[(Field::Bid, "1")]), ..Record::default() };
    check_record::<Messages<false, false>>(&TICKER, &quoted, &[]);
}

#[test]
fn an_array_holds_the_symbols_that_follow_one_another() {
    let minis = |symbol| (&ALL_MINI_TICKERS, symbol);
    let asked = [minis("AUSDT"), minis("BUSDT"), (&BOOK_TICKER, "AUSDT"), minis("CUSDT")];
    let written = texts::<Messages<true, false>>(&asked, &record(), None);
    let parsed: Vec<Value> = written.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let names = |message: &Value| {
        let elements = message["data"].as_array().unwrap().iter();
        elements.map(|element| element["s"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(parsed.len(), 3, "{written:?}");
    assert_eq!(
        (&parsed[0]["stream"], names(&parsed[0])),
        (&"!miniTicker@arr".into(), vec!["AUSDT".into(), "BUSDT".into()])
    );
    assert_eq!(parsed[1]["stream"], "ausdt@bookTicker");
    assert_eq!(names(&parsed[2]), ["CUSDT"]);
}
