//! Golden messages, by the venue's documents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    begin,
    conversation::{AlpacaDialect, AlpacaMarket},
    json::AlpacaJson,
    packed::AlpacaPacked,
    streams::{CRYPTO_QUOTES, CRYPTO_TRADES, QUOTES, TRADES},
};
use crate::{
    msgpack,
    tick::{Affects, Field, Fields, Nanos, ReportKind, Side, Symbol, TradeId, TradeReport},
    topic::Reference,
    wire::{
        CloseReason,
        dialects::{
            dialect::{Carried, Dialect, Wish, WishRefusal, Wishes},
            stream::{DialectStream, Whose},
            testing::{self, Talk, at, fields, taken},
        },
        encodings::{
            encoder::{Constant, MessageKind, RecordPart, Shown},
            venue::VenueMessages,
        },
    },
};

/// 2021-02-22T15:51:44.208Z
const TRADED: Nanos = Nanos(1_614_009_104_208_000_000);
/// 2021-02-22T15:51:45.335689322Z
const QUOTED: Nanos = Nanos(1_614_009_105_335_689_322);

fn body(kind: MessageKind, stream: &DialectStream, fields: &Fields, ts: Nanos, symbol: &str) -> String {
    testing::body::<AlpacaJson<0>>(kind, stream, fields, 96_921, ts, symbol)
}

/// What sessions share of a packed message, as JSON. Its map stands before the body.
fn packed(stream: &DialectStream, fields: &Fields, ts: Nanos, entries: u8) -> Value {
    let symbol = Symbol::new("X").unwrap();
    let topic = Constant { symbol: &symbol, reference: Reference::ZERO, delay_ms: None };
    let view = stream.spec().view;
    let part = RecordPart { fields: view.wanted, report: None, numbers: view.numbers, form: view.form };
    let mut out = vec![0x80 | entries];
    let shown = Shown { seq: 96_921, ts, rx: ts, fields };
    AlpacaPacked::<0>::body(MessageKind::Update, &topic, &shown, &part, &mut out);
    let mut json = Vec::new();
    msgpack::to_json(&out, &mut json).expect("a whole map");
    serde_json::from_slice(&json).unwrap()
}

fn trade(price: &str, size: &str, side: Side) -> Fields {
    let mut trade = fields(&[(Field::Last, price), (Field::LastSize, size)]);
    trade.set_side(side);
    trade
}

fn quote(values: [&str; 4]) -> Fields {
    let [bid, bid_size, ask, ask_size] = values;
    fields(&[(Field::Bid, bid), (Field::BidSize, bid_size), (Field::Ask, ask), (Field::AskSize, ask_size)])
}

#[test]
fn a_trade_is_the_venues() {
    let one = trade("126.55", "1", Side::Buy);
    assert_eq!(
        body(MessageKind::Update, &TRADES, &one, TRADED, "AAPL"),
        r#"{"T":"t","S":"AAPL","i":96921,"x":"V","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@"],"z":"C"}"#
    );
    assert_eq!(
        packed(&TRADES, &one, TRADED, 7),
        json!({"i": 96921, "x": "V", "p": 126.55, "s": 1, "t": TRADED.0, "c": ["@"], "z": "C"})
    );
    let mut pair = trade("47.299", "29.205707815", Side::Sell);
    pair.set_trade_id(TradeId::new("3447222699101865076").unwrap());
    assert_eq!(
        body(MessageKind::Update, &CRYPTO_TRADES, &pair, QUOTED, "AVAX/USD"),
        r#"{"T":"t","S":"AVAX/USD","i":3447222699101865076,"p":47.299,"s":29.205707815,"t":"2021-02-22T15:51:45.335689322Z","tks":"S"}"#
    );
    assert_eq!(
        packed(&CRYPTO_TRADES, &pair, QUOTED, 5),
        json!({"i": 3_447_222_699_101_865_076u64, "p": 47.299, "s": 29.205_707_815, "t": QUOTED.0, "tks": "S"})
    );
    assert_eq!(body(MessageKind::Snapshot, &TRADES, &one, TRADED, "AAPL"), "");
    assert_eq!(body(MessageKind::Update, &TRADES, &quote(["1", "2", "3", "4"]), TRADED, "AAPL"), "");
}

