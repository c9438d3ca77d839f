//! Golden messages, by the venue's documents and captures.

use serde_json::{Value, json};

use super::{
    conversation::ExchangeDialect,
    messages::ExchangeMessages,
    streams::{HEARTBEAT, MATCHES, TICKER},
};
use crate::{
    tick::{Field, Nanos, Side, Volume},
    wire::{
        CloseReason,
        dialects::{
            dialect::{Carried, Dialect, Wish, WishRefusal, Wishes},
            testing::{self, Talk, at, body, body_of, fields, taken},
        },
        encodings::{
            encoder::{MessageKind, Shown},
            venue::{Framed, VenueMessages},
        },
    },
};

type Messages = ExchangeMessages<0>;

/// 2021-04-17T16:43:37.089723Z
const MATCHED: Nanos = Nanos(1_618_677_817_089_723_000);

#[test]
fn a_match_is_the_venues() {
    let mut trade = fields(&[(Field::Last, "0.00001305"), (Field::LastSize, "985")]);
    // The side of the order that rested is the other one.
    trade.set_side(Side::Buy);
    let text = body::<Messages>(MessageKind::Update, &MATCHES, &trade, 177_100_030, MATCHED, "SKL-BTC");
    assert_eq!(
        text,
        r#"{"type":"match","trade_id":177100030,"maker_order_id":"00000000-0a8e-8000-8000-a000000054fe","taker_order_id":"00000000-0a8e-8000-8000-b000000054fe","side":"sell","size":"985","price":"0.00001305","product_id":"SKL-BTC","sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}"#
    );
    let first = body::<Messages>(MessageKind::Snapshot, &MATCHES, &trade, 177_100_030, MATCHED, "SKL-BTC");
    assert_eq!(first, text.replace(r#""match""#, r#""last_match""#));
    let quote = fields(&[(Field::Bid, "1"), (Field::Ask, "2")]);
    for kind in [MessageKind::Update, MessageKind::Snapshot] {
        assert_eq!(body::<Messages>(kind, &MATCHES, &quote, 1, MATCHED, "SKL-BTC"), "");
    }
}

#[test]
fn the_last_match_is_that_of_its_own_time() {
    let trades = [
        testing::trade(4, Nanos(0), "1", "2", Side::Sell, 881_612),
        testing::trade(333_938_798, Nanos(1_618_677_810_244_075_000), "14.7775", "0.04", Side::Buy, 881_613),
    ];
    assert_eq!(
        testing::past_trades::<Framed<Messages>>(&MATCHES, "BAND-GBP", &trades, &mut 0),
        r#"{"type":"last_match","trade_id":881613,"maker_order_id":"00000000-13e7-8000-8000-a0000000806e","taker_order_id":"00000000-13e7-8000-8000-b0000000806e","side":"sell","size":"0.04","price":"14.7775","product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}"#
    );
}

#[test]
fn a_ticker_is_the_venues() {
    let mut record = fields(&[
        (Field::Last, "22345.67"),
        (Field::LastSize, "0.00352175"),
        (Field::Open, "22308.13"),
        (Field::Low, "22150"),
        (Field::High, "22495.15"),
        (Field::Bid, "22345.67"),
        (Field::BidSize, "0.10647825"),
        (Field::Ask, "22349.68"),
        (Field::AskSize, "0.03131702"),
    ]);
    record.set_side(Side::Sell);
    record.set_volume(Volume::parse("470.21123644").unwrap());
    let time = Nanos(1_677_901_040_799_258_000);
    assert_eq!(
        body::<Messages>(MessageKind::Update, &TICKER, &record, 7_388_547_310, time, "BTC-USDT"),
        r#"{"type":"ticker","sequence":7388547310,"product_id":"BTC-USDT","price":"22345.67","open_24h":"22308.13","volume_24h":"470.21123644","low_24h":"22150","high_24h":"22495.15","volume_30d":"470.21123644","best_bid":"22345.67","best_bid_size":"0.10647825","best_ask":"22349.68","best_ask_size":"0.03131702","side":"sell","time":"2023-03-04T03:37:20.799258Z","trade_id":7388547310,"last_size":"0.00352175"}"#
    );
}

#[test]
fn a_heartbeat_is_the_venues() {
    let mut record = fields(&[(Field::Last, "1"), (Field::LastSize, "1")]);
    record.set_trade_id(crate::tick::TradeId::new("20").unwrap());
    let time = Nanos(1_415_348_368_464_459_000);
    assert_eq!(
        body::<Messages>(MessageKind::Update, &HEARTBEAT, &record, 90, time, "BTC-USD"),
        r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#
    );
    // In a replay a tick is received long after its own time, which all messages of a product have.
    let shown = Shown { seq: 90, ts: time, rx: MATCHED, fields: &record };
    let text = body_of::<Messages>(MessageKind::Update, &HEARTBEAT, &shown, "BTC-USD");
    assert!(text.contains(r#""time":"2014-11-07T08:19:28.464459Z""#), "{text}");
    let quote = fields(&[(Field::Bid, "1")]);
    let text = body::<Messages>(MessageKind::Snapshot, &HEARTBEAT, &quote, 5, time, "BTC-USD");
    assert!(text.contains(r#""sequence":5,"last_trade_id":0,"#), "{text}");
}

#[test]
fn a_slow_client_is_told_in_the_venues_words() {
    let mut out = Vec::new();
    Messages::close(CloseReason::Slow, &mut out);
    let text = String::from_utf8_lossy(&out);
    assert!(text.contains(r#"{"type":"error","message":"ErrSlowConsume","#), "{text}");
    assert!(text.ends_with("ErrSlowConsume"), "{text}");
}

fn list(channels: &Value) -> Value {
    json!({ "type": "subscriptions", "channels": channels })
}

#[test]
fn the_answer_is_the_whole_list() {
    let mut talk = Talk::of(ExchangeDialect::default());
    let request = r#"{"type":"subscribe","product_ids":["ETH-USD","ETH-EUR"],"channels":["matches","heartbeat",{"name":"ticker","product_ids":["ETH-BTC","ETH-USD"]}]}"#;
    let results: Vec<Carried> = (0..6).map(|_| taken("X")).collect();
    let (sent, asked) = talk.say(request, &results);
    assert_eq!(asked.len(), 6);
    let expected = json!([
        {"name": "matches", "product_ids": ["ETH-USD", "ETH-EUR"]},
        {"name": "heartbeat", "product_ids": ["ETH-USD", "ETH-EUR"]},
        {"name": "ticker", "product_ids": ["ETH-BTC", "ETH-USD"]},
    ]);
    assert_eq!(sent.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&sent[0]).unwrap(), list(&expected));
    // Again, and nothing is asked for.
    let (sent, asked) = talk.say(request, &[]);
    assert_eq!((sent.len(), asked.len()), (1, 0));
    let (sent, asked) = talk.say(
        r#"{"type":"unsubscribe","product_ids":["ETH-USD"],"channels":["ticker",{"name":"matches"}]}"#,
        &[Carried::Unsubscribed, Carried::Unsubscribed],
    );
    assert_eq!(asked.len(), 2);
    let expected = json!([
        {"name": "matches", "product_ids": ["ETH-EUR"]},
        {"name": "heartbeat", "product_ids": ["ETH-USD", "ETH-EUR"]},
        {"name": "ticker", "product_ids": ["ETH-BTC"]},
    ]);
    assert_eq!(serde_json::from_str::<Value>(&sent[0]).unwrap(), list(&expected));
    let ended: Vec<Carried> = (0..3).map(|_| Carried::Unsubscribed).collect();
    let (sent, _) = talk.say(r#"{"type":"unsubscribe","channels":["heartbeat","ticker"]}"#, &ended);
    assert_eq!(
        sent,
        [r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["ETH-EUR"]}]}"#]
    );
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let mut talk = Talk::of(ExchangeDialect::default());
    for (text, message, reason) in [
        ("dance", "Malformed JSON", None),
        (r#"{"type":"dance","channels":["ticker"]}"#, "Type has to be either subscribe or unsubscribe", None),
        (r#"{"type":"subscribe"}"#, "Failed to subscribe", Some("no channels provided")),
        (
            r#"{"type":"subscribe","channels":["heartbeat"]}"#,
            "Failed to subscribe",
            Some("You need to specify at least one product ID for channel heartbeat"),
        ),
        (
            r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2"]}"#,
            "Failed to subscribe",
            Some("level2 is not a valid channel"),
        ),
    ] {
        let (sent, asked) = talk.say(text, &[]);
        let mut expected = json!({"type": "error", "message": message});
        if let Some(reason) = reason {
            expected["reason"] = json!(reason);
        }
        assert_eq!(serde_json::from_str::<Value>(&sent[0]).unwrap(), expected, "{text}");
        assert!(sent.len() == 1 && asked.is_empty(), "{text}");
    }
}

#[test]
fn a_product_that_is_refused_is_not_in_the_list() {
    let mut talk = Talk::of(ExchangeDialect::default());
    let request = r#"{"type":"subscribe","product_ids":["GIBBERISH-USD","BTC-USD"],"channels":["matches"]}"#;
    let (sent, _) = talk.say(request, &[Carried::Refused(WishRefusal::Unknown), taken("BTCUSD")]);
    assert_eq!(
        sent,
        [
            r#"{"type":"error","message":"Failed to subscribe","reason":"GIBBERISH-USD is not a valid product"}"#,
            r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}"#,
        ]
    );
    let alone = request.replace(r#","BTC-USD""#, "");
    let (sent, _) = talk.say(&alone, &[Carried::Refused(WishRefusal::Unknown)]);
    assert_eq!(sent.len(), 1, "nothing has changed: {sent:?}");
}

#[test]
fn heartbeats_come_each_second_for_each_product() {
    let mut talk = Talk::of(ExchangeDialect::default());
    let beats = |talk: &mut Talk<ExchangeDialect>, micros| {
        let mut wishes = Wishes::default();
        talk.dialect.sweep(at(micros), 0, &mut wishes);
        wishes.0.iter().filter(|wish| matches!(wish, Wish::Repeat(kind, _) if **kind == HEARTBEAT)).count()
    };
    assert_eq!(beats(&mut talk, 0), 0);
    talk.say(
        r#"{"type":"subscribe","product_ids":["A","B"],"channels":["heartbeat","ticker"]}"#,
        &[taken("A"), taken("B"), taken("A"), taken("B")],
    );
    assert_eq!(
        [500_000, 1_000_000, 1_200_000, 2_200_000, 3_100_000].map(|micros| beats(&mut talk, micros)),
        [0, 2, 0, 2, 2],
        "a sweep that comes late delays no other"
    );
    // The subscription itself brings the first, so the clock's first is a second behind it.
    let mut talk = Talk::of(ExchangeDialect::default());
    assert_eq!(beats(&mut talk, 9_900_000), 0);
    talk.say(r#"{"type":"subscribe","product_ids":["A"],"channels":["heartbeat"]}"#, &[taken("A")]);
    assert_eq!([10_100_000, 10_900_000].map(|micros| beats(&mut talk, micros)), [0, 1]);
}
