//! Decimals as JSON text, for clients whose numbers are doubles: the same digits, wherever a subscription shows them.

use serde_json::{Value, json};

use crate::harness::{Client, Market, Server, Sse, Subscription, bids};

#[tokio::test]
async fn text_has_the_digits_of_numbers_in_every_mode() {
    let server = Server::start().await;
    let mut market = Market::new(32, "T", 4);
    server.publish(&market.open()).await;
    let mut client = Client::open(&server).await;
    let symbols = market.symbols();
    client.subscribe_as("ok", Subscription::to(&symbols)).await;
    client.subscribe_as("ok", Subscription::to(&symbols).named("row").with_texts()).await;
    client.subscribe_as("ok", Subscription::to(&symbols).named("tape").every().with_texts()).await;
    let fields = ["bid", "volume", "trades", "side"];
    let some = Subscription::to(&symbols).named("some").every().fields(&fields).with_texts();
    client.subscribe_as("ok", some).await;
    for _ in 0..20 {
        server.publish(&market.ticks(20)).await;
        client.ping().await;
    }
    for symbol in &symbols {
        let seq = market.get(symbol).seq;
        for name in ["", ",row", ",tape"] {
            client.until_seq(&format!("{symbol}{name}"), seq).await;
        }
    }
    // Digit by digit: the judge compares texts.
    market.check(&client.store);
    for symbol in &symbols {
        let expected = client.store.get(symbol).record.clone();
        for (name, is_text) in [("", false), (",row", true), (",tape", true), (",some", true)] {
            let held = client.store.get(&format!("{symbol}{name}"));
            if name != ",some" {
                assert_eq!(held.record, expected, "{symbol}{name}");
            }
            for message in &held.history {
                assert!(message.has_texts().is_none_or(|texts| texts == is_text), "{message:?}");
                for number in ["seq", "n", "ts", "rx", "trades"] {
                    assert!(message.raw(number).is_none_or(|raw| !raw.starts_with('"')), "{message:?}");
                }
            }
        }
    }
    server.settled().await;
}

#[tokio::test]
async fn set_changes_numbers_and_list_shows_text() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    assert_eq!(client.expect_snapshot("A").await.raw("bid"), Some("1"));
    let set = |numbers: &str| json!({"op": "set", "symbols": ["A"], "numbers": numbers});
    for (numbers, bid) in [("string", "\"1\""), ("number", "1")] {
        client.command(set(numbers)).await;
        // What is shown has changed, so the next message is the whole record.
        assert_eq!(client.expect_snapshot("A").await.raw("bid"), Some(bid));
        let list = client.command(json!({"op": "list"})).await;
        let shown = &list.value("subscriptions")[0]["numbers"];
        assert_eq!(*shown, if numbers == "string" { json!("string") } else { Value::Null });
    }
    for numbers in [json!("text"), json!(""), json!(true)] {
        for op in ["subscribe", "set"] {
            let answer = client.command(json!({"op": op, "symbols": ["A"], "numbers": numbers})).await;
            assert_eq!(answer.error_code(), "bad_value", "{numbers}");
        }
    }
    let refused = client.command(json!({"op": "unsubscribe", "symbols": ["A"], "numbers": "string"})).await;
    assert_eq!(refused.error_code(), "unknown_field");
}

#[tokio::test]
async fn a_query_asks_for_text_on_every_path_that_shows_records() {
    let server = Server::start().await;
    server
        .publish(&[r#"{"symbol":"A","bid":"46116860414.0000012","last":"1","last_size":"2"}"#.to_owned()])
        .await;
    let mut client = Client::of(&server).query("symbols=A&numbers=string").wanting(&["A"]).await;
    assert_eq!(client.expect_snapshot("A").await.raw("bid"), Some("\"46116860414.0000012\""));
    let mut events = Sse::open(&server, "symbols=A&numbers=s%74ring&as=é", &["A,é"]).await;
    let snapshot = events.until("a snapshot", |message| message.is("snapshot")).await;
    assert_eq!((snapshot.raw("volume"), snapshot.raw("trades")), (Some("\"2\""), Some("1")));
    for query in ["numbers=number&numbers=string", "numbers=text", "numbers="] {
        let mut client = Client::of(&server).query(&format!("symbols=A&{query}")).open().await;
        assert_eq!(client.until_kind("error").await.error_code(), "bad_value", "{query}");
    }

    let shown = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")[0]["bid"].clone();
    let text = json!("46116860414.0000012");
    let reply = server.get("/v1/snapshot?symbols=A&numbers=string").await;
    assert_eq!(shown(&reply.body), text);
    let reply = server.get("/v1/snapshot?symbols=A*&numbers=string").await;
    assert_eq!(shown(&reply.body), text);
    let body = r#"{"symbols":["A"],"numbers":"string"}"#;
    let reply = server.request("POST", "/v1/snapshot").body(body).send().await;
    assert_eq!(shown(&reply.body), text);
    let reply = server.get("/v1/snapshot?symbols=A&numbers=text").await;
    assert_eq!(reply.expect_error(400), "bad_value");
}
