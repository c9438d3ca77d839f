//! Several subscriptions to one symbol in a session, told apart by `as`: each is one by itself, in every message, result
//! and law. The harness keeps their records apart (`SYMBOL,NAME`), and checks each by law 4.

use serde_json::{Value, json};

use crate::harness::{Client, Market, Server, Sse, Subscription, bids, each_encoding};

each_encoding!(
    a_row_and_a_tape_of_one_symbol_go_over_one_socket,
    commands_are_about_the_subscriptions_of_their_name,
    globs_of_different_names_are_different_globs,
    each_name_resumes_by_itself,
    a_status_goes_to_each_subscription_of_its_symbol,
    each_name_counts_against_the_limit,
    a_name_is_a_short_word_in_commands_and_in_queries,
);

fn quote(symbol: &str, bid: u64) -> String {
    format!("{{\"symbol\":\"{symbol}\",\"bid\":\"{bid}\"}}")
}

/// The rows of `list`, without what the server alone decides.
async fn listed(client: &mut Client) -> (Vec<Value>, Value, Value) {
    let list = client.command(json!({"op": "list"})).await;
    let Value::Array(mut rows) = list.value("subscriptions") else { panic!("no list: {list:?}") };
    for row in &mut rows {
        let row = row.as_object_mut().expect("an object");
        row.remove("state");
        row.remove("interval_ms");
    }
    (rows, list.value("globs"), list.value("named_globs"))
}

async fn a_row_and_a_tape_of_one_symbol_go_over_one_socket() {
    let server = Server::start().await;
    let mut market = Market::new(31, "N", 1);
    server.publish(&market.open()).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["N0"]).named("row").interval_ms(250)).await;
    client.subscribe_as("ok", Subscription::to(["N0"]).named("tape").every()).await;
    client.subscribe_as("ok", Subscription::to(["N0"])).await;
    for round in 1..=20 {
        server.publish(&market.ticks(10)).await;
        client.until_seq("N0,tape", 1 + 10 * round).await;
    }
    client.until_seq("N0,row", 201).await;
    client.until_seq("N0", 201).await;
    for key in ["N0", "N0,row", "N0,tape"] {
        assert_eq!(client.store.get(key).record, client.store.get("N0,tape").record, "{key}");
    }
    market.check(&client.store);
    let tape = client.store.get("N0,tape");
    assert_eq!((tape.snapshots, tape.updates), (1, 200), "every tick");
    let row = client.store.get("N0,row");
    assert!(row.updates < 100, "{} messages of a row at 250 ms", row.updates);
    server.settled().await;
}

async fn commands_are_about_the_subscriptions_of_their_name() {
    let server = Server::start().await;
    server.publish(&[bids("A", [1]), bids("B", [1])].concat()).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A", "B"])).await;
    client.subscribe_as("ok", Subscription::to(["A"]).named("é 1").every().fields(&["bid"])).await;
    let row = |symbol: &str, mode: &str| json!({"symbol": symbol, "mode": mode, "seq": 1});
    let named = |mode: &str, fields: &[&str]| json!({"symbol": "A", "as": "é 1", "mode": mode, "fields": fields, "seq": 1});
    for key in ["A", "B", "A,é 1"] {
        client.until_seq(key, 1).await;
    }
    let (rows, ..) = listed(&mut client).await;
    assert_eq!(rows, [row("A", "latest"), named("every", &["bid"]), row("B", "latest")]);

    // `set` changes that of its name alone, and finds none where there is none.
    let answer =
        client.command(json!({"op": "set", "symbols": ["A", "B"], "as": "é 1", "mode": "latest"})).await;
    let message = "this session is not subscribed to it as \"é 1\"";
    let refused =
        json!({"symbol": "B", "as": "é 1", "status": "error", "code": "not_subscribed", "message": message});
    assert_eq!(answer.value("results"), json!([{"symbol": "A", "as": "é 1", "status": "ok"}, refused]));
    let (rows, ..) = listed(&mut client).await;
    assert_eq!(rows, [row("A", "latest"), named("latest", &["bid"]), row("B", "latest")]);

    // Subscribed again under the same name, it is replaced; the one without a name goes on.
    client.subscribe_as("ok", Subscription::to(["A"]).named("é 1")).await;
    server.publish(&[quote("A", 2)]).await;
    client.until_seq("A", 2).await;
    client.until_seq("A,é 1", 2).await;
    assert_eq!(client.store.get("A").snapshots, 1);

    let ended = client.command(json!({"op": "unsubscribe", "symbols": ["A"], "as": "é 1"})).await;
    assert_eq!(ended.results(), [("A,é 1".to_owned(), "ok".to_owned())]);
    // Law 7 is held by the store: nothing of that name may come any more.
    server.publish(&[quote("A", 3)]).await;
    client.until_seq("A", 3).await;
    let again = client.command(json!({"op": "unsubscribe", "symbols": ["A"], "as": "é 1"})).await;
    assert_eq!(again.results(), [("A,é 1".to_owned(), "error:not_subscribed".to_owned())]);
    server.settled().await;
}

