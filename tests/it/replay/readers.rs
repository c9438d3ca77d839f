//! Speed `max`: as fast as the readers take it, and nothing is lost.

use std::pin::pin;

use serde_json::json;

use super::{recording, state, step, tell};
use crate::harness::{Client, Server, Subscription, eventually};

/// A server whose rings are so short that a reader loses ticks if the replay does not wait for it.
async fn server(name: &str, options: &str, progress_ms: u64) -> Server {
    let path = recording(name, 40_000, 10);
    let source = format!("replay:{}?{options}", path.display());
    let server = Server::with().limit("ring_ticks", 32).feed(&source);
    server.limit("progress_ms", progress_ms).limit("ping_ms", 600_000).start().await
}

#[tokio::test]
async fn the_replay_waits_for_the_slowest_reader_in_mode_every() {
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
async fn at_any_other_speed_the_replay_waits_for_no_reader() {
    let server = server("others.ndjson", "speed=1000000&start=clients:1", 600_000).await;
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(["A", "B"]).every()).await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    assert_eq!(stalled.closed().await, Some(1000));
    assert!(!stalled.store.gaps.is_empty(), "what it did not take is announced as lost");
}

#[tokio::test]
async fn a_reader_that_takes_no_byte_holds_the_replay_no_longer_than_its_session() {
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

/// A replay that is stepped, with rings so short that a step of thousands overruns a reader that it does not wait for.
async fn stepped(name: &str) -> Server {
    let path = recording(name, 40_000, 10);
    let source = format!("replay:{}?start=paused", path.display());
    let server = Server::with().limit("ring_ticks", 32).feed(&source);
    server.limit("progress_ms", 600_000).limit("ping_ms", 600_000).start().await
}

#[tokio::test]
async fn a_step_waits_for_readers_in_mode_every() {
    let server = stepped("stepped.ndjson").await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(["A", "B"]).every()).await;
    let stepping = step(&server, 20_000);
    let reading = async {
        eventually("a step that waits", async || state(&server).await["waiting_for_readers"] == json!(true))
            .await;
        client.until_seq("A", 10_000).await;
        client.until_seq("B", 10_000).await;
    };
    let (stepped, ()) = tokio::join!(stepping, reading);
    assert_eq!((&stepped["position"], &stepped["paused"]), (&json!(20_000), &json!(true)), "{stepped}");
    assert!(client.store.gaps.is_empty(), "{:?}", client.store.gaps);
    assert_eq!((client.store.get("A").updates, client.store.get("B").updates), (10_000, 10_000));
    assert_eq!(state(&server).await["waiting_for_readers"], json!(false));
    server.settled().await;
}

#[tokio::test]
async fn a_seek_waits_until_readers_have_what_was_played() {
    let server = stepped("sought.ndjson").await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(["A", "B"]).every()).await;
    for op in [json!({"op": "restart"}), json!({"op": "seek", "to": super::FIRST})] {
        let mut stepping = pin!(step(&server, 40_000));
        let mut going = pin!(async {
            eventually("a step that waits", async || {
                state(&server).await["waiting_for_readers"] == json!(true)
            })
            .await;
            tell(&server, op.clone()).await
        });
        // Nothing is read until the steps are cut: they cannot come to their end before.
        let cut = tokio::select! {
            biased;
            cut = &mut stepping => cut,
            gone = &mut going => panic!("it went before its readers had what was played: {gone}"),
        };
        // It is answered while the client reads, and cannot be before.
        let gone = loop {
            tokio::select! {
                biased;
                gone = &mut going => break gone,
                _ = client.next() => {}
            }
        };
        assert_ne!(cut["position"], json!(40_000), "the steps ended where the command cut them: {cut}");
        assert_eq!(gone["position"], json!(0), "{gone}");
        let metrics = server.metrics().await;
        assert_eq!(
            metrics.sum("tickcast_updates_pending"),
            0,
            "everything was sent before it went elsewhere"
        );
    }
    assert!(client.store.gaps.is_empty(), "{:?}", client.store.gaps);
}

#[tokio::test]
async fn a_sync_is_answered_when_every_reader_was_sent_what_it_is_due() {
    let server = stepped("sync.ndjson").await;
    let nobody = tell(&server, json!({"op": "sync"})).await;
    assert_eq!(nobody["position"], json!(0), "with nobody there it is answered at once: {nobody}");
    let mut every = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    let mut latest = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    every.subscribe(Subscription::to(["A", "B"]).every()).await;
    latest.subscribe(Subscription::to(["*"])).await;
    let every = tokio::spawn(async move {
        every.until_seq("A", 10_250).await;
        (every.store.get("A").updates, every.store.gaps.len())
    });
    let latest = tokio::spawn(async move { latest.until_seq("A", 10_250).await });
    for round in 1..=20 {
        let state = if round % 2 == 0 {
            tell(&server, json!({"op": "step", "n": 1_000, "wait": true})).await
        } else {
            step(&server, 1_000).await;
            tell(&server, json!({"op": "sync"})).await
        };
        assert_eq!(state["position"], json!(1_000 * round), "{state}");
        assert_eq!(server.metrics().await.sum("tickcast_updates_pending"), 0, "round {round}");
    }
    // Steps behind which a sync was asked are made before it is answered.
    let (stepped, synced) = tokio::join!(step(&server, 500), tell(&server, json!({"op": "sync"})));
    assert!(synced["position"] == stepped["position"] || synced["position"] == json!(20_000), "{synced}");
    assert_eq!(every.await.expect("a client"), (10_250, 0));
    latest.await.expect("a client");
}

#[tokio::test]
async fn what_an_interval_holds_back_is_not_waited_for() {
    let server = stepped("held.ndjson").await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).interval_ms(60_000)).await;
    for position in [20, 40, 60] {
        let state = tell(&server, json!({"op": "step", "n": 20, "wait": true})).await;
        assert_eq!(state["position"], json!(position), "{state}");
    }
    assert!(server.metrics().await.sum("tickcast_updates_pending") >= 20, "it is held back all the same");
}
