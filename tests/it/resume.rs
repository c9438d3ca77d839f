//! Coming back after a disconnect: from the ring exactly, beyond it with a gap, never partial and silent.

use crate::harness::{Client, Market, Server, Subscription, bids, each_encoding, line};

each_encoding!(
    within_the_ring_every_goes_on_with_the_next_tick,
    within_the_ring_latest_gets_one_update_for_all_that_it_missed,
    latest_names_what_has_changed_since_and_nothing_else,
    latest_knows_what_has_changed_for_32768_ticks_and_then_names_every_field,
    at_the_head_there_is_nothing_to_make_up_for,
    beyond_the_ring_a_gap_is_announced_and_a_snapshot_follows,
    beyond_the_ring_latest_still_holds_the_whole_record,
    the_edge_of_the_ring_is_exact,
    another_epoch_is_a_gap_and_never_silent,
    a_cursor_from_the_future_is_not_believed,
    some_may_resume_and_others_begin_in_one_command,
    a_reconnecting_client_loses_nothing_while_the_feed_runs,
);

async fn within_the_ring_every_goes_on_with_the_next_tick() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=100)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe(Subscription::to(["A"]).every()).await;
    client.until_seq("A", 100).await;
    drop(client);
    server.publish(&bids("A", 101..=1_000)).await;

    let mut client = Client::open(&server).await;
    client.subscribe_as("resumed", Subscription::to(["A"]).every().resume(&epoch, &[("A", 100)])).await;
    client.until_seq("A", 1_000).await;
    let history = &client.store.get("A").history;
    let bids: Vec<_> = history.iter().map(|message| message.raw("bid").unwrap_or("").to_owned()).collect();
    assert_eq!(bids, (101..=1_000_u64).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(client.store.gaps.is_empty());
    server.settled().await;
}

async fn within_the_ring_latest_gets_one_update_for_all_that_it_missed() {
    let server = Server::start().await;
    let mut market = Market::new(21, "R", 3);
    server.publish(&market.open()).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("ok", Subscription::to(market.symbols())).await;
    for symbol in market.symbols() {
        client.until_seq(&symbol, 1).await;
    }
    drop(client);
    server.publish(&market.ticks(600)).await;
    let mut client = Client::open(&server).await;
    let last = [("R0", 1), ("R1", 1), ("R2", 1)];
    client.subscribe_as("resumed", Subscription::to(market.symbols()).resume(&epoch, &last)).await;
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    // So many ticks have changed every field: the record is whole without a snapshot.
    market.check(&client.store);
    assert!(client.store.symbols().all(|(_, held)| held.snapshots == 0));
    server.settled().await;
}

/// The fields that the last message of a symbol sets, and those that it withdraws.
fn named<'a>(client: &'a Client, symbol: &str) -> (Vec<String>, Vec<&'a str>) {
    let message = client.store.get(symbol).history.last().expect("a message");
    (message.record().into_keys().collect(), message.withdrawn().into_iter().collect())
}

async fn latest_names_what_has_changed_since_and_nothing_else() {
    let server = Server::start().await;
    server
        .publish(&[
            line("A", &[("bid", "1"), ("bid_size", "1"), ("ask", "2"), ("ask_size", "1")]),
            line("A", &[("last", "2"), ("last_size", "1")]),
            // The same value, and a trade that moves two of the totals.
            line("A", &[("bid", "1")]),
            r#"{"symbol":"A","ask":null}"#.to_owned(),
            line("A", &[("last", "2"), ("last_size", "1")]),
        ])
        .await;
    let mut client = Client::open(&server).await;
    let resumed = Subscription::to(["A"]).resume(&client.epoch(), &[("A", 2)]);
    client.subscribe_as("resumed", resumed.clone()).await;
    client.until_seq("A", 5).await;
    let set = ["bid", "last", "last_size", "trades", "volume"].map(str::to_owned).to_vec();
    assert_eq!(named(&client, "A"), (set, vec!["ask"]));
    // None of the chosen fields: what was missed is counted all the same.
    client.subscribe_as("resumed", resumed.fields(&["ask_size", "open"])).await;
    client.until_seq("A", 5).await;
    assert_eq!((named(&client, "A"), client.store.get("A").history[1].n()), ((Vec::new(), Vec::new()), 3));
    // Without a snapshot, what came before is not sent.
    client.subscribe_as("ok", Subscription::to(["A"]).without_snapshot()).await;
    server.publish(&[line("A", &[("bid", "3")]), line("A", &[("ask_size", "4")])]).await;
    client.until_seq("A", 7).await;
    assert!(client.store.get("A").record.keys().eq(["ask_size", "bid"]));
    server.settled().await;
}

async fn latest_knows_what_has_changed_for_32768_ticks_and_then_names_every_field() {
    let server = Server::start().await;
    server.publish(&[line("A", &[("ask", "2")]), r#"{"symbol":"A","low":null}"#.to_owned()]).await;
    server.publish(&bids("A", 3..=40_000)).await;
    for (last, set, withdrawn) in [
        (40_000 - 32_768, &["bid"][..], &[][..]),
        (40_000 - 32_769, &["ask", "bid"], &["low"]),
        (1, &["ask", "bid"], &["low"]),
    ] {
        let mut client = Client::open(&server).await;
        let subscription = Subscription::to(["A"]).resume(&client.epoch(), &[("A", last)]);
        client.subscribe_as("resumed", subscription).await;
        client.until_seq("A", 40_000).await;
        let set = set.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(named(&client, "A"), (set, withdrawn.to_vec()), "from {last} on");
    }
    server.settled().await;
}

async fn at_the_head_there_is_nothing_to_make_up_for() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=5)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("resumed", Subscription::to(["A"]).every().resume(&epoch, &[("A", 5)])).await;
    client.ping().await;
    server.publish(&bids("A", [6])).await;
    client.until_seq("A", 6).await;
    assert_eq!(client.store.get("A").history.len(), 1);
}

