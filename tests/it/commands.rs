//! Commands: what is malformed is named, its id is echoed when it can be read, and the session goes on.

use serde_json::{Value, json};

use crate::harness::{Client, Message, Server, Subscription, bids};

/// Sends `text`, expects an error that speaks of `fault`, and a session that goes on.
async fn check(client: &mut Client, text: &str, fault: &str) -> Message {
    client.send_text(text).await;
    let error = client.until(&format!("an error for {text:.200}"), |message| message.is("error")).await;
    error.error_code();
    let message = error.str("message");
    assert!(message.contains(fault), "{text:.200} is answered by `{message}`, which does not name `{fault}`");
    client.ping().await;
    error
}

#[tokio::test]
async fn what_is_no_command_is_named_and_the_session_goes_on() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for text in ["", "hello", "{", r#"{"op":"ping""#, r#"{"op":"ping"} x"#, r"{'op':'ping'}", "\u{1}"] {
        check(&mut client, text, "JSON").await;
    }
    for text in ["[]", "1", "null", "\"ping\"", r#"[{"op":"ping"}]"#, "true"] {
        check(&mut client, text, "object").await;
    }
    check(&mut client, &"[".repeat(10_000), "").await;
    check(&mut client, &format!(r#"{{"op":"ping","x":{}{}}}"#, "[".repeat(500), "]".repeat(500)), "").await;
}

#[tokio::test]
async fn a_malformed_command_is_named_and_its_id_echoed() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    let cases = [
        (json!({}), "op"),
        (json!({"op": 1}), "op"),
        (json!({"op": null}), "op"),
        (json!({"op": "buy"}), "buy"),
        (json!({"op": "SUBSCRIBE", "symbols": ["A"]}), "SUBSCRIBE"),
        (json!({"op": "subscribe"}), "symbols"),
        (json!({"op": "subscribe", "symbols": "A"}), "symbols"),
        (json!({"op": "subscribe", "symbols": {"A": 1}}), "symbols"),
        (json!({"op": "subscribe", "symbols": []}), "symbols"),
        (json!({"op": "subscribe", "symbols": ["A"], "mode": "sometimes"}), "mode"),
        (json!({"op": "subscribe", "symbols": ["A"], "mode": 1}), "mode"),
        (json!({"op": "subscribe", "symbols": ["A"], "interval_ms": -1}), "interval_ms"),
        (json!({"op": "subscribe", "symbols": ["A"], "interval_ms": "250"}), "interval_ms"),
        (json!({"op": "subscribe", "symbols": ["A"], "interval_ms": 1.5}), "interval_ms"),
        (json!({"op": "subscribe", "symbols": ["A"], "interval_ms": 60_001}), "interval_ms"),
        (json!({"op": "subscribe", "symbols": ["A"], "interval_ms": 1e300}), "interval_ms"),
        (json!({"op": "subscribe", "symbols": ["A"], "snapshot": "yes"}), "snapshot"),
        (json!({"op": "subscribe", "symbols": ["A"], "fields": "bid"}), "fields"),
        (json!({"op": "subscribe", "symbols": ["A"], "fields": ["colour"]}), "colour"),
        (json!({"op": "subscribe", "symbols": ["A"], "fields": [1]}), "fields"),
        (json!({"op": "subscribe", "symbols": ["A"], "resume": 7}), "resume"),
        (json!({"op": "subscribe", "symbols": ["A"], "resume": {"epoch": 1, "last": {"A": 1}}}), "epoch"),
        (json!({"op": "subscribe", "symbols": ["A"], "resume": {"epoch": "e", "last": {"A": -1}}}), "last"),
        (json!({"op": "subscribe", "symbols": ["A"], "resume": {"epoch": "e", "last": {"A": "1"}}}), "last"),
        (json!({"op": "subscribe", "symbols": ["A"], "resume": {"epoch": "e", "last": ["A"]}}), "last"),
        (json!({"op": "unsubscribe"}), "symbols"),
        (json!({"op": "unsubscribe", "symbols": 3}), "symbols"),
        (json!({"op": "set", "mode": "every"}), "symbols"),
        (json!({"op": "set", "symbols": ["A"], "mode": "fast"}), "mode"),
        (json!({"op": "auth"}), "token"),
        (json!({"op": "auth", "token": 5}), "token"),
    ];
    for (index, (mut command, fault)) in cases.into_iter().enumerate() {
        let id = if index % 2 == 0 { json!(format!("case {index}")) } else { json!(index) };
        command["id"] = id.clone();
        let error = check(&mut client, &command.to_string(), fault).await;
        assert_eq!(error.value("id"), id, "{command} is answered by {error:?}");
    }
    assert_eq!(server.metrics().await.sum("tickcast_subscriptions"), 0, "not one of them subscribed");
}

#[tokio::test]
async fn an_id_is_echoed_as_it_was_and_none_is_made_up() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for id in
        [json!("a\"b\\c\u{e9}\u{1f4c8}"), json!(0), json!(-7), json!(9_007_199_254_740_991_u64), json!("")]
    {
        client.send_text(&json!({"op": "ping", "id": id}).to_string()).await;
        assert_eq!(client.until_kind("pong").await.value("id"), id);
    }
    client.send_text(r#"{"op":"ping"}"#).await;
    assert_eq!(client.until_kind("pong").await.value("id"), Value::Null);
}

