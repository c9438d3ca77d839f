//! Subscriptions and their messages: snapshots, updates, pending symbols, fields that are not requested.

use serde_json::json;

use crate::harness::{Client, Server, Subscription, bids, each_encoding, line, now_micros};

each_encoding!(
    a_snapshot_comes_first_and_then_what_changes,
    a_symbol_without_a_tick_is_pending_and_its_first_tick_arrives,
    a_subscription_without_snapshot_begins_with_the_next_tick,
    a_query_subscribes_at_once,
    a_query_takes_encoded_symbols_and_the_mode_every,
    a_fault_in_a_query_is_told,
    unusual_characters_of_symbols_pass_unchanged,
    one_bad_symbol_never_fails_the_others,
    after_unsubscribed_nothing_more_comes,
    a_subscription_can_be_made_again_after_its_end,
    subscribing_twice_is_one_subscription,
    a_session_lists_what_it_is_subscribed_to,
    sessions_get_what_they_asked_for_and_no_more,
);

async fn a_snapshot_comes_first_and_then_what_changes() {
    let server = Server::start().await;
    let before = now_micros();
    server.publish(&[r#"{"symbol":"A","ts":1742860800123456,"bid":"1.25","bid_size":"3"}"#]).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    let snapshot = client.expect_snapshot("A").await;
    assert_eq!((snapshot.seq("seq"), snapshot.int("ts")), (1, 1_742_860_800_123_456));
    assert!(
        (before..=now_micros()).contains(&snapshot.int("rx")),
        "rx is when the tick came in: {snapshot:?}"
    );
    assert_eq!(snapshot.raw("bid"), Some("1.25"));
    assert!(!snapshot.has("ask"), "only the fields that are known: {snapshot:?}");

    server.publish(&[line("A", &[("ask", "\"1.5\"")])]).await;
    let update = client.data_of("A").await;
    assert!(update.is("update"));
    assert_eq!(
        (update.seq("seq"), update.raw("ask"), update.has("bid")),
        (2, Some("1.5"), false),
        "{update:?}"
    );
    assert!(!update.has("n") || update.n() == 1);
}

async fn a_symbol_without_a_tick_is_pending_and_its_first_tick_arrives() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["NEW"])).await;
    server.publish(&bids("NEW", [7])).await;
    let first = client.data_of("NEW").await;
    assert_eq!((first.seq("seq"), first.raw("bid")), (1, Some("7")));
}

async fn a_subscription_without_snapshot_begins_with_the_next_tick() {
    let server = Server::start().await;
    server.publish(&bids("A", [1, 2])).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"]).without_snapshot()).await;
    client.ping().await;
    server.publish(&bids("A", [3])).await;
    let first = client.data_of("A").await;
    assert!(first.is("update"), "{first:?}");
    assert_eq!((first.seq("seq"), first.raw("bid")), (3, Some("3")));
    assert_eq!(client.store.get("A").snapshots, 0);
}

async fn a_query_subscribes_at_once() {
    let server = Server::start().await;
    server.publish(&[bids("BTC-USD", [1]), bids("ETH-USD", [2])].concat()).await;
    let query = "symbols=BTC-USD,ETH-USD&mode=latest&interval_ms=250";
    let mut client = Client::of(&server).query(query).wanting(&["BTC-USD", "ETH-USD"]).await;
    client.until_seq("BTC-USD", 1).await;
    client.until_seq("ETH-USD", 1).await;
    assert_eq!(client.store.get("ETH-USD").snapshots, 1);
}

async fn a_query_takes_encoded_symbols_and_the_mode_every() {
    let server = Server::start().await;
    let query = "symbols=EUR%2FUSD%3AX%2B%23&mode=every";
    let mut client = Client::of(&server).query(query).wanting(&["EUR/USD:X+#"]).await;
    client.until("the acknowledgement", |message| message.is("subscribed")).await;
    server.publish(&bids("EUR/USD:X+#", 1..=5)).await;
    client.until_seq("EUR/USD:X+#", 5).await;
    assert_eq!(client.store.get("EUR/USD:X+#").history.len(), 5, "five ticks, five messages");
}