#[test]
fn a_quote_is_the_venues_and_a_side_that_is_empty_is_zero() {
    let one = quote(["87.66", "1", "87.68", "4"]);
    assert_eq!(
        body(MessageKind::Update, &QUOTES, &one, QUOTED, "AMD"),
        r#"{"T":"q","S":"AMD","bx":"V","bp":87.66,"bs":1,"ax":"V","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z","c":["R"],"z":"C"}"#
    );
    assert_eq!(
        packed(&QUOTES, &one, QUOTED, 9),
        json!({"bx": "V", "bp": 87.66, "bs": 1, "ax": "V", "ap": 87.68, "as": 4, "t": QUOTED.0, "c": ["R"], "z": "C"})
    );
    let mut pair = quote(["0.35718", "13445.46", "0.3581", "13561.902"]);
    assert_eq!(
        packed(&CRYPTO_QUOTES, &pair, QUOTED, 5),
        json!({"bp": 0.35718, "bs": 13445.46, "ap": 0.3581, "as": 13561.902, "t": QUOTED.0})
    );
    pair.withdraw(Field::Ask);
    pair.withdraw(Field::AskSize);
    let whole_second = Nanos(1_614_009_100_000_000_000);
    assert_eq!(
        body(MessageKind::Update, &CRYPTO_QUOTES, &pair, whole_second, "BAT/USD"),
        r#"{"T":"q","S":"BAT/USD","bp":0.35718,"bs":13445.46,"ap":0,"as":0,"t":"2021-02-22T15:51:40Z"}"#
    );
    assert_eq!(body(MessageKind::Update, &QUOTES, &trade("1", "1", Side::Buy), TRADED, "AMD"), "");
}

/// By the letters of tape C in docs/CONDITIONS.md.
#[test]
fn conditions_say_what_a_trade_affects() {
    let symbol = Symbol::new("X").unwrap();
    let topic = Constant { symbol: &symbol, reference: Reference::ZERO, delay_ms: None };
    for (affects, letters) in [
        (Affects::ALL, &["@"][..]),
        (Affects::ALL.without(Affects::VOLUME), &["@", "9"]),
        (Affects::ALL.without(Affects::LAST), &["@", "Z"]),
        (Affects::HIGH_LOW, &["@", "Z", "9"]),
        (Affects::VOLUME, &["@", "I"]),
        (Affects::NONE, &["@", "M"]),
    ] {
        let mut report = TradeReport::of(ReportKind::Trade, TradeId::new("7").unwrap());
        report.affects = affects;
        let report = Arc::new(report);
        let fields = trade("1", "1", Side::Buy);
        let view = TRADES.spec().view;
        let part = RecordPart {
            fields: view.wanted,
            report: Some(&*report),
            numbers: view.numbers,
            form: view.form,
        };
        let shown = Shown { seq: 1, ts: TRADED, rx: TRADED, fields: &fields };
        let mut out = Vec::new();
        AlpacaJson::<0>::body(MessageKind::Update, &topic, &shown, &part, &mut out);
        let text: String = String::from_utf8_lossy(&out).replace('\u{fffd}', "X");
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["c"], json!(letters), "{text}");
    }
}

#[test]
fn a_path_is_a_source_of_stocks_or_the_crypto_of_the_us() {
    for path in ["/v2/iex", "/v2/sip/", "/v2/test", "/v2/delayed_sip", "/v1beta3/crypto/us"] {
        assert!(begin(path, "").is_some() && begin(&format!("/alpaca{path}"), "").is_some(), "{path}");
    }
    for path in ["/v2", "/v2/", "/v2/nyse", "/alpaca", "/alpacav2/iex", "/v1beta3/crypto"] {
        assert!(begin(path, "").is_none(), "{path}");
    }
}

