//! The modes `latest`, `every`, `once`, the interval, the choice of fields, and changing them live.

use serde_json::json;

use crate::harness::{Client, Market, Message, Server, Subscription, bids, each_encoding, line};

each_encoding!(
    every_means_every_tick_one_by_one,
    once_gives_the_record_and_ends,
    an_interval_holds_back_what_is_not_due_and_then_gives_the_trailing_value,
    set_changes_a_subscription_live_and_loses_nothing,
    only_the_chosen_fields_are_sent_and_the_others_are_counted_as_filtered,
    fields_and_every_go_together,
    latest_and_every_agree_on_the_record,
);

async fn every_means_every_tick_one_by_one() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).every()).await;
    // More than a frame holds, less than the ring.
    server.publish(&bids("A", 1..=1_000)).await;
    client.until_seq("A", 1_000).await;
    let history = &client.store.get("A").history;
    let bids: Vec<_> = history.iter().map(|message| message.raw("bid").unwrap_or("").to_owned()).collect();
    assert_eq!(bids, (1..=1_000).map(|number: u64| number.to_string()).collect::<Vec<_>>());
    assert!(history.iter().all(|message| message.n() == 1), "no tick stands for another");
    assert!(client.store.gaps.is_empty());
    server.settled().await;
}

async fn once_gives_the_record_and_ends() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"]).once()).await;
    assert_eq!(client.expect_snapshot("A").await.raw("bid"), Some("1"));
    server.publish(&[bids("A", [2]), bids("B", [1])].concat()).await;
    client.subscribe_as("ok", Subscription::to(["B"])).await;
    client.until_seq("B", 1).await;
    client.ping().await;
    assert_eq!(client.store.get("A").history.len(), 1, "once is once");
    assert_eq!(server.settled().await.sum("tickcast_subscriptions"), 1);
}

async fn an_interval_holds_back_what_is_not_due_and_then_gives_the_trailing_value() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["HELD"]).interval_ms(60_000)).await;
    client.subscribe_as("pending", Subscription::to(["FREE"])).await;
    server.publish(&bids("HELD", [1])).await;
    client.until_seq("HELD", 1).await;
    server.publish(&[bids("HELD", 2..=10), bids("FREE", [1])].concat()).await;
    client.until_seq("FREE", 1).await;
    client.ping().await;
    assert_eq!(client.store.cursor("HELD"), Some(1), "nine ticks are not due");
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum("tickcast_updates_pending"), 9);
    metrics.check_conservation();

    let answer = client.command(json!({"op": "set", "symbols": ["HELD"], "interval_ms": 0})).await;
    assert!(answer.is("set"), "{answer:?}");
    client.until_seq("HELD", 10).await;
    let last = client.store.get("HELD").history.last().expect("an update").clone();
    assert_eq!((last.n(), last.raw("bid")), (9, Some("10")));
    server.settled().await;
}

async fn set_changes_a_subscription_live_and_loses_nothing() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"])).await;
    server.publish(&bids("A", 1..=10)).await;
    client.until_seq("A", 10).await;
    let answer = client.command(json!({"op": "set", "symbols": ["A", "B"], "mode": "every"})).await;
    let results = answer.results();
    assert_eq!(results[0].1, "ok");
    assert!(results[1].1.starts_with("error"), "B is not subscribed: {results:?}");
    let before = client.store.get("A").history.len();
    server.publish(&bids("A", 11..=60)).await;
    client.until_seq("A", 60).await;
    assert_eq!(
        client.store.get("A").history.len() - before,
        50,
        "from the acknowledgement on every tick comes"
    );

    client.command(json!({"op": "set", "symbols": ["A"], "fields": ["ask"]})).await;
    server.publish(&[line("A", &[("bid", "61")]), line("A", &[("ask", "62")])]).await;
    client.until_seq("A", 62).await;
    let last = client.store.get("A").history.last().expect("an update");
    assert_eq!((last.raw("ask"), last.has("bid")), (Some("62"), false), "{last:?}");
    server.settled().await;
}

async fn only_the_chosen_fields_are_sent_and_the_others_are_counted_as_filtered() {
    let server = Server::start().await;
    server.publish(&[line("A", &[("bid", "1"), ("ask", "2")])]).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"]).fields(&["ask", "volume"])).await;
    let snapshot = client.expect_snapshot("A").await;
    assert_eq!((snapshot.raw("ask"), snapshot.has("bid")), (Some("2"), false), "{snapshot:?}");
    let mut lines = bids("A", 3..=12);
    lines.push(line("A", &[("ask", "13"), ("bid", "13")]));
    server.publish(&lines).await;
    client.until_seq("A", 12).await;
    let held = client.store.get("A");
    assert!(held.history.iter().all(|message| !message.has("bid")), "{:?}", held.history);
    assert_eq!(held.record["ask"], "13");
    // However the ticks were merged, ten of the eleven touched nothing that this client asked for.
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_updates_offered_total"), 11);
    assert!(metrics.sum("tickcast_updates_filtered_total") > 0, "{}", metrics.accounts());
}

async fn fields_and_every_go_together() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).every().fields(&["last"])).await;
    for number in 1..=30 {
        let name = if number % 3 == 0 { "last" } else { "bid" };
        server.publish(&[line("A", &[(name, &number.to_string())])]).await;
    }
    client.until_seq("A", 30).await;
    let lasts: Vec<_> =
        client.store.get("A").history.iter().filter_map(|message| message.raw("last")).collect();
    assert_eq!(lasts, ["3", "6", "9", "12", "15", "18", "21", "24", "27", "30"]);
    server.settled().await;
}

async fn latest_and_every_agree_on_the_record() {
    let server = Server::start().await;
    let mut market = Market::new(3, "M", 10);
    let (mut latest, mut every) = (Client::open(&server).await, Client::open(&server).await);
    latest.subscribe_as("pending", Subscription::to(market.symbols()).interval_ms(50)).await;
    every.subscribe_as("pending", Subscription::to(market.symbols()).every()).await;
    server.publish(&market.open()).await;
    for _ in 0..20 {
        server.publish(&market.ticks(200)).await;
        every.ping().await;
    }
    for symbol in market.symbols() {
        let seq = market.get(&symbol).seq;
        latest.until_seq(&symbol, seq).await;
        every.until_seq(&symbol, seq).await;
    }
    market.check(&latest.store);
    market.check(&every.store);
    assert!(every.store.gaps.is_empty());
    let single = |message: &Message| message.n() == 1;
    assert!(every.store.symbols().all(|(_, held)| held.history.iter().all(single)));
    server.settled().await;
}
