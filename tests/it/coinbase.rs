//! Clients of both of Coinbase's protocols, over a replay: each trade and each quote is compared with the recording.

use serde_json::{Value, json};

use super::{
    entitled::Guarded,
    harness::{
        Server, VenueClient,
        recorded::{Recorded, RecordedTrade},
        tokens::reads,
    },
};

/// The side of the order that rested.
fn resting(side: &str) -> &'static str {
    if side == "buy" { "sell" } else { "buy" }
}

fn of_exchange(channels: &Value) -> String {
    json!({"type": "subscribe", "product_ids": ["BTC-USDT", "ETH-USDT"], "channels": channels}).to_string()
}

fn of_advanced(channel: &str) -> String {
    json!({"type": "subscribe", "product_ids": ["BTC-USDT", "ETH-USDT"], "channel": channel}).to_string()
}

async fn tell(server: &Server, command: &Value) {
    let reply = server.request("POST", "/v1/replay").body(command.to_string()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{command}: {reply:?}");
}

fn is_match(message: &Value) -> bool {
    message["type"] == "match"
}

/// A match without the ids of its orders, which no recording has.
fn told(message: &Value) -> Value {
    let mut message = message.clone();
    for name in ["maker_order_id", "taker_order_id"] {
        let id = message.as_object_mut().expect("an object").remove(name).expect("an id");
        assert_eq!(id.as_str().map(str::len), Some(36), "a UUID: {id}");
    }
    message
}

fn expected_match(trade: &RecordedTrade, product: &str) -> Value {
    json!({"type": "match", "trade_id": trade.id, "side": resting(trade.side), "size": trade.size, "price": trade.price,
        "product_id": product, "sequence": trade.seq, "time": trade.time()})
}

#[tokio::test]
async fn every_match_of_a_replay_comes_once_and_exact_in_the_clients_spelling() {
    let recorded = Recorded::new("coinbase-matches.ndjson", 2_000);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    let mut client = VenueClient::open(&server, "/coinbase").await;
    client.send(&of_exchange(&json!(["matches"]))).await;
    let (messages, close) = client.rest().await;
    assert_eq!(close, Some((1000, String::new())), "the replay is over");
    let list = json!({"type": "subscriptions", "channels": [{"name": "matches", "product_ids": ["BTC-USDT", "ETH-USDT"]}]});
    assert_eq!(messages[0], list);
    for (symbol, product) in [("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT")] {
        let of_product = |message: &&Value| is_match(message) && message["product_id"] == product;
        let seen: Vec<Value> = messages.iter().filter(of_product).map(told).collect();
        let wanted: Vec<Value> =
            recorded.trades_of(symbol).map(|trade| expected_match(trade, product)).collect();
        assert_eq!(seen, wanted);
    }
    server.settled().await;
}

#[tokio::test]
async fn tickers_have_quotes_of_the_recording_and_heartbeats_come_by_the_clock() {
    let recorded = Recorded::new("coinbase-tickers.ndjson", 402);
    let server = recorded.replayed("start=paused", &[]).await;
    let mut client = VenueClient::open(&server, "/").await;
    client.send(&of_exchange(&json!(["ticker", "heartbeat"]))).await;
    assert_eq!(client.next().await["type"], "subscriptions");
    // Not to the end, where every client is closed.
    tell(&server, &json!({"op": "step", "n": 400})).await;
    let (mut tickers, mut beats) = (0, 0);
    while beats < 4 {
        let message = client.next().await;
        let symbol = message["product_id"].as_str().expect("a product").replace('-', "");
        match message["type"].as_str() {
            Some("ticker") => {
                let text = |name: &str| message[name].as_str().expect("a string").to_owned();
                let quote =
                    [text("best_bid"), text("best_bid_size"), text("best_ask"), text("best_ask_size")];
                assert!(recorded.has_quote(&symbol, quote.each_ref().map(String::as_str)), "{message}");
                tickers += 1;
            }
            Some("heartbeat") => {
                // Some may be from before the step.
                let last = recorded.trades_of(&symbol).last().expect("a trade");
                beats += usize::from(message["sequence"] == 200 && message["last_trade_id"] == last.id);
            }
            other => panic!("{other:?}: {message}"),
        }
    }
    assert!(tickers >= 2, "each product has traded");
    server.settled().await;
}

#[tokio::test]
async fn every_trade_of_advanced_comes_once_with_one_numbering_over_all_channels() {
    let recorded = Recorded::new("coinbase-advanced.ndjson", 2_000);
    let server = recorded.replayed("start=paused&speed=max", &[]).await;
    let mut client = VenueClient::open(&server, "/").await;
    for channel in ["heartbeats", "ticker", "market_trades"] {
        let (list, _) =
            client.ask(&of_advanced(channel), |message| message["channel"] != "subscriptions").await;
        assert!(list["events"][0]["subscriptions"].get(channel).is_some(), "{list}");
    }
    tell(&server, &json!({"op": "resume"})).await;
    let (messages, close) = client.rest().await;
    assert_eq!(close, Some((1000, String::new())), "the replay is over");
    let numbers: Vec<u64> =
        messages.iter().map(|message| message["sequence_num"].as_u64().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no number is left out: {numbers:?}");
    assert!(messages.iter().all(|message| message["client_id"] == ""), "clients with types ask for it");
    for (symbol, product) in [("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT")] {
        let trades = messages.iter().filter(|message| message["channel"] == "market_trades");
        let seen: Vec<&Value> = trades
            .map(|message| &message["events"][0]["trades"][0])
            .filter(|trade| trade["product_id"] == product)
            .collect();
        let wanted: Vec<Value> = recorded.trades_of(symbol).map(|trade| {
            json!({"product_id": product, "trade_id": trade.id.to_string(), "price": trade.price, "size": trade.size,
                "time": trade.time(), "side": resting(trade.side).to_uppercase()})
        }).collect();
        assert_eq!(seen, wanted.iter().collect::<Vec<_>>());
    }
    server.settled().await;
}

#[tokio::test]
async fn what_was_traded_before_comes_first_with_its_own_time() {
    let recorded = Recorded::new("coinbase-past.ndjson", 402);
    let server = recorded.replayed("start=paused", &[]).await;
    tell(&server, &json!({"op": "step", "n": 400})).await;
    server.until_metrics("its ticks", |metrics| metrics.sum("tickcast_ticks_ingested_total") == 400).await;
    let trades: Vec<&RecordedTrade> =
        recorded.trades_of("BTCUSDT").filter(|trade| trade.seq <= 200).collect();
    let last = trades.last().expect("a trade");
    let mut client = VenueClient::open(&server, "/coinbase").await;
    client.send(r#"{"type":"subscribe","product_ids":["BTC-USDT"],"channels":["matches"]}"#).await;
    assert_eq!(client.next().await["type"], "subscriptions");
    let mut first = expected_match(last, "BTC-USDT");
    first["type"] = json!("last_match");
    assert_eq!(told(&client.next().await), first);
    let mut client = VenueClient::open(&server, "/").await;
    client.send(r#"{"type":"subscribe","product_ids":["BTC-USDT"],"channel":"market_trades"}"#).await;
    assert_eq!(client.next().await["channel"], "subscriptions");
    let snapshot = client.next().await;
    assert_eq!((&snapshot["events"][0]["type"], &snapshot["sequence_num"]), (&json!("snapshot"), &json!(1)));
    let of = |message: &Value, name: &str| {
        let trades = message["events"][0]["trades"].as_array().expect("trades");
        trades.iter().map(|trade| trade[name].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    // The newest is the first.
    let newest = || trades.iter().rev().take(50);
    assert_eq!(of(&snapshot, "trade_id"), newest().map(|trade| trade.id.to_string()).collect::<Vec<_>>());
    assert_eq!(of(&snapshot, "time"), newest().map(|trade| trade.time()).collect::<Vec<_>>());
    // Of several products at once they are more than one frame holds of other messages.
    let mut client = VenueClient::open(&server, "/").await;
    client.send(&of_advanced("market_trades")).await;
    assert_eq!(client.next().await["channel"], "subscriptions");
    let mut products = Vec::new();
    for _ in 0..2 {
        let snapshot = client.next().await;
        assert_eq!(of(&snapshot, "trade_id").len(), 50);
        products.extend(of(&snapshot, "product_id").first().cloned());
    }
    products.sort();
    assert_eq!(products, ["BTC-USDT", "ETH-USDT"]);
    client.send(&of_advanced("market_trades").replace("subscribe", "unsubscribe")).await;
    assert_eq!(client.next().await["events"][0]["subscriptions"], json!({}));
    server.settled().await;
}

#[tokio::test]
async fn requests_are_refused_in_the_venues_words() {
    let recorded = Recorded::new("coinbase-words.ndjson", 40);
    let server = recorded.replayed("start=paused", &[]).await;
    let mut client = VenueClient::open(&server, "/coinbase").await;
    let request = r#"{"type":"subscribe","product_ids":["GIBBERISH-USD"],"channels":["matches"]}"#;
    let (answer, _) = client.ask(request, |_| false).await;
    assert_eq!(
        answer,
        json!({"type": "error", "message": "Failed to subscribe", "reason": "GIBBERISH-USD is not a valid product"})
    );
    let (answer, _) = client.ask(r#"{"type":"subscribe","channels":["heartbeat"]}"#, |_| false).await;
    assert_eq!(answer["reason"], "You need to specify at least one product ID for channel heartbeat");
    // It has subscribed to nothing within five seconds.
    let (messages, close) = client.rest().await;
    assert_eq!((messages, close), (Vec::new(), Some((1008, "no subscription within 5 s".to_owned()))));
    server.settled().await;
}

#[tokio::test]
async fn what_a_token_does_not_allow_is_no_product() {
    let guarded = Guarded::start(&[]).await;
    guarded
        .publish("{\"symbol\":\"BTCUSDT\",\"last\":1,\"last_size\":1}\n{\"symbol\":\"ETHUSDT\",\"bid\":2}\n")
        .await;
    let token = reads(&["BTCUSDT"]);
    let mut client = VenueClient::open(&guarded.server, &format!("/coinbase?token={token}")).await;
    client.send(&of_exchange(&json!(["matches"]))).await;
    let refused = client.next().await;
    assert_eq!(refused["reason"], "ETH-USDT is not a valid product", "{refused}");
    let list = client.next().await;
    assert_eq!(list["channels"], json!([{"name": "matches", "product_ids": ["BTC-USDT"]}]));
    let first = client.next().await;
    assert_eq!((&first["type"], &first["price"]), (&json!("last_match"), &json!("1")));
}
