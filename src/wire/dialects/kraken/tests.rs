//! Golden messages, by the venue's documents.

use serde_json::{Value, json};

use super::{
    conversation::KrakenDialect,
    messages::KrakenMessages,
    streams::{TICKER, TICKER_BBO, TRADE, TRADE_PAST},
};
use crate::{
    tick::{Field, Fields, Nanos, Side, Volume},
    wire::{
        dialects::{
            dialect::{Carried, Dialect, Wish, WishRefusal, Wishes},
            iso,
            stream::{DialectStream, Whose},
            testing::{self, Talk, at, fields, taken, text_of},
        },
        encodings::{encoder::MessageKind, venue::Framed},
    },
};

type Messages = KrakenMessages<0>;

/// 2023-09-25T07:49:37.708706Z
const TRADED: Nanos = Nanos(1_695_628_177_708_706_000);

fn body(kind: MessageKind, stream: &DialectStream, fields: &Fields, ts: Nanos) -> String {
    testing::body::<Messages>(kind, stream, fields, 4_665_906, ts, "MATIC/USD")
}

#[test]
fn a_trade_is_the_venues() {
    let mut trade = fields(&[(Field::Last, "0.5117"), (Field::LastSize, "40.0")]);
    trade.set_side(Side::Sell);
    assert_eq!(
        body(MessageKind::Update, &TRADE, &trade, TRADED),
        r#"{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#
    );
    assert_eq!(
        body(MessageKind::Snapshot, &TRADE, &trade, TRADED),
        "",
        "what a gap is followed by is no trade"
    );
    let quote = fields(&[(Field::Bid, "1"), (Field::Ask, "2")]);
    assert_eq!(body(MessageKind::Update, &TRADE, &quote, TRADED), "");
}

#[test]
fn the_last_trades_are_one_snapshot() {
    let trades = [
        testing::trade(4, TRADED, "0.5117", "40.0", Side::Sell, 4_665_846),
        testing::trade(9, Nanos(TRADED.0 + 1_000), "0.51", "2", Side::Buy, 4_665_847),
    ];
    assert_eq!(
        testing::past_trades::<Framed<Messages>>(&TRADE_PAST, "MATIC/USD", &trades, &mut 0),
        r#"{"channel":"trade","type":"snapshot","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40,"ord_type":"market","trade_id":4665846,"timestamp":"2023-09-25T07:49:37.708706Z"},{"symbol":"MATIC/USD","side":"buy","price":0.51,"qty":2,"ord_type":"market","trade_id":4665847,"timestamp":"2023-09-25T07:49:37.708707Z"}]}"#
    );
}

#[test]
fn the_last_trades_come_where_they_are_asked_for() {
    for (snapshot, expected) in
        [("", &TRADE), (r#","snapshot":false"#, &TRADE), (r#","snapshot":true"#, &TRADE_PAST)]
    {
        let mut talk = Talk::of(KrakenDialect::default());
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"trade","symbol":["BTC/USD"]{snapshot}}}}}"#
        );
        let (_, asked) = talk.say(&request, &[taken("BTCUSD")]);
        assert!(matches!(asked[0], Wish::Subscribe(kind, _) if *kind == *expected), "{request}");
    }
}