#[tokio::test]
async fn a_number_that_64_bits_do_not_hold_keeps_its_digits_and_loses_no_id() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for id in ["18446744073709551615", "18446744073709551616", "-170141183460469231731687303715884105729"] {
        client.send_text(&format!(r#"{{"op":"ping","id":{id}}}"#)).await;
        assert_eq!(client.until_kind("pong").await.raw("id"), Some(id));
        client.send_text(&format!(r#"{{"op":"nothing","id":{id}}}"#)).await;
        assert_eq!(client.until_kind("error").await.raw("id"), Some(id));
    }
    let text = r#"{"op":"subscribe","id":7,"symbols":["A"],"interval_ms":99999999999999999999}"#;
    assert_eq!(check(&mut client, text, "interval_ms").await.raw("id"), Some("7"));
    check(&mut client, r#"{"op":"ping","id":1,"op":"list"}"#, "twice").await;
    client.send_text("\u{feff}{\"op\":\"ping\",\"id\":null}").await;
    client.until_kind("pong").await;
}

#[tokio::test]
async fn an_id_that_cannot_be_an_id_is_a_fault() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for id in [json!({"a": 1}), json!([1]), json!(true), json!("x".repeat(5_000))] {
        check(&mut client, &json!({"op": "ping", "id": id}).to_string(), "id").await;
    }
}

#[tokio::test]
async fn two_commands_under_one_id_get_two_answers() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.store.want(&["A".to_owned()]);
    client.send_text(r#"{"op":"subscribe","id":"x","symbols":["A"]}"#).await;
    client.send_text(r#"{"op":"ping","id":"x"}"#).await;
    for kind in ["subscribed", "pong"] {
        let answer = client.until("an answer", |message| message.has("id")).await;
        assert_eq!(
            (answer.kind().as_str(), answer.str("id").as_str()),
            (kind, "x"),
            "in the order of the commands"
        );
    }
}

#[tokio::test]
async fn commands_are_answered_in_their_order() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for number in 0..150 {
        client.send_text(&json!({"op": "ping", "id": number}).to_string()).await;
    }
    for number in 0..150 {
        assert_eq!(client.until_kind("pong").await.int("id"), number);
    }
}

#[tokio::test]
async fn keys_may_come_in_any_order_and_escaped() {
    let server = Server::start().await;
    server.publish(&bids("AB", [1])).await;
    let mut client = Client::open(&server).await;
    client.store.want(&["AB".to_owned()]);
    client.send_text("\n {\"symbols\" : [\"\\u0041B\"],\"id\":1,\t\"o\\u0070\":\"subscribe\"} \r\n").await;
    assert_eq!(client.until_kind("subscribed").await.results(), [("AB".to_owned(), "ok".to_owned())]);
    client.until_seq("AB", 1).await;
}

#[tokio::test]
async fn a_bad_glob_is_a_result_and_not_a_failure() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    let results = client.subscribe(Subscription::to(["A,*", "*", " B*"])).await;
    assert!(results[0].1.starts_with("error") && results[2].1.starts_with("error"), "{results:?}");
    assert_eq!(results[1].1, "pending");
    let answer = client.command(json!({"op": "subscribe", "symbols": ["C", 1, null, ["D"]]})).await;
    let results = answer.results();
    assert_eq!(results[0].1, "pending");
    assert!(
        results[1..].iter().all(|(_, status)| status.starts_with("error")),
        "what is not text: {results:?}"
    );
}

/// Asks for these names, and says which of them wait unknown.
async fn unknown(client: &mut Client, symbols: &[&str]) -> Vec<String> {
    let answer = client.command(json!({"op": "subscribe", "symbols": symbols})).await;
    let results = answer.value("results");
    let results = results.as_array().expect("results");
    let unknown = results.iter().filter(|result| {
        let known = &result["known"];
        assert!(known.is_null() || (known == false && result["status"] == "pending"), "{result}");
        known == false
    });
    unknown.map(|result| result["symbol"].as_str().expect("a symbol").to_owned()).collect()
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_from_one_that_waits() {
    let server = Server::with().feed("sim?symbols=20&rate=1&zipf=10").feed("push").start().await;
    server.publish(&bids("HERE", [1])).await;
    let mut client = Client::open(&server).await;
    let asked = ["HERE", "SIM-0020", "SIM-0021", "SIM-020", "SIM-0000", "SIM-", "NOT-HERE", "N*"];
    let expected = ["SIM-0021", "SIM-020", "SIM-0000", "SIM-", "NOT-HERE"];
    client.store.want(&asked.map(str::to_owned));
    assert_eq!(unknown(&mut client, &asked).await, expected);
    // It is a subscription all the same. A result for a symbol that has ticked has no `known`.
    server.publish(&bids("NOT-HERE", [1])).await;
    client.until_seq("NOT-HERE", 1).await;
    let mut other = Client::open(&server).await;
    other.store.want(&["NOT-HERE", "SIM-0007", "STILL-NOT"].map(str::to_owned));
    assert_eq!(unknown(&mut other, &["NOT-HERE", "SIM-0007", "STILL-NOT"]).await, ["STILL-NOT"]);
}

#[tokio::test]
async fn a_recording_knows_its_first_symbols_before_they_tick() {
    let server = Server::with().feed("replay:bundled?start=paused").start().await;
    let mut client = Client::open(&server).await;
    assert_eq!(unknown(&mut client, &["BTCUSDT", "BTCUSD", "ETHUSDT"]).await, ["BTCUSD"]);
    let server = Server::with().feed("replay:bundled?start=paused&symbols=SOL*,XRPUSDT").start().await;
    let mut client = Client::open(&server).await;
    assert_eq!(unknown(&mut client, &["BTCUSDT", "SOLUSDT", "XRPUSDT"]).await, ["BTCUSDT"]);
}
