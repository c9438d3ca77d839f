//! Golden messages, by the venue's documents.

use serde_json::{Value, json};

use super::{
    begin,
    conversation::MassiveDialect,
    messages::MassiveMessages,
    streams::{
        CRYPTO_QUOTES, CRYPTO_TRADES, CURRENCIES, FUTURES_QUOTES, FUTURES_TRADES, MassiveCluster, QUOTES,
        TRADES, VALUES,
    },
};
use crate::{
    tick::{Affects, Field, Fields, Nanos, Side, Symbol, TradeId},
    topic::Record,
    wire::{
        CloseReason,
        dialects::{
            dialect::{Carried, Dialect, Wish, WishRefusal, Wishes},
            stream::{DialectStream, Whose},
            testing::{self, Sent, Talk, at, fields, taken, text_of},
        },
        encodings::{
            encoder::MessageKind,
            venue::{Framed, VenueMessages},
        },
    },
};

type Messages = MassiveMessages<0>;

const TIME: Nanos = Nanos(1_536_036_818_784_999_999);

fn body(stream: &DialectStream, fields: &Fields, spelled: &str) -> String {
    testing::body::<Messages>(MessageKind::Update, stream, fields, 3_681_328, TIME, spelled)
}

fn trade(price: &str, size: &str) -> Fields {
    let mut trade = fields(&[(Field::Last, price), (Field::LastSize, size)]);
    trade.set_trade_id(TradeId::new("12345").unwrap());
    trade
}