async fn globs_of_different_names_are_different_globs() {
    let server = Server::start().await;
    server.publish(&bids("A1", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A*"])).await;
    client.subscribe_as("ok", Subscription::to(["A*"]).named("tape").every()).await;
    client.subscribe_as("pending", Subscription::to(["*9"]).named("tape").every()).await;
    // One subscription for each name, also where two globs of a name match.
    server.publish(&[bids("A9", [1, 2]), bids("A1", [2])].concat()).await;
    for (key, seq) in [("A1", 2), ("A1,tape", 2), ("A9", 2), ("A9,tape", 2)] {
        client.until_seq(key, seq).await;
    }
    let (rows, globs, named) = listed(&mut client).await;
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!(globs, json!(["A*"]));
    assert_eq!(named, json!([{"symbol": "A*", "as": "tape"}, {"symbol": "*9", "as": "tape"}]));

    let ended = client.command(json!({"op": "unsubscribe", "symbols": ["A*"], "as": "tape"})).await;
    assert_eq!(ended.value("results"), json!([{"symbol": "A*", "as": "tape", "status": "ok", "matched": 2}]));
    server.publish(&[bids("A1", [3]), bids("A9", [3]), bids("B9", [1]), bids("A2", [1])].concat()).await;
    for (key, seq) in [("A1", 3), ("A9", 3), ("B9,tape", 1), ("A2", 1)] {
        client.until_seq(key, seq).await;
    }
    let (_, globs, named) = listed(&mut client).await;
    assert_eq!((globs, named), (json!(["A*"]), json!([{"symbol": "*9", "as": "tape"}])));
    server.settled().await;
}

async fn each_name_resumes_by_itself() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=10)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    let tape = Subscription::to(["A"]).named("tape").every().resume(&epoch, &[("A", 4)]);
    client.subscribe_as("resumed", tape).await;
    client.subscribe_as("resumed", Subscription::to(["A"]).resume(&epoch, &[("A", 8)])).await;
    let late = Subscription::to(["A"]).named("late").every().resume("another", &[("A", 8)]);
    client.subscribe_as("gap", late).await;
    for key in ["A", "A,tape", "A,late"] {
        client.until_seq(key, 10).await;
    }
    assert_eq!(client.store.get("A,tape").updates, 6);
    assert_eq!((client.store.get("A").updates, client.store.get("A").ticks), (1, 2));
    let gap = client.store.gaps.first().expect("a gap");
    assert_eq!((gap.key().as_str(), gap.seq("to")), ("A,late", 10));
    server.settled().await;
}