fn dialect(market: AlpacaMarket) -> Talk<AlpacaDialect> {
    let mut talk = Talk::of(AlpacaDialect::new(market, false));
    let mut wishes = Wishes::default();
    talk.dialect.opened(at(0), &mut wishes);
    let first: Vec<String> = wishes.0.into_iter().map(testing::text_of).collect();
    assert_eq!(first, [r#"[{"T":"success","msg":"connected"}]"#]);
    talk
}

const AUTH: &str = r#"{"action":"auth","key":"CK","secret":"s"}"#;

fn authenticated(market: AlpacaMarket) -> Talk<AlpacaDialect> {
    let mut talk = dialect(market);
    let (sent, _) = talk.say(AUTH, &[Carried::Refused(WishRefusal::NoAuthentication)]);
    assert_eq!(sent, [r#"[{"T":"success","msg":"authenticated"}]"#]);
    talk
}

fn error(code: u16, msg: &str) -> String {
    format!(r#"[{{"T":"error","code":{code},"msg":"{msg}"}}]"#)
}

#[test]
fn keys_are_asked_for_and_refused_in_the_venues_words() {
    let mut talk = dialect(AlpacaMarket::Stocks);
    let subscribe = r#"{"action":"subscribe","trades":["AAPL"]}"#;
    assert_eq!(talk.say(subscribe, &[]).0, [error(401, "not authenticated")]);
    for reason in [CloseReason::BadToken, CloseReason::Expired, CloseReason::Revoked] {
        let (sent, asked) = talk.say(AUTH, &[Carried::Refused(WishRefusal::Key(reason))]);
        assert_eq!(sent, [error(402, "auth failed")], "{reason:?}");
        assert!(matches!(asked[..], [Wish::Authenticate(_)]), "another key may come: {asked:?}");
    }
    assert_eq!(talk.say(AUTH, &[Carried::Authenticated]).0, [r#"[{"T":"success","msg":"authenticated"}]"#]);
    assert_eq!(talk.say(AUTH, &[]).0, [error(403, "already authenticated")]);
    for text in [
        "dance",
        "[]",
        "{}",
        r#"{"action":"dance"}"#,
        r#"{"action":"auth","key":"CK"}"#,
        r#"{"action":"subscribe","trades":"AAPL"}"#,
        r#"{"action":"subscribe","trades":[1]}"#,
    ] {
        assert_eq!(talk.say(text, &[]).0, [error(400, "invalid syntax")], "{text}");
    }
}

#[test]
fn a_client_that_sends_no_key_within_ten_seconds_is_told_and_closed() {
    for sends_key in [false, true] {
        let mut talk = dialect(AlpacaMarket::Stocks);
        if sends_key {
            talk.say(AUTH, &[Carried::Authenticated]);
        }
        let mut swept = |micros| {
            let mut wishes = Wishes::default();
            talk.dialect.sweep(at(micros), 0, &mut wishes);
            wishes.0
        };
        assert!(swept(9_900_000).is_empty());
        let wishes = swept(10_000_000);
        assert_eq!(wishes.is_empty(), sends_key);
        if let [Wish::Send(told), Wish::CloseSaying(CloseReason::BadToken, "auth timeout")] = &wishes[..] {
            assert_eq!(String::from_utf8_lossy(told), error(404, "auth timeout"));
        } else {
            assert!(sends_key, "{wishes:?}");
        }
    }
}

#[test]
fn headers_choose_the_encoding_and_may_have_the_key() {
    let mut talk = Talk::of(AlpacaDialect::new(AlpacaMarket::Stocks, false));
    talk.dialect.asked(&|name| match name {
        "content-type" => Some("application/msgpack".to_owned()),
        "apca-api-key-id" | "apca-api-secret-key" => Some("k".to_owned()),
        _ => None,
    });
    let mut wishes = Wishes::default();
    talk.dialect.opened(at(0), &mut wishes);
    let sent: Vec<Value> = wishes
        .0
        .into_iter()
        .map(|wish| {
            let Wish::Send(payload) = wish else { panic!("{wish:?} is no message") };
            let mut json = Vec::new();
            msgpack::to_json(&payload, &mut json).expect("MessagePack");
            serde_json::from_slice(&json).unwrap()
        })
        .collect();
    let success = |msg: &str| json!([{"T": "success", "msg": msg}]);
    assert_eq!(sent, [success("connected"), success("authenticated")]);
}

#[test]
fn the_answer_is_the_whole_list() {
    let mut talk = authenticated(AlpacaMarket::Stocks);
    let request = r#"{"action":"subscribe","trades":["AAPL"],"quotes":["AMD","CLDR"],"bars":["*"]}"#;
    let (sent, asked) = talk.say(request, &[taken("AAPL"), taken("AMD"), taken("CLDR")]);
    let list = r#"[{"T":"subscription","trades":["AAPL"],"quotes":["AMD","CLDR"],"bars":["*"]}]"#;
    assert_eq!((&*sent, asked.len()), (&[list.to_owned()][..], 3));
    assert_eq!(talk.say(request, &[]).0, [list], "what it has it goes on with");
    let (sent, _) = talk.say(r#"{"action":"unsubscribe","bars":["*"]}"#, &[]);
    assert_eq!(sent, [list.replace("\"*\"", "")]);
    let (sent, _) = talk.say(r#"{"action":"subscribe","trades":["MSFT"],"lulds":["X"]}"#, &[taken("MSFT")]);
    assert_eq!(
        sent,
        [
            r#"[{"T":"subscription","trades":["AAPL","MSFT"],"quotes":["AMD","CLDR"],"bars":[],"lulds":["X"]}]"#
        ]
    );
    let ended = [Carried::Unsubscribed, Carried::Unsubscribed];
    let (sent, _) = talk.say(r#"{"action":"unsubscribe","trades":["AAPL","ZZ"],"quotes":["AMD"]}"#, &ended);
    assert_eq!(
        sent,
        [r#"[{"T":"subscription","trades":["MSFT"],"quotes":["CLDR"],"bars":[],"lulds":["X"]}]"#]
    );
}

#[test]
fn the_end_of_all_leaves_those_that_were_asked_for_by_name() {
    let mut talk = authenticated(AlpacaMarket::Stocks);
    talk.say(r#"{"action":"subscribe","trades":["*","A"]}"#, &[taken("A"), Carried::Subscribed(None)]);
    let (sent, asked) =
        talk.say(r#"{"action":"unsubscribe","trades":["*"]}"#, &[Carried::Unsubscribed, taken("A")]);
    assert_eq!(sent, [r#"[{"T":"subscription","trades":["A"],"quotes":[],"bars":[]}]"#]);
    assert!(matches!(&asked[..], [Wish::Unsubscribe(_, Whose::All), Wish::Subscribe(_, Whose::Symbol(_))]));
    // While it has all, the end of one by name changes the list alone.
    let mut talk = authenticated(AlpacaMarket::Stocks);
    talk.say(r#"{"action":"subscribe","trades":["*","A"]}"#, &[taken("A"), Carried::Subscribed(None)]);
    let (sent, _) = talk.say(r#"{"action":"unsubscribe","trades":["A"]}"#, &[]);
    assert_eq!(sent, [r#"[{"T":"subscription","trades":["*"],"quotes":[],"bars":[]}]"#]);
}

#[test]
fn a_pair_beside_all_has_no_subscription_of_its_own() {
    let mut talk = authenticated(AlpacaMarket::Crypto);
    let list =
        |trades: &str| format!(r#"[{{"T":"subscription","trades":[{trades}],"quotes":[],"bars":[]}}]"#);
    talk.say(r#"{"action":"subscribe","trades":["BTC/USD"]}"#, &[taken("BTCUSD")]);
    let all = [Carried::Subscribed(None), Carried::Unsubscribed];
    let (sent, asked) = talk.say(r#"{"action":"subscribe","trades":["*","ETH/USD"]}"#, &all);
    assert_eq!(sent, [list(r#""BTC/USD","ETH/USD","*""#)]);
    assert!(
        matches!(&asked[..], [Wish::Subscribe(_, Whose::All), Wish::Unsubscribe(_, Whose::Spelled(pair))] if pair == "BTC/USD")
    );
    assert_eq!(talk.say(r#"{"action":"unsubscribe","trades":["ETH/USD"]}"#, &[]).0.len(), 1);
    let ended = [Carried::Unsubscribed, taken("BTCUSD")];
    let (sent, asked) = talk.say(r#"{"action":"unsubscribe","trades":["*"]}"#, &ended);
    assert_eq!(sent, [list(r#""BTC/USD""#)]);
    assert!(
        matches!(&asked[..], [Wish::Unsubscribe(_, Whose::All), Wish::Subscribe(_, Whose::Spelled(pair))] if pair == "BTC/USD")
    );
    // Where there is no room for all, the pair is not listed any more.
    let refused = [Carried::Refused(WishRefusal::TooMany), Carried::Unsubscribed];
    let (sent, _) = talk.say(r#"{"action":"subscribe","trades":["*"]}"#, &refused);
    assert_eq!(sent, [error(405, "symbol limit exceeded"), list("")]);
}

#[test]
fn what_is_refused_is_an_error_and_not_in_the_list() {
    let mut talk = authenticated(AlpacaMarket::Stocks);
    let results =
        [taken("A"), Carried::Refused(WishRefusal::NotEntitled), Carried::Refused(WishRefusal::TooMany)];
    let (sent, _) = talk.say(r#"{"action":"subscribe","trades":["A","B"],"quotes":["C"]}"#, &results);
    assert_eq!(
        sent,
        [
            error(409, "insufficient subscription"),
            error(405, "symbol limit exceeded"),
            r#"[{"T":"subscription","trades":["A"],"quotes":[],"bars":[]}]"#.to_owned(),
        ]
    );
    let one = r#"{"action":"subscribe","quotes":["C"]}"#;
    let (sent, _) = talk.say(one, &[Carried::Refused(WishRefusal::TooMany)]);
    assert_eq!(sent, [error(405, "symbol limit exceeded")], "nothing has changed");
    // A pair that there is not is mute, and looked for again.
    let mut talk = authenticated(AlpacaMarket::Crypto);
    let one = r#"{"action":"subscribe","trades":["X/USD"]}"#;
    for _ in 0..2 {
        let (sent, asked) = talk.say(one, &[Carried::Refused(WishRefusal::Unknown)]);
        assert_eq!(sent, [r#"[{"T":"subscription","trades":["X/USD"],"quotes":[],"bars":[]}]"#]);
        assert!(matches!(&asked[..], [Wish::Subscribe(_, Whose::Spelled(_))]));
    }
}

#[test]
fn a_session_ends_in_the_venues_words() {
    for (reason, error) in [
        (CloseReason::Slow, Some(r#"{"T":"error","code":407,"msg":"slow client"}"#)),
        (CloseReason::BadToken, Some(r#"{"T":"error","code":402,"msg":"auth failed"}"#)),
        (CloseReason::TooManyOfUser, Some(r#"{"T":"error","code":406,"msg":"connection limit exceeded"}"#)),
        (CloseReason::Internal, Some(r#"{"T":"error","code":500,"msg":"internal error"}"#)),
        (CloseReason::Normal, None),
    ] {
        let mut out = Vec::new();
        AlpacaJson::<0>::close(reason, &mut out);
        let text = String::from_utf8_lossy(&out);
        assert_eq!(text.contains("error\""), error.is_some(), "{reason:?}: {text}");
        assert!(error.is_none_or(|error| text.contains(error)), "{reason:?}: {text}");
    }
}
