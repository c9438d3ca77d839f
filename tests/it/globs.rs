//! Globs: what exists, what is listed later, and how they end.

use serde_json::json;

use crate::harness::{Client, Server, Subscription, bids};

#[tokio::test]
async fn a_glob_matches_existing_and_new_symbols() {
    let server = Server::start().await;
    server.publish(&[bids("BTC-USD", [1]), bids("BTC-EUR", [2]), bids("ETH-USD", [3])].concat()).await;
    let mut client = Client::open(&server).await;
    let results = client.subscribe(Subscription::to(["BTC-*"])).await;
    assert_eq!(results, [("BTC-*".to_owned(), "ok".to_owned())], "one result for the glob");
    client.until_seq("BTC-USD", 1).await;
    client.until_seq("BTC-EUR", 1).await;
    // Law 7 is held by the store: ETH-USD must not come.
    server.publish(&[bids("BTC-GBP", [4]), bids("ETH-EUR", [5]), bids("BTC-USD", [6])].concat()).await;
    client.until_seq("BTC-GBP", 1).await;
    client.until_seq("BTC-USD", 2).await;
    assert_eq!(client.store.get("BTC-GBP").record["bid"], "4");
    server.settled().await;
}

#[tokio::test]
async fn a_glob_that_matches_nothing_yet_is_pending() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["*-USD"])).await;
    server.publish(&[bids("X-USD", [1]), bids("X-EUR", [1])].concat()).await;
    client.until_seq("X-USD", 1).await;
}

#[tokio::test]
async fn a_glob_in_mode_every_misses_no_tick_of_a_new_symbol() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["N*"]).every()).await;
    let lines: Vec<_> = (0..20).flat_map(|index| bids(&format!("N{index}"), 1..=40)).collect();
    server.publish(&lines).await;
    for index in 0..20 {
        client.until_seq(&format!("N{index}"), 40).await;
    }
    for (symbol, held) in client.store.symbols() {
        let seqs: Vec<_> = held.history.iter().map(|message| message.seq("seq")).collect();
        assert_eq!(seqs, (1..=40).collect::<Vec<_>>(), "{symbol}");
    }
    server.settled().await;
}

#[tokio::test]
async fn stars_stand_anywhere_and_nothing_else_is_special() {
    let server = Server::start().await;
    let symbols = ["A.B", "AxB", "A.B.C", "Q^A", "a.b"];
    server.publish(&symbols.iter().flat_map(|symbol| bids(symbol, [1])).collect::<Vec<_>>()).await;
    for (glob, expected) in [
        ("A.*", &["A.B", "A.B.C"][..]),
        ("*.B", &["A.B"]),
        ("*^*", &["Q^A"]),
        ("A*B*", &["A.B", "A.B.C", "AxB"]),
    ] {
        let mut client = Client::open(&server).await;
        client.subscribe_as("ok", Subscription::to([glob])).await;
        for symbol in expected {
            client.until_seq(symbol, 1).await;
        }
        client.ping().await;
        let held: Vec<_> = client.store.symbols().map(|(symbol, _)| symbol).collect();
        assert_eq!(held, expected, "{glob}");
    }
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["*"])).await;
    for symbol in symbols {
        client.until_seq(symbol, 1).await;
    }
}

#[tokio::test]
async fn a_glob_ends_with_all_that_it_caught() {
    let server = Server::start().await;
    server.publish(&[bids("G1", [1]), bids("OTHER", [1])].concat()).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["G*"])).await;
    client.subscribe_as("ok", Subscription::to(["OTHER"])).await;
    client.until_seq("G1", 1).await;
    assert_eq!(client.unsubscribe(&["G*"]).await, [("G*".to_owned(), "ok".to_owned())]);
    server.publish(&[bids("G1", [2]), bids("G2", [1]), bids("OTHER", [2])].concat()).await;
    client.until_seq("OTHER", 2).await;
    client.ping().await;
    assert_eq!(server.settled().await.sum("tickcast_subscriptions"), 1);
}

#[tokio::test]
async fn a_symbol_named_and_globbed_comes_once() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["AA", "A*", "*A"])).await;
    for number in 1..=10 {
        server.publish(&bids("AA", [number])).await;
        // A second update for the same tick would break law 4 in the store.
        client.until_seq("AA", number).await;
    }
    client.ping().await;
    let list = client.command(json!({"op": "list"})).await;
    assert!(format!("{list:?}").contains("A*"), "{list:?}");
    server.settled().await;
}
