//! Clients of Alpaca's market data v2, over a replay: each trade and each quote is compared with the recording, in JSON and in
//! `MessagePack`.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message as Frame,
    protocol::frame::{
        Frame as RawFrame,
        coding::{Data, OpCode},
    },
};

use super::harness::{
    Server, VenueClient, files,
    recorded::{Recorded, RecordedTrade},
    tokens::SECRET,
};

const PACKED: [(&str, &str); 1] = [("content-type", "application/msgpack")];
const AUTH: &str = r#"{"action":"auth","key":"CK","secret":"s"}"#;

fn success(msg: &str) -> Value {
    json!([{"T": "success", "msg": msg}])
}

fn error(code: u16, msg: &str) -> Value {
    json!([{"T": "error", "code": code, "msg": msg}])
}

fn is_data(message: &Value) -> bool {
    matches!(message[0]["T"].as_str(), Some("t" | "q"))
}

/// A client that was told that it is connected, and authenticated.
async fn opened(server: &Server, path: &str, headers: &[(&str, &str)]) -> VenueClient {
    let mut client = VenueClient::with(server, path, headers, None).await;
    assert_eq!(client.next().await, success("connected"));
    client.send(AUTH).await;
    assert_eq!(client.next().await, success("authenticated"));
    client
}

/// With as many places as it needs.
fn time(trade: &RecordedTrade) -> String {
    format!("{}Z", trade.time().trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.'))
}

fn expected(trade: &RecordedTrade) -> Value {
    json!({"T": "t", "S": trade.symbol, "i": trade.id, "x": "V", "p": double(&trade.price), "s": double(&trade.size),
        "t": time(trade), "c": ["@"], "z": "C"})
}

/// As both encodings have it.
fn double(text: &str) -> f64 {
    text.parse().expect("a number")
}

fn points(messages: &[Value]) -> Vec<Value> {
    let data = messages.iter().filter(|message| is_data(message));
    data.flat_map(|message| message.as_array().expect("an array").clone())
        .map(|mut point| {
            // 126 and 126.0 are one number, which the two encodings write in two ways.
            for name in ["p", "s"] {
                if let Some(value) = point.get(name).and_then(Value::as_f64) {
                    point[name] = json!(value);
                }
            }
            point
        })
        .collect()
}

#[tokio::test]
async fn every_trade_of_a_replay_comes_once_and_exact_in_both_encodings() {
    let recorded = Recorded::new("alpaca-trades.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:2", &[]).await;
    let mut clients =
        [opened(&server, "/v2/sip", &[]).await, opened(&server, "/alpaca/v2/iex", &PACKED).await];
    for client in &mut clients {
        client.send(r#"{"action":"subscribe","trades":["*"]}"#).await;
    }
    for mut client in clients {
        let (messages, close) = client.rest().await;
        assert_eq!(close, Some((1000, String::new())), "the replay is over");
        assert_eq!(messages[0], json!([{"T": "subscription", "trades": ["*"], "quotes": [], "bars": []}]));
        let seen = points(&messages);
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let seen: Vec<&Value> = seen.iter().filter(|point| point["S"] == symbol).collect();
            let wanted: Vec<Value> = recorded.trades_of(symbol).map(expected).collect();
            assert_eq!(seen, wanted.iter().collect::<Vec<_>>());
        }
    }
    server.settled().await;
}

#[tokio::test]
async fn quotes_of_crypto_are_of_the_recording_and_end_with_the_last() {
    let recorded = Recorded::new("alpaca-quotes.ndjson", 2_000);
    for headers in [&[][..], &PACKED] {
        let server = recorded.replayed("speed=1000&start=clients:1", &[]).await;
        let mut client = opened(&server, "/v1beta3/crypto/us", headers).await;
        client.send(r#"{"action":"subscribe","quotes":["ETH/USDT"],"trades":["BTC/USDT"]}"#).await;
        let (messages, _) = client.rest().await;
        let points = points(&messages);
        let quotes: Vec<&Value> = points.iter().filter(|point| point["T"] == "q").collect();
        for quote in &quotes {
            let values =
                ["bp", "bs", "ap", "as"].map(|name| quote[name].as_f64().expect("a number").to_string());
            assert!(recorded.has_quote("ETHUSDT", values.each_ref().map(String::as_str)), "{quote}");
            assert_eq!(quote["S"], "ETH/USDT");
        }
        let last = recorded.last_quote_of("ETHUSDT").expect("a quote");
        let seen = quotes.last().expect("a quote");
        assert_eq!(
            (seen["bp"].as_f64(), seen["as"].as_f64()),
            (Some(last.bid as f64), Some(last.ask_size as f64))
        );
        let sides: Vec<&Value> =
            points.iter().filter(|point| point["T"] == "t").map(|point| &point["tks"]).collect();
        let wanted =
            recorded.trades_of("BTCUSDT").map(|trade| json!(if trade.side == "buy" { "B" } else { "S" }));
        assert_eq!(sides, wanted.collect::<Vec<_>>().iter().collect::<Vec<_>>());
        server.settled().await;
    }
}

#[tokio::test]
async fn cancels_and_corrections_come_with_trades_in_both_encodings() {
    let server = Server::start().await;
    let mut clients = [opened(&server, "/v2/sip", &[]).await, opened(&server, "/v2/sip", &PACKED).await];
    for client in &mut clients {
        client.send(r#"{"action":"subscribe","trades":["AAPL"]}"#).await;
        assert_eq!(client.next().await[0]["T"], "subscription");
    }
    let ticks = [
        r#"{"symbol":"AAPL","ts":1700000000000001,"last":10,"last_size":5,"trade_id":"7","affects":["volume"]}"#,
        r#"{"symbol":"AAPL","ts":1700000000000002,"last":11,"last_size":6,"trade_id":"8"}"#,
        r#"{"symbol":"AAPL","ts":1700000000000003,"correct":"8","last":11.5}"#,
        r#"{"symbol":"AAPL","ts":1700000000000004,"cancel":"7"}"#,
    ];
    server.publish(&ticks).await;
    for client in &mut clients {
        let mut points = Vec::new();
        while points.len() < ticks.len() {
            points.extend(client.next().await.as_array().expect("an array").clone());
        }
        let kinds: Vec<&Value> = points.iter().map(|point| &point["T"]).collect();
        assert_eq!(kinds, ["t", "t", "c", "x"]);
        let of = |point: &Value, name: &str| point[name].as_f64();
        assert_eq!((&points[0]["c"], &points[1]["c"]), (&json!(["@", "I"]), &json!(["@"])));
        let corrected = ["oi", "ci", "cp", "cs"].map(|name| of(&points[2], name));
        assert_eq!(corrected, [Some(8.0), Some(8.0), Some(11.5), Some(6.0)], "the size is as it was");
        assert_eq!((of(&points[3], "i"), &points[3]["a"]), (Some(7.0), &json!("C")));
    }
    server.settled().await;
}

#[tokio::test]
async fn requests_are_answered_in_the_venues_words_also_in_fragments() {
    let recorded = Recorded::new("alpaca-words.ndjson", 40);
    let server = recorded.replayed("start=paused", &[]).await;
    let mut client = VenueClient::open(&server, "/v2/test").await;
    assert_eq!(client.next().await, success("connected"));
    let subscribe = r#"{"action":"subscribe","trades":["FAKEPACA"]}"#;
    for (text, answer) in [
        (subscribe, error(401, "not authenticated")),
        ("dance", error(400, "invalid syntax")),
        (AUTH, success("authenticated")),
        (AUTH, error(403, "already authenticated")),
        (subscribe, json!([{"T": "subscription", "trades": ["FAKEPACA"], "quotes": [], "bars": []}])),
    ] {
        client.send(text).await;
        assert_eq!(client.next().await, answer, "{text}");
    }
    // {"action":"subscribe","quotes":["A"]}, as clients with MessagePack send it: in two fragments.
    let mut client = opened(&server, "/v2/iex", &PACKED).await;
    let request = b"\x82\xa6action\xa9subscribe\xa6quotes\x91\xa1A";
    let (head, tail) = request.split_at(9);
    let fragment = |bytes: &[u8], opcode, is_last| {
        Frame::Frame(RawFrame::message(bytes.to_vec(), OpCode::Data(opcode), is_last))
    };
    client.send_frame(fragment(head, Data::Binary, false)).await;
    client.send_frame(fragment(tail, Data::Continue, true)).await;
    let list = json!([{"T": "subscription", "trades": [], "quotes": ["A"], "bars": []}]);
    assert_eq!(client.next().await, list);
    client.send_frame(Frame::binary(b"\xc1".as_slice())).await;
    assert_eq!(client.next().await, error(400, "invalid syntax"));
    server.settled().await;
}

#[tokio::test]
async fn a_key_gives_what_it_allows_by_message_and_by_header() {
    let file = |name: &str, text: &[u8]| {
        let path = files::path(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let keys = file("keys", br#"{"CK0123456789abcdef":{"sub":"desk","tickcast":{"read":["BTCUSDT"]}}}"#);
    let secret = file("secret", SECRET);
    let recorded = Recorded::new("alpaca-keys.ndjson", 40);
    let set =
        [format!("auth.api_keys={}", keys.display()), format!("auth.keys=[\"hs256:{}\"]", secret.display())];
    let server = recorded.replayed("start=paused", &["--set", &set[0], "--set", &set[1]]).await;
    let mut client = VenueClient::open(&server, "/v2/iex").await;
    assert_eq!(client.next().await, success("connected"));
    client.send(AUTH).await;
    assert_eq!(client.next().await, error(402, "auth failed"));
    client.send(&AUTH.replace("CK", "CK0123456789abcdef")).await;
    assert_eq!(client.next().await, success("authenticated"));
    client.send(r#"{"action":"subscribe","trades":["BTCUSDT","ETHUSDT"]}"#).await;
    assert_eq!(client.next().await, error(409, "insufficient subscription"));
    let list = json!([{"T": "subscription", "trades": ["BTCUSDT"], "quotes": [], "bars": []}]);
    assert_eq!(client.next().await, list);
    let header = [("apca-api-key-id", "CK0123456789abcdef"), ("apca-api-secret-key", "s")];
    let mut client = VenueClient::with(&server, "/v2/iex", &header, None).await;
    assert_eq!(client.next().await, success("connected"));
    assert_eq!(client.next().await, success("authenticated"));
    let header = [("apca-api-key-id", "CK-of-nobody-at-all"), ("apca-api-secret-key", "s")];
    let (messages, close) = VenueClient::with(&server, "/v2/iex", &header, None).await.rest().await;
    assert_eq!((messages, close), (vec![error(402, "auth failed")], Some((1008, "auth failed".to_owned()))));
}

#[tokio::test]
async fn a_key_over_its_sessions_is_told_406_and_one_that_is_revoked_402() {
    let keys = json!({
        "CK0123456789abcdef": {"sub": "desk", "tickcast": {"read": ["*"], "sessions": 1}},
        "CK-that-is-revoked": {"sub": "gone", "tickcast": {"read": ["*"]}},
    });
    let recorded = Recorded::new("alpaca-sessions.ndjson", 40);
    let server = recorded.keyed("alpaca-sessions", &keys, "user:gone\n").await;
    let auth = AUTH.replace("CK", "CK0123456789abcdef");
    let mut first = VenueClient::open(&server, "/v2/iex").await;
    assert_eq!(first.next().await, success("connected"));
    first.send(&auth).await;
    assert_eq!(first.next().await, success("authenticated"));
    let full = error(406, "connection limit exceeded");
    let close = Some((1008, "connection limit exceeded".to_owned()));
    let mut second = VenueClient::open(&server, "/v2/iex").await;
    assert_eq!(second.next().await, success("connected"));
    second.send(&AUTH.replace("CK", "CK-that-is-revoked")).await;
    assert_eq!(second.next().await, error(402, "auth failed"), "another key may come");
    second.send(&auth).await;
    assert_eq!(second.rest().await, (vec![full.clone()], close.clone()), "by message");
    let header = [("apca-api-key-id", "CK0123456789abcdef"), ("apca-api-secret-key", "s")];
    let (messages, said) = VenueClient::with(&server, "/v2/iex", &header, None).await.rest().await;
    assert_eq!((messages, said), (vec![full], close), "by header");
    first.send(&auth).await;
    assert_eq!(first.next().await, error(403, "already authenticated"), "the first one goes on");
}