async fn beyond_the_ring_a_gap_is_announced_and_a_snapshot_follows() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=3_000)).await;
    let mut client = Client::open(&server).await;
    let subscription = Subscription::to(["A"]).every().resume(&client.epoch(), &[("A", 10)]);
    client.subscribe_as("gap", subscription).await;
    let gap = client.until_kind("gap").await;
    assert_eq!(gap.seq("from"), 11, "{gap:?}");
    client.until_seq("A", 3_000).await;
    let held = client.store.get("A");
    assert_eq!((held.record["bid"].as_str(), held.snapshots), ("3000", 1));
    server.settled().await;
}

async fn beyond_the_ring_latest_still_holds_the_whole_record() {
    let server = Server::start().await;
    let mut market = Market::new(22, "B", 1);
    server.publish(&market.ticks(3_000)).await;
    let mut client = Client::open(&server).await;
    // One update merges 2,990 ticks, which have changed every field: the ring is not needed for that.
    let results = client.subscribe(Subscription::to(["B0"]).resume(&client.epoch(), &[("B0", 10)])).await;
    assert_eq!(results, [("B0".to_owned(), "resumed".to_owned())]);
    client.until_seq("B0", 3_000).await;
    market.check(&client.store);
    server.settled().await;
}

async fn the_edge_of_the_ring_is_exact() {
    let server = Server::with().limit("ring_ticks", 64).start().await;
    server.publish(&bids("A", 1..=200)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    // 137 to 200 are 64 ticks: a client at 136 misses nothing, a client at 135 does.
    client.subscribe_as("resumed", Subscription::to(["A"]).every().resume(&epoch, &[("A", 136)])).await;
    client.until_seq("A", 200).await;
    assert_eq!(client.store.get("A").history.len(), 64);
    let mut client = Client::open(&server).await;
    client.subscribe_as("gap", Subscription::to(["A"]).every().resume(&epoch, &[("A", 135)])).await;
    client.until_seq("A", 200).await;
    assert_eq!(client.store.gaps[0].seq("from"), 136);
}

async fn another_epoch_is_a_gap_and_never_silent() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=50)).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("gap", Subscription::to(["A"]).every().resume("another-epoch", &[("A", 20)])).await;
    client.until_kind("gap").await;
    client.until_seq("A", 50).await;
    assert_eq!(client.store.get("A").snapshots, 1, "what the client holds is replaced as a whole");
    assert_eq!(client.store.get("A").record["bid"], "50");
}

async fn a_cursor_from_the_future_is_not_believed() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=5)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    for last in [6, 1_000_000, u64::MAX >> 1] {
        let results = client.subscribe(Subscription::to(["A"]).every().resume(&epoch, &[("A", last)])).await;
        assert_ne!(results[0].1, "resumed", "the topic stands at 5, nobody holds {last}");
        if results[0].1 != "gap" {
            assert!(results[0].1.starts_with("error"), "{results:?}");
            continue;
        }
        client.until_seq("A", 5).await;
        assert_eq!(client.store.get("A").record["bid"], "5");
        client.unsubscribe(&["A"]).await;
    }
    server.settled().await;
}

async fn some_may_resume_and_others_begin_in_one_command() {
    let server = Server::start().await;
    server.publish(&[bids("OLD", 1..=10), bids("NEW", 1..=10)].concat()).await;
    let mut client = Client::open(&server).await;
    let subscription =
        Subscription::to(["OLD", "NEW", "UNBORN"]).every().resume(&client.epoch(), &[("OLD", 4)]);
    let results = client.subscribe(subscription).await;
    let statuses: Vec<_> = results.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!(statuses, ["resumed", "ok", "pending"]);
    client.until_seq("OLD", 10).await;
    client.until_seq("NEW", 10).await;
    assert_eq!(client.store.get("OLD").history.len(), 6);
    assert_eq!(client.store.get("NEW").snapshots, 1);
}

async fn a_reconnecting_client_loses_nothing_while_the_feed_runs() {
    let server = Server::start().await;
    let mut market = Market::new(13, "RUN", 8);
    server.publish(&market.open()).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe(Subscription::to(market.symbols()).every()).await;
    let symbols = market.symbols();
    for _ in 0..10 {
        let head = market.get(&symbols[0]).seq;
        server.publish(&market.ticks(500)).await;
        // Some of what there is has been read when the connection breaks.
        client.until_seq(&symbols[0], head).await;
        let mut next = Client::open(&server).await;
        next.store.hold(client.store.records());
        let cursors: Vec<_> =
            client.store.symbols().filter_map(|(symbol, held)| Some((symbol, held.cursor?))).collect();
        let results = next.subscribe(Subscription::to(&symbols).every().resume(&epoch, &cursors)).await;
        assert!(results.iter().all(|(_, status)| status == "resumed" || status == "ok"), "{results:?}");
        client = next;
    }
    for symbol in &symbols {
        client.until_seq(symbol, market.get(symbol).seq).await;
    }
    market.check(&client.store);
    assert!(client.store.gaps.is_empty());
    server.settled().await;
}
