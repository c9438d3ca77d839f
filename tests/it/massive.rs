//! Clients of Massive, over a replay: each trade and each quote is compared with the recording.

use serde_json::{Value, json};

use super::harness::{
    Server, VenueClient, files,
    recorded::{Recorded, RecordedTrade},
};

const AUTH: &str = r#"{"action":"auth","params":"a-key-of-a-client-1"}"#;

fn status(status: &str, message: &str) -> Value {
    json!([{"ev": "status", "status": status, "message": message}])
}

fn begun(channel: &str) -> Value {
    status("success", &format!("subscribed to: {channel}"))
}

fn subscribe(channels: &str) -> String {
    json!({"action": "subscribe", "params": channels}).to_string()
}

fn is_data(message: &Value) -> bool {
    message[0]["ev"] != "status"
}

/// A client whose key was accepted.
async fn authenticated(server: &Server, path: &str, receive_buffer_bytes: Option<u32>) -> VenueClient {
    let mut client = VenueClient::with(server, path, &[], receive_buffer_bytes).await;
    assert_eq!(client.next().await, status("connected", "Connected Successfully"));
    let (answer, _) = client.ask(AUTH, is_data).await;
    assert_eq!(answer, status("auth_success", "authenticated"));
    client
}

/// The events of all messages, and the statuses.
fn events(messages: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let all = messages.iter().flat_map(|message| message.as_array().expect("each message is an array"));
    all.cloned().partition(|event| event["ev"] != "status")
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}

fn expected_trade(trade: &RecordedTrade) -> Value {
    json!({"ev": "T", "sym": trade.symbol, "x": 0, "i": trade.id.to_string(), "z": 0, "p": number(&trade.price),
        "s": number(&trade.size), "ds": trade.size, "c": [], "t": trade.ts / 1000, "q": trade.seq})
}

fn expected_crypto(trade: &RecordedTrade, pair: &str) -> Value {
    let condition = if trade.side == "sell" { 1 } else { 2 };
    json!({"ev": "XT", "pair": pair, "p": number(&trade.price), "t": trade.ts / 1000, "s": number(&trade.size),
        "c": [condition], "i": trade.id.to_string(), "x": 0})
}

/// Of the trades that came, those of this name are the wanted ones.
#[track_caller]
fn check_trades(data: &[Value], member: &str, name: &str, wanted: impl Iterator<Item = Value>) {
    let seen: Vec<&Value> = data.iter().filter(|event| event[member] == name).collect();
    let wanted: Vec<Value> = wanted.collect();
    assert_eq!(seen, wanted.iter().collect::<Vec<_>>(), "{name}");
}

/// All trades of the recording came, as those of stocks.
#[track_caller]
fn check_stocks(data: &[Value], recorded: &Recorded) {
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        check_trades(data, "sym", symbol, recorded.trades_of(symbol).map(expected_trade));
    }
}

/// The recording does not have it.
fn forget_receipt(event: &mut Value) {
    let received = event.as_object_mut().expect("an object").remove("r").expect("a time of receipt");
    assert!(received.as_u64() > Some(1_600_000_000_000), "milliseconds: {received}");
}

