//! Golden messages, by the venue's documents and a capture.

use serde_json::{Value, json};

use super::{
    conversation::AdvancedDialect,
    messages::AdvancedMessages,
    streams::{MARKET_TRADES, TICKER},
};
use crate::{
    tick::{Field, Nanos, Side, TradeId, Volume},
    wire::{
        dialects::{
            dialect::{Carried, Dialect, Wish, WishRefusal, Wishes},
            testing::{self, Talk, at, body, fields, taken},
        },
        encodings::{encoder::MessageKind, venue::Framed},
    },
};

type Messages = AdvancedMessages<0>;

/// 2026-08-09T21:05:48.167634Z
const TRADED: Nanos = Nanos(1_786_309_548_167_634_000);

#[test]
fn a_trade_is_the_venues() {
    let mut trade = fields(&[(Field::Last, "65083.67"), (Field::LastSize, "0.01034361")]);
    trade.set_trade_id(TradeId::new("1068572091").unwrap());
    // The side of the order that rested is the other one.
    trade.set_side(Side::Buy);
    let text = body::<Messages>(MessageKind::Update, &MARKET_TRADES, &trade, 7, TRADED, "BTC-USD");
    assert_eq!(
        text,
        r#"[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"1068572091","price":"65083.67","size":"0.01034361","time":"2026-08-09T21:05:48.167634Z","side":"SELL"}]}]}"#
    );
    let first = body::<Messages>(MessageKind::Snapshot, &MARKET_TRADES, &trade, 7, TRADED, "BTC-USD");
    assert!(first.starts_with(r#"[{"type":"snapshot","trades":[{"#), "{first}");
    let quote = fields(&[(Field::Bid, "1"), (Field::Ask, "2")]);
    assert_eq!(body::<Messages>(MessageKind::Update, &MARKET_TRADES, &quote, 7, TRADED, "BTC-USD"), "");
}

#[test]
fn the_last_trades_are_one_snapshot_with_the_newest_first() {
    let trades = [
        testing::trade(4, TRADED, "65083.67", "0.01034361", Side::Buy, 1_068_572_091),
        testing::trade(9, TRADED, "65083.68", "2", Side::Sell, 1_068_572_092),
    ];
    let mut sequence = 3;
    assert_eq!(
        testing::past_trades::<Framed<Messages>>(&MARKET_TRADES, "BTC-USD", &trades, &mut sequence),
        r#"{"channel":"market_trades","client_id":"","timestamp":"2026-08-09T21:05:48.167634000Z","sequence_num":3,"events":[{"type":"snapshot","trades":[{"product_id":"BTC-USD","trade_id":"1068572092","price":"65083.68","size":"2","time":"2026-08-09T21:05:48.167634Z","side":"BUY"},{"product_id":"BTC-USD","trade_id":"1068572091","price":"65083.67","size":"0.01034361","time":"2026-08-09T21:05:48.167634Z","side":"SELL"}]}]}"#
    );
    assert_eq!(sequence, 4);
}

#[test]
fn a_ticker_is_the_venues() {
    let mut record = fields(&[
        (Field::Last, "65086.18"),
        (Field::LastSize, "0.1"),
        (Field::Open, "65023.75"),
        (Field::Low, "64675.22"),
        (Field::High, "65252.99"),
        (Field::Bid, "65083.66"),
        (Field::BidSize, "0.20371215"),
        (Field::Ask, "65083.67"),
        (Field::AskSize, "0.24290402"),
    ]);
    record.set_volume(Volume::parse("2867.54532609").unwrap());
    let text = body::<Messages>(MessageKind::Snapshot, &TICKER, &record, 7, TRADED, "BTC-USD");
    assert_eq!(
        text,
        r#"[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18","volume_24_h":"2867.54532609","low_24_h":"64675.22","high_24_h":"65252.99","low_52_w":"64675.22","high_52_w":"65252.99","price_percent_chg_24_h":"0.09601107287722","best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.20371215","best_ask_quantity":"0.24290402"}]}]}"#
    );
}

/// A message, with 5 as its number.
fn numbered(text: &str) -> Value {
    serde_json::from_str(&text.replace('\u{FFFD}', "5")).unwrap()
}

#[test]
fn the_answer_is_the_whole_list() {
    let mut talk = Talk::of(AdvancedDialect::new(at(0)));
    let subscribe = |channel: &str, products: &[&str]| {
        json!({"type": "subscribe", "product_ids": products, "channel": channel}).to_string()
    };
    let (sent, asked) =
        talk.say(&subscribe("market_trades", &["BTC-USD", "ETH-USD"]), &[taken("A"), taken("B")]);
    assert_eq!(asked.len(), 2);
    let expected = json!({"channel": "subscriptions", "client_id": "", "timestamp": "2023-09-25T09:04:31.742648000Z", "sequence_num": 5,
        "events": [{"subscriptions": {"market_trades": ["BTC-USD", "ETH-USD"]}}]});
    assert_eq!(numbered(&sent[0]), expected);
    let (sent, asked) = talk.say(&subscribe("heartbeats", &[]), &[]);
    assert!(asked.is_empty());
    let (_, asked) = talk.say(&subscribe("ticker", &["BTC-USD"]), &[taken("A")]);
    assert_eq!(asked.len(), 1);
    assert_eq!(numbered(&sent[0])["events"][0]["subscriptions"]["heartbeats"], json!(["heartbeats"]));
    let (sent, asked) = talk.say(
        r#"{"type":"unsubscribe","product_ids":["ETH-USD"],"channel":"market_trades"}"#,
        &[Carried::Unsubscribed],
    );
    assert_eq!(asked.len(), 1);
    let expected = json!({"market_trades": ["BTC-USD"], "heartbeats": ["heartbeats"], "ticker": ["BTC-USD"]});
    assert_eq!(numbered(&sent[0])["events"][0]["subscriptions"], expected);
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let mut talk = Talk::of(AdvancedDialect::new(at(0)));
    for (text, message) in [
        ("dance", "failure to parse message"),
        (r#"{"type":"dance","channel":"ticker"}"#, "invalid type: dance"),
        (r#"{"channel":"ticker","product_ids":["BTC-USD"]}"#, "type is required"),
        (
            r#"{"type":"subscribe","channel":"level2","product_ids":["BTC-USD"]}"#,
            "channel level2 is not supported",
        ),
        (r#"{"type":"subscribe","product_ids":["BTC-USD"]}"#, "channel is required"),
        (r#"{"type":"subscribe","channel":"","product_ids":["BTC-USD"]}"#, "channel is required"),
        (r#"{"type":"subscribe","channel":"ticker"}"#, "product_ids are required for channel ticker"),
    ] {
        let (sent, asked) = talk.say(text, &[]);
        let sent: Vec<Value> = sent.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(sent, [json!({"type": "error", "message": message})], "{text}");
        assert!(asked.is_empty());
    }
    let request = r#"{"type":"subscribe","channel":"ticker","product_ids":["A-B"]}"#;
    let (sent, _) = talk.say(request, &[Carried::Refused(WishRefusal::Unknown)]);
    let error: Value = serde_json::from_str(&sent[0]).unwrap();
    assert_eq!((sent.len(), &error["message"]), (1, &json!("invalid product_id: A-B")));
    assert!(!talk.dialect.has_subscribed());
}

#[test]
fn heartbeats_are_counted_by_the_connection() {
    let mut talk = Talk::of(AdvancedDialect::new(at(0)));
    talk.say(r#"{"type":"subscribe","channel":"heartbeats"}"#, &[]);
    let mut beat = |micros| {
        let mut wishes = Wishes::default();
        talk.dialect.sweep(at(micros), 0, &mut wishes);
        wishes
            .0
            .into_iter()
            .map(|wish| match wish {
                Wish::Send(payload) => numbered(&String::from_utf8_lossy(&payload)),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert!(beat(900_000).is_empty());
    assert_eq!(
        beat(1_000_001),
        [
            json!({"channel": "heartbeats", "client_id": "", "timestamp": "2023-09-25T09:04:32.742600000Z", "sequence_num": 5,
        "events": [{"current_time": "2023-09-25 09:04:32.742600000 +0000 UTC m=+1.000001000", "heartbeat_counter": 1}]})
        ]
    );
    assert_eq!(beat(2_100_000)[0]["events"][0]["heartbeat_counter"], json!(2));
}
