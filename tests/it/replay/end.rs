//! The end of a market, and the market's own time.

use serde_json::json;

use super::{FIRST, recording, state, step, tell};
use crate::harness::{Client, Server, Sse, Subscription, bids, eventually, program};

#[tokio::test]
async fn every_session_is_sent_the_end_and_closed_with_1000() {
    let path = recording("end.ndjson", 30, 1_000);
    let server = Server::with().feed(&format!("replay:{}?start=clients:2", path.display())).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "B"]).interval_ms(60_000)).await;
    let mut idle = Client::open(&server).await;
    let mut events = Sse::open(&server, "symbols=A&mode=every", &["A"]).await;
    client.until_kind("end").await;
    assert_eq!(client.store.cursor("A"), Some(15), "what an interval held back is sent before the end");
    assert_eq!(client.closed().await, Some(1000));
    idle.until_kind("end").await;
    assert_eq!(idle.closed().await, Some(1000));
    events.until("the end", |message| message.is("end")).await;
    assert!(events.next_or_end().await.is_none());
    // Who comes later is sent how it ended, and then the same.
    let mut late = Client::open(&server).await;
    late.subscribe(Subscription::to(["A"])).await;
    assert_eq!(late.expect_snapshot("A").await.seq("seq"), 15);
    late.until_kind("end").await;
    assert_eq!(late.closed().await, Some(1000));
}

#[tokio::test]
async fn a_replay_that_is_over_begins_again() {
    let path = recording("again.ndjson", 30, 1_000);
    let server = Server::with().feed(&format!("replay:{}?speed=max", path.display())).start().await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    let states =
        |server: Vec<(String, u64, String)>| server.into_iter().map(|(.., state)| state).collect::<Vec<_>>();
    assert_eq!(states(server.symbols().await), ["closed", "closed"]);
    tell(&server, json!({"op": "pause"})).await;
    tell(&server, json!({"op": "restart"})).await;
    assert_eq!(states(server.symbols().await), ["live", "live"]);
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    client.expect_snapshot("A").await;
    step(&server, 5).await;
    client.until_seq("A", 18).await;
    step(&server, 25).await;
    client.until_kind("end").await;
    assert_eq!(client.closed().await, Some(1000));
}

#[tokio::test]
async fn a_market_with_other_feeds_has_no_end() {
    let path = recording("others-go-on.ndjson", 10, 1_000);
    let source = format!("replay:{}?speed=max", path.display());
    let server = Server::with().feed(&source).feed("push").start().await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "P"])).await;
    server.publish(&bids("P", [1, 2])).await;
    client.until_seq("P", 2).await;
    client.ping().await;
}

#[tokio::test]
async fn intervals_follow_the_market() {
    let path = recording("intervals.ndjson", 40, 1_000_000);
    let source = format!("replay:{}?start=paused&clock=replay", path.display());
    let server = Server::with().feed(&source).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).interval_ms(5_000)).await;
    step(&server, 1).await;
    let first = client.data_of("A").await;
    assert_eq!((first.seq("seq"), first.int("rx")), (1, FIRST), "dated as it was received");
    // A has ticks at 2 s and 4 s: both are held.
    step(&server, 4).await;
    client.ping().await;
    assert_eq!(client.store.cursor("A"), Some(1));
    // B's tick of 5 s ends the interval. One step, so that no later tick can come with it.
    step(&server, 1).await;
    let merged = client.data_of("A").await;
    assert_eq!((merged.seq("seq"), merged.n(), merged.int("rx")), (3, 2, FIRST + 4_000_000));
}

#[tokio::test]
async fn heartbeats_and_staleness_follow_the_market() {
    let path = recording("heartbeats.ndjson", 40, 1_000_000);
    let source = format!("replay:{}?start=paused&clock=replay", path.display());
    let server =
        Server::with().feed(&source).limit("heartbeat_ms", 3_000).limit("stale_ms", 9_000).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    step(&server, 1).await;
    client.until_seq("A", 1).await;
    // Four seconds pass at the market, in one step, without a word of A.
    tell(&server, json!({"op": "seek", "to": FIRST + 5_000_000})).await;
    step(&server, 1).await;
    assert_eq!(client.until_kind("heartbeat").await.int("ts"), FIRST + 5_000_000);
    tell(&server, json!({"op": "seek", "to": FIRST + 11_000_000})).await;
    step(&server, 1).await;
    let status = client.until_kind("status").await;
    assert_eq!((status.str("symbol"), status.str("state")), ("A".to_owned(), "stale".to_owned()));
    // Behind a seek backwards the market's time goes on rising, which the harness checks.
    tell(&server, json!({"op": "restart"})).await;
    step(&server, 3).await;
    client.until_seq("A", 3).await;
    assert!(client.store.get("A").history.last().expect("a record").int("rx") > FIRST + 11_000_000);
}

#[tokio::test]
async fn two_clocks_at_once_are_refused() {
    let path = recording("clocks.ndjson", 5, 1_000);
    let source = format!("replay:{}?clock=replay", path.display());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tickcast"));
    let output = program::output(command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--feed",
        &source,
        "--feed",
        "sim",
    ]));
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("clock=replay") && told.contains("only feed"), "{told}");
}