#[test]
fn trades_are_the_venues() {
    let mut sold = trade("114.125", "100");
    sold.set_side(Side::Sell);
    assert_eq!(
        body(&TRADES, &sold, "MSFT"),
        r#"{"ev":"T","sym":"MSFT","x":0,"i":"12345","z":0,"p":114.125,"s":100,"ds":"100.0","c":[],"t":1536036818784,"q":3681328}"#
    );
    assert_eq!(
        body(&CRYPTO_TRADES, &sold, "BTC-USD"),
        r#"{"ev":"XT","pair":"BTC-USD","p":114.125,"t":1536036818784,"s":100,"c":[1],"i":"12345","x":0,"r":1536036818784}"#
    );
    assert_eq!(
        body(&FUTURES_TRADES, &sold, "ESZ6"),
        r#"{"ev":"T","sym":"ESZ6","p":114.125,"s":100,"t":1536036818784,"q":3681328}"#
    );
    let small = fields(&[(Field::Last, "0.00000001"), (Field::LastSize, "0.016166170000000001")]);
    let text = body(&TRADES, &small, "A");
    assert!(text.contains(r#""i":"3681328""#), "without a name it has its number: {text}");
    assert!(
        text.contains(r#""p":0.00000001,"s":0.016166170000000001,"ds":"0.016166170000000001""#),
        "{text}"
    );
}

#[test]
fn crypto_has_the_side_of_the_taker() {
    for (side, condition) in [(Side::Sell, 1), (Side::Buy, 2), (Side::Unknown, 0)] {
        let mut one = trade("1", "2");
        one.set_side(side);
        let event: Value = serde_json::from_str(&body(&CRYPTO_TRADES, &one, "BTC-USD")).unwrap();
        assert_eq!(event["c"], json!([condition]));
    }
}

#[test]
fn a_trade_has_the_conditions_of_what_it_affects() {
    for (affects, symbol, conditions) in [
        (Affects::ALL, "A", json!([])),
        (Affects::VOLUME, "A", json!([37])),
        (Affects::HIGH_LOW, "A", json!([33, 38])),
        // Options have other numbers.
        (Affects::VOLUME, "O:A", json!([])),
    ] {
        let mut tick = testing::trade(7, TIME, "1", "2", Side::Buy, 3);
        tick.fields.limit_trade(affects);
        let (symbol, record) = (Symbol::new(symbol).unwrap(), Record::default());
        let sent =
            Sent { stream: &TRADES, symbol: &symbol, spelled: None, record: &record, tick: Some(&tick) };
        let messages = testing::messages::<Framed<Messages>>(&[sent], &mut 0);
        let events: Value = serde_json::from_slice(&messages[0]).unwrap();
        assert_eq!(events[0]["c"], conditions, "{affects:?} of {symbol:?}");
    }
}

/// What stands behind a cancel as the last trade is no new one, though its client may not be told of the cancel.
#[test]
fn a_cancel_is_no_trade() {
    use crate::tick::{ReportKind, TradeReport};

    let mut tick = testing::trade(7, TIME, "1", "2", Side::Buy, 3);
    let report = TradeReport::of(ReportKind::Cancel, TradeId::of_number(4));
    tick.fields.set_report(Some(std::sync::Arc::new(report)));
    assert_eq!(body(&TRADES, &tick.fields, "A"), "");
}

#[test]
fn what_is_no_trade_is_not_told() {
    let quote = fields(&[(Field::Bid, "1"), (Field::Ask, "2")]);
    for stream in [&TRADES, &CRYPTO_TRADES, &FUTURES_TRADES] {
        assert_eq!(body(stream, &quote, "A"), "");
        let after_gap =
            testing::body::<Messages>(MessageKind::Snapshot, stream, &trade("1", "2"), 1, TIME, "A");
        assert_eq!(after_gap, "", "what a gap is followed by is no trade");
    }
    for stream in [&QUOTES, &CRYPTO_QUOTES, &FUTURES_QUOTES, &CURRENCIES] {
        assert_eq!(body(stream, &trade("1", "2"), "A"), "", "there is no quote yet");
    }
    assert_eq!(body(&VALUES, &quote, "A"), "");
}

#[test]
fn quotes_and_values_are_the_venues() {
    let record = fields(&[
        (Field::Bid, "114.125"),
        (Field::BidSize, "100"),
        (Field::Ask, "114.128"),
        (Field::AskSize, "160"),
        (Field::Last, "3988.5"),
    ]);
    for (stream, symbol, expected) in [
        (
            &QUOTES,
            "MSFT",
            r#"{"ev":"Q","sym":"MSFT","bx":0,"bp":114.125,"bs":100,"ax":0,"ap":114.128,"as":160,"c":0,"t":1536036818784,"q":3681328,"z":0}"#,
        ),
        (
            &CRYPTO_QUOTES,
            "BTC-USD",
            r#"{"ev":"XQ","pair":"BTC-USD","bp":114.125,"bs":100,"ap":114.128,"as":160,"t":1536036818784,"x":0,"r":1536036818784}"#,
        ),
        (
            &CURRENCIES,
            "EUR/USD",
            r#"{"ev":"C","p":"EUR/USD","x":0,"a":114.128,"b":114.125,"t":1536036818784}"#,
        ),
        (
            &FUTURES_QUOTES,
            "ESZ6",
            r#"{"ev":"Q","sym":"ESZ6","bp":114.125,"bs":100,"bt":1536036818784,"ap":114.128,"as":160,"at":1536036818784,"t":1536036818784}"#,
        ),
        (&VALUES, "I:SPX", r#"{"ev":"V","val":3988.5,"T":"I:SPX","t":1536036818784}"#),
    ] {
        assert_eq!(body(stream, &record, symbol.replace(':', "").as_str()), expected.replace("I:", "I"));
    }
    let one_sided = body(&QUOTES, &fields(&[(Field::Ask, "2")]), "A");
    assert!(one_sided.contains(r#""bp":0,"bs":0"#), "a side without orders has the price 0: {one_sided}");
}

#[test]
fn each_market_has_its_path() {
    for path in [
        "/stocks",
        "/options/",
        "/forex",
        "/crypto",
        "/indices",
        "/futures",
        "/futures/cme",
        "/massive/stocks",
        "/massive/futures/comex/",
    ] {
        assert!(begin(path, "").is_some(), "{path}");
    }
    for path in
        ["/", "/massive", "/massive/", "stocks", "/bonds", "/stocks/x", "/futures/x", "/massivestocks"]
    {
        assert!(begin(path, "").is_none(), "{path}");
    }
}

const AUTH: &str = r#"{"action":"auth","params":"a key"}"#;
const AUTHENTICATED: &str = r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#;
const NOT_AUTHORIZED: &str = r#"[{"ev":"status","status":"error","message":"not authorized"}]"#;

fn authenticated(market: MassiveCluster) -> Talk<MassiveDialect> {
    let mut talk = Talk::of(MassiveDialect::new(market));
    let (sent, asked) = talk.say(AUTH, &[Carried::Refused(WishRefusal::NoAuthentication)]);
    assert_eq!(sent, [AUTHENTICATED]);
    assert!(matches!(&asked[..], [Wish::Authenticate(key)] if key.as_str() == "a key"));
    talk
}

fn success(message: &str) -> String {
    format!(r#"[{{"ev":"status","status":"success","message":"{message}"}}]"#)
}

#[test]
fn it_connects_and_takes_a_key() {
    let mut wishes = Wishes::default();
    let mut dialect = MassiveDialect::new(MassiveCluster::Stocks);
    dialect.opened(at(0), &mut wishes);
    assert_eq!(
        wishes.0.drain(..).map(text_of).collect::<Vec<_>>(),
        [r#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#]
    );
    assert!(dialect.rules().takes_keys);
    dialect.text(r#"{"action":"subscribe","params":"T.AAPL"}"#, at(0), &mut wishes);
    assert_eq!(wishes.0.drain(..).map(text_of).collect::<Vec<_>>(), [NOT_AUTHORIZED]);
    dialect.text(AUTH, at(0), &mut wishes);
    wishes.0.clear();
    dialect.carried_out(&[Carried::Refused(WishRefusal::Key(CloseReason::Revoked))], at(0), &mut wishes);
    // The status is the close's.
    assert!(matches!(wishes.0[..], [Wish::Close(CloseReason::Revoked)]));
}

#[test]
fn a_client_that_sends_no_key_is_closed() {
    const SECOND: i64 = 1_000_000;
    let swept = |dialect: &mut MassiveDialect, micros| {
        let mut wishes = Wishes::default();
        dialect.sweep(at(micros), 0, &mut wishes);
        wishes.0
    };
    let mut talk = Talk::of(MassiveDialect::new(MassiveCluster::Stocks));
    talk.dialect.opened(at(0), &mut Wishes::default());
    assert!(swept(&mut talk.dialect, 9 * SECOND).is_empty());
    let mut last = swept(&mut talk.dialect, 10 * SECOND);
    assert!(matches!(last.pop(), Some(Wish::CloseSaying(CloseReason::BadToken, ""))));
    assert_eq!(
        last.into_iter().map(text_of).collect::<Vec<_>>(),
        [r#"[{"ev":"status","status":"auth_timeout","message":"No authentication request received."}]"#]
    );
    talk.say(AUTH, &[Carried::Authenticated]);
    assert!(swept(&mut talk.dialect, 20 * SECOND).is_empty());
}

#[test]
fn each_channel_of_a_request_is_answered_in_order() {
    let mut talk = authenticated(MassiveCluster::Stocks);
    let request = r#"{"action":"subscribe","params":"T.AAPL, AM.AAPL,Q.MSFT ,T.aapl,T.*,Q.SECRET,T,T."}"#;
    let results =
        [taken("AAPL"), taken("MSFT"), Carried::Subscribed(None), Carried::Refused(WishRefusal::NotEntitled)];
    let (sent, asked) = talk.say(request, &results);
    assert_eq!(
        sent,
        [
            &success("subscribed to: T.AAPL"),
            NOT_AUTHORIZED,
            &success("subscribed to: Q.MSFT"),
            &success("subscribed to: T.aapl"),
            &success("subscribed to: T.*"),
            NOT_AUTHORIZED,
            NOT_AUTHORIZED,
            NOT_AUTHORIZED,
        ]
    );
    let kinds: Vec<_> = asked
        .iter()
        .map(|wish| match wish {
            Wish::Subscribe(kind, whose) => (*kind, whose.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    let symbol = |text: &str| Whose::Symbol(text.into());
    assert_eq!(
        kinds,
        [
            (&TRADES, symbol("AAPL")),
            (&QUOTES, symbol("MSFT")),
            (&TRADES, Whose::All),
            (&QUOTES, symbol("SECRET"))
        ]
    );
    let (sent, asked) = talk.say(
        r#"{"action":"unsubscribe","params":"T.AAPL,Q.SECRET, T.*"}"#,
        &[Carried::Unsubscribed, Carried::Unsubscribed],
    );
    assert_eq!(
        sent,
        ["T.AAPL", "Q.SECRET", "T.*"].map(|channel| success(&format!("unsubscribed to: {channel}")))
    );
    assert_eq!(asked.len(), 2, "what was refused is not held");
    let (sent, _) = talk.say(r#"{"action":"unsubscribe","params":"T.AAPL"}"#, &[]);
    assert_eq!(sent, [success("unsubscribed to: T.AAPL")]);
}

#[test]
fn pairs_are_found_by_their_spelling_and_unknown_ones_are_mute() {
    let mut talk = authenticated(MassiveCluster::Crypto);
    let request = r#"{"action":"subscribe","params":"XT.BTC-USD,XT.NO-SUCH"}"#;
    let (sent, asked) = talk.say(request, &[taken("BTCUSD"), Carried::Refused(WishRefusal::Unknown)]);
    assert_eq!(sent, [success("subscribed to: XT.BTC-USD"), success("subscribed to: XT.NO-SUCH")]);
    assert!(
        matches!(&asked[0], Wish::Subscribe(kind, Whose::Spelled(pair)) if *kind == &CRYPTO_TRADES && pair == "BTC-USD")
    );
    let (sent, _) = talk.say(r#"{"action":"subscribe","params":"T.AAPL"}"#, &[]);
    assert_eq!(sent, [NOT_AUTHORIZED], "a channel of another market");
    let too_many = Carried::Refused(WishRefusal::TooMany);
    let (sent, _) = talk.say(r#"{"action":"subscribe","params":"XQ.BTC-USD"}"#, &[too_many]);
    assert!(sent[0].contains("Subscription limit reached for feed."), "{sent:?}");
}

#[test]
fn what_is_no_request_is_an_error() {
    let mut talk = authenticated(MassiveCluster::Stocks);
    for text in [
        "",
        "dance",
        "[]",
        "{}",
        r#"{"action":5}"#,
        r#"{"action":"dance","params":"T.AAPL"}"#,
        r#"{"action":"subscribe"}"#,
        r#"{"action":"subscribe","params":" , "}"#,
        r#"{"action":"subscribe","params":["T.AAPL"]}"#,
        r#"{"action":"auth","params":7}"#,
    ] {
        let (sent, _) = talk.say(text, &[]);
        assert_eq!(sent, [r#"[{"ev":"status","status":"error","message":"malformed message"}]"#], "{text}");
    }
    let long = "x".repeat(500);
    let (sent, _) = talk.say(
        &format!(r#"{{"action":"subscribe","params":"T.{long}"}}"#),
        &[Carried::Refused(WishRefusal::BadSymbol)],
    );
    assert_eq!(sent, [r#"[{"ev":"status","status":"error","message":"invalid symbol"}]"#]);
}

#[test]
fn a_session_ends_with_its_status() {
    for (reason, status, code) in [
        (CloseReason::Slow, Some("slow_consumer"), 1008u16),
        (CloseReason::TooManyOfUser, Some("max_connections"), 1008),
        (CloseReason::TooManySessions, Some("max_connections"), 1008),
        (CloseReason::BadToken, Some("auth_failed"), 1008),
        (CloseReason::Expired, Some("auth_failed"), 1008),
        (CloseReason::Revoked, Some("auth_failed"), 1008),
        (CloseReason::NoKeys, None, 1013),
        (CloseReason::Drain, None, 1012),
        (CloseReason::Normal, None, 1000),
    ] {
        let mut out = Vec::new();
        Messages::close(reason, &mut out);
        let text = String::from_utf8_lossy(&out);
        let told =
            status.is_some_and(|status| text.contains(&format!(r#"[{{"ev":"status","status":"{status}""#)));
        assert_eq!(told, status.is_some(), "{reason:?}: {text}");
        assert!(out.windows(2).any(|bytes| bytes == code.to_be_bytes()), "{reason:?}: {text}");
    }
}

#[test]
fn a_pair_beside_an_asterisk_has_no_subscription_of_its_own() {
    let mut talk = Talk::of(MassiveDialect::new(MassiveCluster::Crypto));
    let mut say = |action: &str, params: &str, results: &[Carried]| {
        let (sent, asked) = talk.say(&json!({"action": action, "params": params}).to_string(), results);
        let asked: Vec<String> = asked.iter().map(|wish| format!("{wish:?}")).collect();
        (sent, asked)
    };
    let wish = |wish: Wish| format!("{wish:?}");
    let pair = |name: &str| Whose::Spelled(name.into());
    say("auth", "KEY", &[Carried::Authenticated]);
    say("subscribe", "XT.BTC-USD,XQ.BTC-USD", &[taken("BTCUSD"), taken("BTCUSD")]);
    let told = |words: &str| format!(r#"[{{"ev":"status","status":"success","message":"{words}"}}]"#);
    // The pair has a subscription until `*` has one.
    let (sent, asked) =
        say("subscribe", "XT.*,XT.ETH-USD", &[Carried::Subscribed(None), Carried::Unsubscribed]);
    assert_eq!(sent, ["subscribed to: XT.*", "subscribed to: XT.ETH-USD"].map(told));
    assert_eq!(
        asked,
        [
            wish(Wish::Subscribe(&CRYPTO_TRADES, Whose::All)),
            wish(Wish::Unsubscribe(&CRYPTO_TRADES, pair("BTC-USD")))
        ]
    );
    assert_eq!(say("unsubscribe", "XT.ETH-USD", &[]).0, [told("unsubscribed to: XT.ETH-USD")]);
    // And again when `*` has none any more.
    let (sent, asked) = say("unsubscribe", "XT.*", &[taken("BTCUSD"), Carried::Unsubscribed]);
    assert_eq!(sent, [told("unsubscribed to: XT.*")]);
    assert_eq!(
        asked,
        [
            wish(Wish::Subscribe(&CRYPTO_TRADES, pair("BTC-USD"))),
            wish(Wish::Unsubscribe(&CRYPTO_TRADES, Whose::All))
        ]
    );
    assert_eq!(say("unsubscribe", "XT.BTC-USD", &[Carried::Unsubscribed]).1.len(), 1);
}
