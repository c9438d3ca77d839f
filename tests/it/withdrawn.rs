//! Withdrawn values: `null` in a tick takes a field out of the record, for every reader and in every mode.

use serde_json::json;

use crate::harness::{Client, Server, Sse, Subscription, each_encoding};

each_encoding!(
    an_update_says_null_and_a_snapshot_leaves_the_field_out,
    a_view_is_told_of_its_own_fields_alone,
    what_was_withdrawn_while_a_client_was_away_is_told_when_it_comes_back,
    nulls_alone_are_a_tick_also_of_what_was_never_there,
);

fn lines<const N: usize>(fields: [&str; N]) -> [String; N] {
    fields.map(|fields| format!("{{\"symbol\":\"OPT\",{fields}}}"))
}

async fn an_update_says_null_and_a_snapshot_leaves_the_field_out() {
    let server = Server::start().await;
    let mut first = Client::open(&server).await;
    first.subscribe_as("pending", Subscription::to(["OPT"]).every()).await;
    server
        .publish(&lines([
            r#""bid":1,"bid_size":5,"ask":2,"last":1.5,"last_size":3"#,
            r#""bid":null,"bid_size":null"#,
            r#""high":null"#,
            r#""side":null"#,
        ]))
        .await;
    first.until_seq("OPT", 4).await;
    let held = first.store.get("OPT");
    let told: Vec<Vec<_>> =
        held.history.iter().map(|message| message.withdrawn().into_iter().collect()).collect();
    assert_eq!(told, [vec![], vec!["bid", "bid_size"], vec!["high"], vec!["side"]], "each tick as it was");
    assert_eq!(held.record.get("volume").map(String::as_str), Some("3"), "totals stay");

    let mut second = Client::open(&server).await;
    second.subscribe_as("ok", Subscription::to(["OPT"])).await;
    let snapshot = second.expect_snapshot("OPT").await;
    assert!(["bid", "bid_size", "high", "side"].iter().all(|name| !snapshot.has(name)), "{snapshot:?}");
    assert_eq!(&second.store.get("OPT").record, &first.store.get("OPT").record);
    let rest = server.get("/v1/snapshot?symbols=OPT").await;
    assert!(rest.body.contains(r#""ask":2"#) && !rest.body.contains("null"), "{}", rest.body);
    let mut sse = Sse::open(&server, "symbols=OPT", &["OPT"]).await;
    sse.until_seq("OPT", 4).await;
    assert_eq!(&sse.store.get("OPT").record, &first.store.get("OPT").record);

    // A value ends the withdrawal. Fields that are still withdrawn are in every merged update.
    let batch = lines([r#""bid":1.1"#, r#""ask":2.1"#, r#""ask":null"#]);
    server.publish(&batch).await;
    for client in [&mut first, &mut second] {
        client.until_seq("OPT", 7).await;
        let record = &client.store.get("OPT").record;
        assert_eq!(record.get("bid").map(String::as_str), Some("1.1"));
        assert!(
            ["ask", "bid_size", "high", "side"].iter().all(|name| !record.contains_key(*name)),
            "{record:?}"
        );
    }
    sse.until_seq("OPT", 7).await;
    assert_eq!(&sse.store.get("OPT").record, &first.store.get("OPT").record);
    server.settled().await;
}

async fn a_view_is_told_of_its_own_fields_alone() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["OPT"]).fields(&["bid"])).await;
    server.publish(&lines([r#""bid":1,"ask":2"#])).await;
    client.until_seq("OPT", 1).await;
    server.publish(&lines([r#""ask":null"#])).await;
    client.ping().await;
    assert_eq!(client.store.cursor("OPT"), Some(1), "no wanted field has changed");
    server.publish(&lines([r#""bid":null"#])).await;
    let update = client.data_of("OPT").await;
    assert_eq!((update.seq("seq"), update.n(), update.raw("bid")), (3, 2, Some("null")));
    assert!(!update.has("ask"), "{update:?}");
    assert!(client.store.get("OPT").record.is_empty());
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_updates_filtered_total"), 1);
}

async fn what_was_withdrawn_while_a_client_was_away_is_told_when_it_comes_back() {
    let server = Server::start().await;
    server.publish(&lines([r#""bid":1,"ask":2,"last":3"#])).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("ok", Subscription::to(["OPT"])).await;
    client.until_seq("OPT", 1).await;
    let records = client.store.records();
    drop(client);
    server.publish(&lines([r#""bid":null"#, r#""last":null"#, r#""last":4"#])).await;
    for every in [false, true] {
        let mut client = Client::open(&server).await;
        client.store.hold(records.clone());
        let subscription = Subscription::to(["OPT"]).resume(&epoch, &[("OPT", 1)]);
        let subscription = if every { subscription.every() } else { subscription };
        client.subscribe_as("resumed", subscription).await;
        client.until_seq("OPT", 4).await;
        let held = client.store.get("OPT");
        assert_eq!(json!(held.record), json!({"ask": "2", "last": "4"}), "every: {every}");
        assert_eq!(held.updates, if every { 3 } else { 1 });
    }
    server.settled().await;
}

async fn nulls_alone_are_a_tick_also_of_what_was_never_there() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["OPT"]).every()).await;
    server.publish(&lines([r#""bid":null"#, r#""bid":null"#, r#""volume":null"#])).await;
    client.until_seq("OPT", 3).await;
    assert_eq!(server.symbols().await[0].1, 3);
    let mut other = Client::open(&server).await;
    other.subscribe_as("ok", Subscription::to(["OPT"])).await;
    let snapshot = other.expect_snapshot("OPT").await;
    assert!(snapshot.record().is_empty(), "{snapshot:?}");
}
