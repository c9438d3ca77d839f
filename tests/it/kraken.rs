//! Clients of Kraken's WebSocket v2, over a replay: each trade and each quote is compared with the recording.

use serde_json::{Value, json};

use super::{
    entitled::Guarded,
    harness::{
        VenueClient,
        recorded::{Recorded, RecordedTrade},
        tokens::reads,
    },
};

fn subscribe(params: &Value) -> String {
    json!({"method": "subscribe", "params": params, "req_id": 7}).to_string()
}

/// A client that was told the status.
async fn opened(server: &super::harness::Server, path: &str) -> VenueClient {
    let mut client = VenueClient::open(server, path).await;
    let status = client.next().await;
    assert_eq!((&status["channel"], &status["data"][0]["system"]), (&json!("status"), &json!("online")));
    client
}

fn is_data(message: &Value) -> bool {
    matches!(message["channel"].as_str(), Some("trade" | "ticker"))
}

fn expected(trade: &RecordedTrade, symbol: &str) -> Value {
    let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
    json!({"channel": "trade", "type": "update", "data": [{"symbol": symbol, "side": trade.side, "price": number(&trade.price),
        "qty": number(&trade.size), "ord_type": "market", "trade_id": trade.id, "timestamp": trade.time()}]})
}

#[tokio::test]
async fn every_trade_of_a_replay_comes_once_and_exact_in_the_clients_spelling() {
    let recorded = Recorded::new("kraken-trades.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = opened(&server, "/v2").await;
    client.send(&subscribe(&json!({"channel": "trade", "symbol": ["BTC/USDT", "ethusdt"]}))).await;
    let (messages, close) = client.rest().await;
    assert_eq!(close, Some((1000, String::new())), "the replay is over");
    let (data, answers): (Vec<Value>, Vec<Value>) = messages.into_iter().partition(is_data);
    let answered: Vec<&Value> = answers.iter().filter(|answer| answer["method"] == "subscribe").collect();
    assert_eq!(answered.len(), 2, "one answer a symbol: {answers:?}");
    assert!(answered.iter().all(|answer| answer["success"] == true && answer["req_id"] == 7), "{answers:?}");
    for (symbol, spelled) in [("BTCUSDT", "BTC/USDT"), ("ETHUSDT", "ethusdt")] {
        let seen: Vec<&Value> =
            data.iter().filter(|message| message["data"][0]["symbol"] == spelled).collect();
        let wanted: Vec<Value> = recorded.trades_of(symbol).map(|trade| expected(trade, spelled)).collect();
        assert_eq!(seen, wanted.iter().collect::<Vec<_>>());
    }
    server.settled().await;
}

#[tokio::test]
async fn a_ticker_by_bbo_has_quotes_of_the_recording_and_ends_with_the_last() {
    let recorded = Recorded::new("kraken-quotes.ndjson", 2_000);
    let server = recorded.replayed("speed=1000&start=clients:1", &[]).await;
    let mut client = opened(&server, "/kraken").await;
    client
        .send(&subscribe(&json!({"channel": "ticker", "symbol": ["ETH/USDT"], "event_trigger": "bbo"})))
        .await;
    let (messages, _) = client.rest().await;
    let tickers: Vec<&Value> = messages.iter().filter(|message| is_data(message)).collect();
    for (index, ticker) in tickers.iter().enumerate() {
        assert_eq!(ticker["type"], if index == 0 { "snapshot" } else { "update" });
        let data = &ticker["data"][0];
        let quote = ["bid", "bid_qty", "ask", "ask_qty"].map(|name| data[name].to_string());
        assert!(recorded.has_quote("ETHUSDT", quote.each_ref().map(String::as_str)), "{data}");
    }
    let last = recorded.last_quote_of("ETHUSDT").expect("a quote");
    let data = &tickers.last().expect("a ticker")["data"][0];
    assert_eq!((&data["bid"], &data["ask_qty"]), (&json!(last.bid), &json!(last.ask_size)));
    server.settled().await;
}

#[tokio::test]
async fn the_last_fifty_trades_come_first_where_they_are_asked_for() {
    let recorded = Recorded::new("kraken-past.ndjson", 2_000);
    let server = recorded.replayed("start=paused&speed=max", &[]).await;
    let control = async |command: Value| {
        let reply = server.request("POST", "/v1/replay").body(command.to_string()).send().await;
        assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    };
    control(json!({"op": "step", "n": 1_000})).await;
    server
        .until_metrics("a thousand ticks", |metrics| metrics.sum("tickcast_ticks_ingested_total") == 1_000)
        .await;
    let mut client = opened(&server, "/kraken").await;
    let request = subscribe(&json!({"channel": "trade", "symbol": ["BTC/USDT"], "snapshot": true}));
    let (answer, before) = client.ask(&request, is_data).await;
    assert_eq!((&answer["result"]["snapshot"], before), (&json!(true), Vec::new()), "{answer}");
    let mut snapshot = client.next().await;
    let wanted: Vec<Value> =
        recorded.trades_of("BTCUSDT").map(|trade| expected(trade, "BTC/USDT")["data"][0].take()).collect();
    let past = wanted.len() / 2;
    assert_eq!((&snapshot["channel"], &snapshot["type"]), (&json!("trade"), &json!("snapshot")));
    assert_eq!(snapshot["data"].take(), json!(wanted[past - 50..past]));
    // Another one is told of none.
    let mut later = opened(&server, "/kraken").await;
    let request = subscribe(&json!({"channel": "trade", "symbol": ["BTC/USDT"]}));
    assert_eq!(later.ask(&request, is_data).await.0["result"]["snapshot"], json!(false));
    control(json!({"op": "resume"})).await;
    for client in [&mut client, &mut later] {
        let (messages, _) = client.rest().await;
        let mut updates: Vec<Value> = messages.into_iter().filter(is_data).collect();
        assert!(updates.iter().all(|update| update["type"] == "update"));
        let seen: Vec<Value> = updates.iter_mut().map(|update| update["data"][0].take()).collect();
        assert_eq!(seen, wanted[past..], "behind the snapshot come the trades after it");
    }
    server.settled().await;
}

#[tokio::test]
async fn requests_are_answered_in_the_venues_words() {
    let recorded = Recorded::new("kraken-words.ndjson", 40);
    let server = recorded.replayed("start=paused", &[]).await;
    let mut client = opened(&server, "/kraken").await;
    let (pong, _) = client.ask(r#"{"method":"ping","req_id":42}"#, is_data).await;
    assert_eq!((&pong["method"], &pong["req_id"]), (&json!("pong"), &json!(42)));
    let (answer, _) =
        client.ask(&subscribe(&json!({"channel": "trade", "symbol": ["XBT/USD"]})), is_data).await;
    assert_eq!(answer["error"], "Currency pair not supported XBT/USD");
    assert_eq!(
        (&answer["success"], &answer["symbol"], &answer["req_id"]),
        (&json!(false), &json!("XBT/USD"), &json!(7))
    );
    let (answer, _) = client.ask("dance", is_data).await;
    assert_eq!(answer["error"], "Malformed request");
    let request = subscribe(&json!({"channel": "ticker", "symbol": ["BTC/USDT"]}));
    let (answer, _) = client.ask(&request, is_data).await;
    let result =
        json!({"channel": "ticker", "symbol": "BTC/USDT", "event_trigger": "trades", "snapshot": true});
    assert_eq!((&answer["result"], &answer["success"]), (&result, &json!(true)));
    let (answer, _) = client.ask(&request, is_data).await;
    assert_eq!(answer["error"], "Already subscribed");
    let (answer, _) = client.ask(&request.replace("subscribe", "unsubscribe"), is_data).await;
    assert_eq!((&answer["method"], &answer["success"]), (&json!("unsubscribe"), &json!(true)));
    // Nothing else is sent while the replay is paused, so that heartbeats come.
    assert_eq!(client.next().await, json!({"channel": "heartbeat"}));
    server.settled().await;
}

#[tokio::test]
async fn what_a_token_does_not_allow_is_no_pair() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"BTCUSDT\",\"bid\":1}\n{\"symbol\":\"ETHUSDT\",\"bid\":2}\n").await;
    let token = reads(&["BTCUSDT"]);
    let mut client = opened(&guarded.server, &format!("/v2?token={token}")).await;
    let request =
        subscribe(&json!({"channel": "ticker", "symbol": ["BTC/USDT", "ETH/USDT"], "event_trigger": "bbo"}));
    client.send(&request).await;
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let message = client.next().await;
        if !is_data(&message) {
            answers.push(message);
        }
    }
    answers.sort_by_key(|answer| answer["success"] == json!(false));
    assert_eq!(answers[0]["result"]["symbol"], "BTC/USDT");
    assert_eq!(answers[1]["error"], "Currency pair not supported ETH/USDT");
}