async fn a_fault_in_a_query_is_told() {
    let server = Server::start().await;
    for query in ["symbols=A&mode=sometimes", "symbols=A&interval_ms=soon", "symbols=A%22B"] {
        let mut client = Client::of(&server).query(query).wanting(&["A"]).await;
        let answer =
            client.until("an answer", |message| message.is("error") || message.is("subscribed")).await;
        if answer.is("subscribed") {
            assert!(answer.results()[0].1.starts_with("error"), "{query}: {answer:?}");
        } else {
            answer.error_code();
        }
        client.ping().await;
    }
}

async fn unusual_characters_of_symbols_pass_unchanged() {
    let server = Server::start().await;
    let symbols = ["^GSPC", "a.b_c", "X:Y/Z", "p-q@r", "k=v", "#1", "c+d", &"x".repeat(64)];
    let lines: Vec<_> = symbols.iter().flat_map(|symbol| bids(symbol, [5])).collect();
    server.publish(&lines).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(symbols)).await;
    for symbol in symbols {
        client.until_seq(symbol, 1).await;
        assert_eq!(client.store.get(symbol).record["bid"], "5");
    }
}

async fn one_bad_symbol_never_fails_the_others() {
    let server = Server::start().await;
    server.publish(&bids("GOOD", [1])).await;
    let mut client = Client::open(&server).await;
    let long = "x".repeat(65);
    let results = client.subscribe(Subscription::to(["", "A,B", "GOOD", " Ü", &long, "LATER"])).await;
    let statuses: Vec<_> = results.iter().map(|(_, status)| status.split(':').next().unwrap_or("")).collect();
    assert_eq!(statuses, ["error", "error", "ok", "error", "error", "pending"]);
    client.until_seq("GOOD", 1).await;
}

async fn after_unsubscribed_nothing_more_comes() {
    let server = Server::start().await;
    server.publish(&[bids("A", [1]), bids("B", [1])].concat()).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A", "B"])).await;
    client.until_seq("A", 1).await;
    let results = client.unsubscribe(&["A", "NEVER"]).await;
    assert_eq!(results[0], ("A".to_owned(), "ok".to_owned()));
    assert!(results[1].1.starts_with("error"), "there was nothing to end: {results:?}");
    // The store holds the law: data of A would panic from here on.
    server.publish(&[bids("A", 2..=50), bids("B", 2..=50)].concat()).await;
    client.until_seq("B", 50).await;
    client.ping().await;
    server.settled().await;
}

async fn a_subscription_can_be_made_again_after_its_end() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    for round in 2..=4 {
        client.subscribe_as("ok", Subscription::to(["A"])).await;
        client.expect_snapshot("A").await;
        server.publish(&bids("A", [round])).await;
        client.until_seq("A", round).await;
        client.unsubscribe(&["A"]).await;
    }
    assert_eq!(server.settled().await.sum("tickcast_subscriptions"), 0);
}

async fn subscribing_twice_is_one_subscription() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    client.subscribe(Subscription::to(["A", "A"])).await;
    client.ping().await;
    assert_eq!(server.metrics().await.sum("tickcast_subscriptions"), 1);
    // Were there two, the second update for a tick would break law 4 in the store.
    for number in 2..=20 {
        server.publish(&bids("A", [number])).await;
        client.until_seq("A", number).await;
    }
    client.ping().await;
    server.settled().await;
}

async fn a_session_lists_what_it_is_subscribed_to() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    client.subscribe(Subscription::to(["B"]).interval_ms(250).fields(&["bid"])).await;
    let list = client.command(json!({"op": "list"})).await;
    assert!(list.is("list"), "{list:?}");
    let text = format!("{list:?}");
    for part in [r#""A""#, r#""B""#, r#""every""#, r#""latest""#, "250", r#""bid""#] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    client.unsubscribe(&["A"]).await;
    let text = format!("{:?}", client.command(json!({"op": "list"})).await);
    assert!(!text.contains(r#""A""#) && text.contains(r#""B""#), "{text}");
}

async fn sessions_get_what_they_asked_for_and_no_more() {
    let server = Server::start().await;
    let (mut first, mut second) = (Client::open(&server).await, Client::open(&server).await);
    first.subscribe(Subscription::to(["A"])).await;
    second.subscribe(Subscription::to(["B"])).await;
    server.publish(&[bids("A", 1..=100), bids("B", 1..=100), bids("C", 1..=100)].concat()).await;
    first.until_seq("A", 100).await;
    second.until_seq("B", 100).await;
    first.ping().await;
    second.ping().await;
    server.settled().await;
}