#[tokio::test]
async fn every_trade_of_a_replay_comes_once_and_exact() {
    let recorded = Recorded::new("massive-trades.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = authenticated(&server, "/stocks", None).await;
    client.send(&subscribe("T.btcusdt, T.ETHUSDT,T.BTCUSDT")).await;
    let (messages, close) = client.rest().await;
    assert_eq!(close, Some((1000, String::new())), "the replay is over");
    let (data, statuses) = events(&messages);
    let told: Vec<&Value> = statuses.iter().map(|status| &status["message"]).collect();
    assert_eq!(told, ["subscribed to: T.btcusdt", "subscribed to: T.ETHUSDT", "subscribed to: T.BTCUSDT"]);
    check_stocks(&data, &recorded);
    server.settled().await;
}

#[tokio::test]
async fn crypto_is_found_by_its_pair_and_sent_so() {
    let recorded = Recorded::new("massive-crypto.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = authenticated(&server, "/massive/crypto", None).await;
    client.send(&subscribe("XT.BTC-USDT")).await;
    let (messages, _) = client.rest().await;
    let mut data = events(&messages).0;
    data.iter_mut().for_each(forget_receipt);
    let wanted: Vec<Value> =
        recorded.trades_of("BTCUSDT").map(|trade| expected_crypto(trade, "BTC-USDT")).collect();
    assert_eq!(data, wanted);
    server.settled().await;
}

#[tokio::test]
async fn all_symbols_come_by_an_asterisk_and_a_symbol_beside_it_is_not_told_twice() {
    let recorded = Recorded::new("massive-all.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = authenticated(&server, "/massive/stocks", None).await;
    client.send(&subscribe("T.*,T.ETHUSDT")).await;
    let (messages, _) = client.rest().await;
    let (data, _) = events(&messages);
    check_stocks(&data, &recorded);
    server.settled().await;
}

#[tokio::test]
async fn a_pair_beside_an_asterisk_is_not_told_twice() {
    let recorded = Recorded::new("massive-pairs.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = authenticated(&server, "/massive/crypto", None).await;
    client.send(&subscribe("XT.*,XT.ETH-USDT")).await;
    let (messages, _) = client.rest().await;
    let mut data = events(&messages).0;
    data.iter_mut().for_each(forget_receipt);
    assert_eq!(data.len(), recorded.trades.len());
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let wanted = recorded.trades_of(symbol).map(|trade| expected_crypto(trade, symbol));
        check_trades(&data, "pair", symbol, wanted);
    }
    server.settled().await;
}

#[tokio::test]
async fn quotes_are_those_of_the_recording_rise_and_end_with_the_last() {
    let recorded = Recorded::new("massive-quotes.ndjson", 2_000);
    let server = recorded.replayed("speed=1000&start=clients:2", &[]).await;
    let mut stocks = authenticated(&server, "/stocks", None).await;
    stocks.send(&subscribe("Q.*")).await;
    let mut crypto = authenticated(&server, "/crypto", None).await;
    crypto.send(&subscribe("XQ.ETH-USDT")).await;
    let of = |messages: &[Value], member: &str, symbol: &str| -> Vec<Value> {
        events(messages).0.into_iter().filter(|event| event[member] == symbol).collect()
    };
    let (all, _) = stocks.rest().await;
    let (pairs, _) = crypto.rest().await;
    for (quotes, symbol) in [
        (of(&all, "sym", "BTCUSDT"), "BTCUSDT"),
        (of(&all, "sym", "ETHUSDT"), "ETHUSDT"),
        (of(&pairs, "pair", "ETH-USDT"), "ETHUSDT"),
    ] {
        let mut before = 0;
        for event in &quotes {
            let quote = ["bp", "bs", "ap", "as"].map(|name| event[name].to_string());
            assert!(recorded.has_quote(symbol, quote.each_ref().map(String::as_str)), "{event}");
            let at = if event["ev"] == "Q" { &event["q"] } else { &event["as"] };
            let at = at.as_u64().expect("a number");
            assert!(at > before, "it rises: {event}");
            before = at;
        }
        let last = recorded.last_quote_of(symbol).expect("a quote");
        let event = quotes.last().expect("a quote");
        assert_eq!((&event["bp"], &event["as"]), (&json!(last.bid), &json!(last.ask_size)));
    }
    server.settled().await;
}

#[tokio::test]
async fn requests_are_answered_in_the_venues_words() {
    use tokio_tungstenite::tungstenite::Message as Frame;

    let recorded = Recorded::new("massive-words.ndjson", 40);
    let server = recorded.replayed("start=paused", &[]).await;
    let mut client = VenueClient::open(&server, "/stocks").await;
    assert_eq!(client.next().await, status("connected", "Connected Successfully"));
    let (answer, _) = client.ask(&subscribe("T.BTCUSDT"), is_data).await;
    assert_eq!(answer, status("error", "not authorized"), "no key was sent");
    assert_eq!(client.ask(AUTH, is_data).await.0, status("auth_success", "authenticated"));
    assert_eq!(client.ask("dance", is_data).await.0, status("error", "malformed message"));
    client.send(&subscribe("T.BTCUSDT, Q.NOSUCH,AM.BTCUSDT,LULD.*")).await;
    for expected in [
        begun("T.BTCUSDT"),
        begun("Q.NOSUCH"),
        status("error", "not authorized"),
        status("error", "not authorized"),
    ] {
        assert_eq!(client.next().await, expected);
    }
    assert_eq!(client.ask(&subscribe("T.BTCUSDT"), is_data).await.0, begun("T.BTCUSDT"));
    let unsubscribe = json!({"action": "unsubscribe", "params": "T.BTCUSDT"}).to_string();
    client.send_frame(Frame::Ping(b"17".to_vec().into())).await;
    let (answer, _) = client.ask(&unsubscribe, is_data).await;
    assert_eq!(answer, status("success", "unsubscribed to: T.BTCUSDT"));
    assert_eq!(client.pongs, vec![b"17".to_vec()]);
    server.settled().await;
}

/// A server whose clients need one of these keys, and its file.
async fn keyed(recorded: &Recorded, name: &str) -> Server {
    let file = files::path(name);
    let keys = json!({"a-key-of-a-client-1": {"sub": "desk-7", "tickcast": {"read": ["BTC*"]}}});
    std::fs::write(&file, keys.to_string()).expect("a file");
    recorded.replayed("start=paused", &["--set", &format!("auth.api_keys={}", file.display())]).await
}

#[tokio::test]
async fn a_key_gives_what_it_allows_and_a_wrong_one_ends_the_session() {
    let recorded = Recorded::new("massive-keys.ndjson", 40);
    let server = keyed(&recorded, "massive-keys").await;
    let mut client = authenticated(&server, "/stocks", None).await;
    client.send(&subscribe("T.BTCUSDT,T.ETHUSDT")).await;
    assert_eq!(client.next().await, begun("T.BTCUSDT"));
    assert_eq!(client.next().await, status("error", "not authorized"), "its key does not allow it");

    let mut wrong = VenueClient::open(&server, "/stocks").await;
    assert_eq!(wrong.next().await, status("connected", "Connected Successfully"));
    let early = wrong.ask(&subscribe("T.BTCUSDT"), is_data).await.0;
    assert_eq!(early, status("error", "not authorized"), "no key was sent");
    wrong.send(&AUTH.replace("client-1", "client-2")).await;
    let (messages, close) = wrong.rest().await;
    assert_eq!(messages, [status("auth_failed", "authentication failed")]);
    assert_eq!(close, Some((1008, String::new())));
}

#[tokio::test]
async fn a_key_over_its_sessions_is_told_max_connections_and_one_that_is_revoked_auth_failed() {
    let keys = json!({
        "a-key-of-a-client-1": {"sub": "desk-7", "tickcast": {"read": ["*"], "sessions": 1}},
        "a-key-of-a-client-2": {"sub": "gone", "tickcast": {"read": ["*"]}},
    });
    let recorded = Recorded::new("massive-sessions.ndjson", 40);
    let server = recorded.keyed("massive-sessions", &keys, "user:gone\n").await;
    let mut first = authenticated(&server, "/stocks", None).await;
    for (auth, told) in [
        (AUTH.to_owned(), status("max_connections", "Maximum number of connections exceeded.")),
        (AUTH.replace("client-1", "client-2"), status("auth_failed", "authentication failed")),
    ] {
        let mut client = VenueClient::open(&server, "/stocks").await;
        assert_eq!(client.next().await, status("connected", "Connected Successfully"));
        client.send(&auth).await;
        assert_eq!(client.rest().await, (vec![told], Some((1008, String::new()))));
    }
    first.send(&subscribe("T.BTCUSDT")).await;
    assert_eq!(first.next().await, begun("T.BTCUSDT"), "the first one goes on");
}

#[tokio::test]
async fn a_market_comes_through_the_venues_protocol_into_another_server_and_out_of_it() {
    let recorded = Recorded::new("massive-chain.ndjson", 2_000);
    let venue = recorded.replayed("start=paused&speed=max", &[]).await;
    let key = files::path("key");
    std::fs::write(&key, "any-key").expect("a file");
    let feed = format!(
        "massive?market=crypto&symbols=BTC-USDT,ETH-USDT&url=ws://{}&key_file={}",
        venue.address,
        key.display()
    );
    let server = Server::with().feed(&feed).start().await;
    let mut client = authenticated(&server, "/crypto", None).await;
    assert_eq!(client.ask(&subscribe("XT.*"), is_data).await.0, begun("XT.*"));
    venue
        .until_metrics("the connector's trades and quotes of two symbols", |metrics| {
            metrics.sum("tickcast_subscriptions") == 4
        })
        .await;
    let reply = venue.request("POST", "/v1/replay").body(r#"{"op":"resume"}"#.to_owned()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    let mut trades: Vec<Value> = Vec::new();
    while trades.len() < recorded.trades.len() {
        trades.extend(events(&[client.next().await]).0);
    }
    trades.iter_mut().for_each(forget_receipt);
    for (symbol, pair) in [("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT")] {
        let wanted = recorded.trades_of(symbol).map(|trade| expected_crypto(trade, pair));
        check_trades(&trades, "pair", pair, wanted);
    }
}