async fn a_status_goes_to_each_subscription_of_its_symbol() {
    let server = Server::with().limit("stale_ms", 300).start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    client.subscribe_as("ok", Subscription::to(["A"]).named("tape")).await;
    for _ in 0..2 {
        client.until("a stale symbol", |message| message.is("status") && message.has("symbol")).await;
    }
    let mut told: Vec<String> = client.store.statuses.iter().map(|status| format!("{status:?}")).collect();
    told.sort_unstable();
    let stale = [
        r#"{"as":"tape","state":"stale","symbol":"A","type":"status"}"#,
        r#"{"state":"stale","symbol":"A","type":"status"}"#,
    ];
    assert_eq!(told, stale);
    // Who subscribes to it by a name is told by that name.
    client.subscribe_as("ok", Subscription::to(["A"]).named("late")).await;
    let status = client.until_kind("status").await;
    assert_eq!((status.str("as").as_str(), status.str("state").as_str()), ("late", "stale"));
}

async fn each_name_counts_against_the_limit() {
    let server = Server::with().limit("subscriptions", 3).start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    for name in ["a", "b"] {
        client.subscribe_as("ok", Subscription::to(["A"]).named(name)).await;
    }
    client.subscribe_as("pending", Subscription::to(["N*"]).named("news")).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    let answer = client.command(json!({"op": "subscribe", "symbols": ["A"], "as": "c"})).await;
    assert_eq!(answer.results(), [("A,c".to_owned(), "error:too_many_subscriptions".to_owned())]);
    // The same name again takes no more room.
    client.subscribe_as("ok", Subscription::to(["A"]).named("b")).await;
    server.publish(&bids("N1", [1])).await;
    let error = client.until_kind("error").await;
    assert_eq!((error.error_code().as_str(), error.str("as").as_str()), ("too_many_subscriptions", "news"));
}

async fn a_name_is_a_short_word_in_commands_and_in_queries() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    for name in [
        json!(""),
        json!(" a"),
        json!("a,b"),
        json!("a\"b"),
        json!("a\\b"),
        json!("a\nb"),
        json!(7),
        json!("é".repeat(17)),
    ] {
        for op in ["subscribe", "unsubscribe", "set"] {
            let answer = client.command(json!({"op": op, "symbols": ["A"], "as": name})).await;
            assert_eq!(answer.error_code(), "bad_value", "{op} {name}");
            assert!(answer.str("message").starts_with("as must be a word of 1 to 32 bytes"), "{answer:?}");
        }
    }
    client.subscribe_as("ok", Subscription::to(["A"]).named(&"é".repeat(16))).await;
    // `null` is the same as absent.
    client.store.want(&["A".to_owned()]);
    let answer = client.command(json!({"op": "subscribe", "symbols": ["A"], "as": null})).await;
    assert_eq!(answer.results(), [("A".to_owned(), "ok".to_owned())]);

    let mut client =
        Client::of(&server).query("symbols=A&as=Zeile+%C3%A9&mode=every").wanting(&["A,Zeile é"]).await;
    client.until_seq("A,Zeile é", 1).await;
    let mut client = Client::of(&server).query("symbols=A&as=7").wanting(&["A,7"]).await;
    client.until_seq("A,7", 1).await;
    for (query, code) in [("as=", "bad_value"), ("as=a,b", "bad_value"), ("as=a&as=b", "bad_value")] {
        let mut client = Client::of(&server).query(&format!("symbols=A&{query}")).open().await;
        assert_eq!(client.until_kind("error").await.error_code(), code, "{query}");
    }
}

#[tokio::test]
async fn an_event_stream_has_the_name_of_its_query_and_goes_on_with_it() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=3)).await;
    let query = "symbols=A&mode=every&as=tape";
    let mut events = Sse::open(&server, query, &["A,tape"]).await;
    events.until_seq("A,tape", 3).await;
    while !events.is_between_events() {
        events.next_or_end().await;
    }
    let id = events.last_id.clone();
    drop(events);
    server.publish(&bids("A", 4..=6)).await;
    let mut events = Sse::coming_back(&server, query, &["A,tape"], &id).await;
    let answer = events.until("an answer", |message| message.is("subscribed")).await;
    assert_eq!(answer.results(), [("A,tape".to_owned(), "resumed".to_owned())]);
    events.until_seq("A,tape", 6).await;
    assert_eq!(events.store.get("A,tape").updates, 3);
    server.settled().await;
}