#[test]
fn a_ticker_is_the_venues() {
    let mut record = fields(&[
        (Field::Bid, "105944.20"),
        (Field::BidSize, "2.5"),
        (Field::Ask, "105944.30"),
        (Field::AskSize, "3.2"),
        (Field::Last, "105899.40"),
        (Field::Low, "104711.00"),
        (Field::High, "106613.10"),
        (Field::Open, "105649.40"),
    ]);
    record.set_volume(Volume::parse("163.28908096").unwrap());
    let text = body(MessageKind::Snapshot, &TICKER, &record, Nanos(1_671_960_659_123_456_000));
    assert_eq!(
        text,
        r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"MATIC/USD","bid":105944.2,"bid_qty":2.5,"ask":105944.3,"ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105899.4,"low":104711,"high":106613.1,"change":250.0,"change_pct":0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#
    );
    let update = body(MessageKind::Update, &TICKER_BBO, &record, TRADED);
    assert!(update.starts_with(r#"{"channel":"ticker","type":"update","#), "{update}");
}

#[test]
fn changes_have_their_sign_and_are_rounded() {
    for (open, last, change, percent) in [
        ("100", "100", "0.0", "0.00"),
        ("3", "2", "-1.0", "-33.33"),
        ("3", "5", "2.0", "66.67"),
        ("1000000", "999999.99", "-0.01", "0.00"),
        ("999999999999999999", "1", "-999999999999999998.0", "-100.00"),
    ] {
        let record = fields(&[(Field::Open, open), (Field::Last, last)]);
        let text = body(MessageKind::Update, &TICKER, &record, TRADED);
        let expected = format!(r#""change":{change},"change_pct":{percent},"#);
        assert!(text.contains(&expected), "{open} to {last}: {text}");
    }
}

#[test]
fn what_is_not_known_yet_is_zero() {
    let record = fields(&[(Field::Bid, "1.5"), (Field::BidSize, "2")]);
    let text = body(MessageKind::Update, &TICKER_BBO, &record, TRADED);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["data"][0]["ask"], json!(0));
    assert_eq!(value["data"][0]["change_pct"], json!(0.0));
    assert_eq!(body(MessageKind::Update, &TICKER, &Fields::default(), TRADED), "");
    // A client has been told the quote that is withdrawn.
    let mut empty = Fields::default();
    empty.withdraw(Field::Bid);
    let text = body(MessageKind::Update, &TICKER_BBO, &empty, TRADED);
    assert!(text.contains(r#""bid":0,"bid_qty":0,"ask":0,"ask_qty":0,"last":0,"#), "{text}");
}

#[test]
fn it_says_its_status_when_it_begins() {
    let mut wishes = Wishes::default();
    KrakenDialect::default().opened(at(0), &mut wishes);
    let status: Value = serde_json::from_str(&text_of(wishes.0.remove(0))).unwrap();
    let expected = json!({"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 1_695_632_671_742_599_000i64});
    assert_eq!(status, json!({"channel": "status", "type": "update", "data": [expected]}));
}

#[test]
fn each_symbol_has_an_answer_of_its_own() {
    let mut talk = Talk::of(KrakenDialect::default());
    let request = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","XBT/USD"],"event_trigger":"bbo","snapshot":true},"req_id":1}"#;
    let (sent, asked) = talk.say(request, &[taken("BTCUSD"), Carried::Refused(WishRefusal::Unknown)]);
    assert_eq!(
        sent,
        [
            r#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","event_trigger":"bbo","snapshot":true},"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z","req_id":1}"#,
            r#"{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD","req_id":1,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}"#,
        ]
    );
    let kinds: Vec<_> = asked
        .iter()
        .map(|wish| match wish {
            Wish::Subscribe(kind, Whose::Spelled(symbol)) => (*kind, symbol.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [(&TICKER_BBO, "BTC/USD"), (&TICKER_BBO, "XBT/USD")]);
}

#[test]
fn a_channel_is_subscribed_to_once_and_ended_once() {
    let mut talk = Talk::of(KrakenDialect::default());
    let subscribe = r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#;
    let (sent, _) = talk.say(subscribe, &[taken("BTCUSD")]);
    assert!(
        sent[0]
            .contains(r#""result":{"channel":"trade","symbol":"BTC/USD","snapshot":false},"success":true"#),
        "{sent:?}"
    );
    let (sent, asked) = talk.say(subscribe, &[]);
    assert!(sent[0].starts_with(
        r#"{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"BTC/USD""#
    ));
    assert!(asked.is_empty());
    let unsubscribe = subscribe.replace("subscribe", "unsubscribe");
    let (sent, _) = talk.say(&unsubscribe, &[Carried::Unsubscribed]);
    assert!(
        sent[0].starts_with(
            r#"{"method":"unsubscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true"#
        ),
        "{sent:?}"
    );
    let (sent, asked) = talk.say(&unsubscribe, &[]);
    assert!(sent[0].starts_with(r#"{"error":"Subscription Not Found","method":"unsubscribe""#), "{sent:?}");
    assert!(asked.is_empty());
}

#[test]
fn a_ping_is_answered_with_its_number() {
    let mut talk = Talk::of(KrakenDialect::default());
    let (sent, _) = talk.say(r#"{"method":"ping","req_id":42}"#, &[]);
    let pong: Value = serde_json::from_str(&sent[0]).unwrap();
    assert_eq!((&pong["method"], &pong["req_id"]), (&json!("pong"), &json!(42)));
    let (sent, _) = talk.say(r#"{"method":"ping"}"#, &[]);
    let mut time = Vec::new();
    iso::write_micros(at(0).market, &mut time);
    let time = String::from_utf8(time).unwrap();
    assert_eq!(sent, [format!(r#"{{"method":"pong","time_in":"{time}","time_out":"{time}"}}"#)]);
}

#[test]
fn what_is_no_request_is_malformed() {
    let mut talk = Talk::of(KrakenDialect::default());
    for text in [
        "",
        "[]",
        "{}",
        r#"{"method":5}"#,
        r#"{"method":"dance"}"#,
        r#"{"method":"subscribe"}"#,
        r#"{"method":"subscribe","params":{"channel":"trade"}}"#,
        r#"{"method":"subscribe","params":{"channel":"trade","symbol":"BTC/USD"}}"#,
        r#"{"method":"subscribe","params":{"channel":"trade","symbol":[]}}"#,
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["A"],"event_trigger":"dance"}}"#,
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":7}"#,
    ] {
        let (sent, asked) = talk.say(text, &[]);
        let value: Value = serde_json::from_str(&sent[0]).unwrap();
        assert_eq!(value["success"], json!(false), "{text}");
        let expected =
            if text.contains("book") { "Subscription name invalid book" } else { "Malformed request" };
        assert_eq!(value["error"], json!(expected), "{text}");
        assert!(asked.is_empty() && sent.len() == 1, "{text}");
    }
}

#[test]
fn a_heartbeat_comes_where_nothing_else_was_sent() {
    const SECOND: i64 = 1_000_000;
    let mut talk = Talk::of(KrakenDialect::default());
    assert!(talk.sweep(0).is_empty() && talk.sweep(5 * SECOND).is_empty(), "nothing is subscribed to");
    talk.say(r#"{"method":"subscribe","params":{"channel":"trade","symbol":["A"]}}"#, &[taken("A")]);
    assert!(talk.sweep(6 * SECOND).is_empty(), "the answer was sent just now");
    assert!(talk.sweep(6 * SECOND + SECOND / 2).is_empty());
    assert_eq!(talk.sweep(7 * SECOND), [r#"{"channel":"heartbeat"}"#]);
    assert!(talk.sweep(7 * SECOND + 1).is_empty());
    assert_eq!(talk.sweep(9 * SECOND).len(), 1);
    talk.frames += 1;
    assert!(talk.sweep(10 * SECOND).is_empty(), "data was sent");
}
