//! Speed `max`: as fast as the readers take it, and nothing is lost.

use serde_json::json;

use super::{recording, state};
use crate::harness::{Client, Server, Subscription, eventually};

/// A server whose rings are so short that whoever is not waited for loses something.
async fn server(name: &str, options: &str, progress_ms: u64) -> Server {
    let path = recording(name, 40_000, 10);
    let source = format!("replay:{}?{options}", path.display());
    let server = Server::with().limit("ring_ticks", 32).feed(&source);
    server.limit("progress_ms", progress_ms).limit("ping_ms", 600_000).start().await
}

#[tokio::test]
async fn the_replay_waits_for_the_slowest_who_must_miss_nothing() {
    let server = server("slowest.ndjson", "speed=max&start=clients:3", 600_000).await;
    let mut slow = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    let mut fast = Client::open(&server).await;
    let mut latest = Client::open(&server).await;
    slow.subscribe(Subscription::to(["A", "B"]).every()).await;
    fast.subscribe(Subscription::to(["*"]).every()).await;
    latest.subscribe(Subscription::to(["A", "B"])).await;
    let latest = tokio::spawn(async move { latest.closed().await });
    let fast =
        tokio::spawn(async move { (fast.closed().await, fast.store.cursor("A"), fast.store.gaps.len()) });
    eventually("a replay that waits", async || state(&server).await["waiting_for_readers"] == json!(true))
        .await;
    assert_eq!(state(&server).await["ended"], json!(false), "somebody has not read yet");
    assert_eq!(slow.closed().await, Some(1000));
    assert!(slow.store.gaps.is_empty(), "{:?}", slow.store.gaps);
    for symbol in ["A", "B"] {
        assert_eq!(slow.store.get(symbol).ticks, 20_000, "each of them, one by one");
        assert_eq!(slow.store.get(symbol).updates, 20_000);
    }
    assert_eq!(fast.await.expect("a client"), (Some(1000), Some(20_000), 0));
    assert_eq!(latest.await.expect("a client"), Some(1000));
    server.settled().await;
}

#[tokio::test]
async fn at_any_other_speed_nobody_is_waited_for() {
    let server = server("others.ndjson", "speed=1000000&start=clients:1", 600_000).await;
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(["A", "B"]).every()).await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    assert_eq!(stalled.closed().await, Some(1000));
    assert!(!stalled.store.gaps.is_empty(), "what it did not take is announced as lost");
}

#[tokio::test]
async fn who_takes_no_byte_holds_it_no_longer_than_it_lives() {
    let server = server("stalled.ndjson", "speed=max&start=clients:1", 700).await;
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(["A", "B"]).every()).await;
    eventually("the end, without it", async || state(&server).await["ended"] == json!(true)).await;
    let metrics = server.settled().await;
    assert_eq!(metrics.sum_where("tickcast_sessions_closed_total", "slow"), 1);
}

#[tokio::test]
async fn an_interval_that_the_market_waits_for_ends_early() {
    // A whole recording takes 0.4 s of the market's time: the interval alone would never let it go on.
    let server = server("interval.ndjson", "speed=max&clock=replay&start=clients:1", 600_000).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "B"]).every().interval_ms(60_000)).await;
    assert_eq!(client.closed().await, Some(1000));
    assert_eq!((client.store.get("A").updates, client.store.gaps.len()), (20_000, 0));
}
