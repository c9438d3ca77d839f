//! A price that is old never looks new: heartbeats, staleness, the end of a feed.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};

use crate::harness::{Client, Message, Server, Subscription, bids, eventually, line, now_micros};

fn state_of<'a>(symbol: &'a str, state: &'a str) -> impl Fn(&Message) -> bool + 'a {
    move |message| {
        message.is("status")
            && message.has("state")
            && message.str("symbol") == symbol
            && message.str("state") == state
    }
}

#[tokio::test]
async fn silence_is_filled_with_heartbeats_that_say_as_of_when_all_is_true() {
    let server = Server::with().limit("heartbeat_ms", 100).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    let mut last = 0;
    for _ in 0..5 {
        let beat = client.until_kind("heartbeat").await;
        let (ts, asof) = (beat.int("ts"), beat.int("asof"));
        assert!(asof > last && asof <= ts && ts <= now_micros(), "{beat:?}");
        assert_eq!((beat.int("dirty"), beat.int("oldest_ms")), (0, 0), "{beat:?}");
        last = asof;
    }
}

#[tokio::test]
async fn a_heartbeat_does_not_hide_what_is_held_back() {
    let server = Server::with().limit("heartbeat_ms", 200).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).interval_ms(60_000)).await;
    server.publish(&bids("A", [1])).await;
    client.until_seq("A", 1).await;
    server.publish(&bids("A", [2])).await;
    let taken = now_micros();
    let mut ages = Vec::new();
    for _ in 0..4 {
        let beat = client
            .until("a heartbeat while behind", |message| message.is("heartbeat") && message.int("dirty") > 0)
            .await;
        assert_eq!(beat.int("dirty"), 1, "{beat:?}");
        assert!(
            beat.int("asof") <= taken,
            "what is shown was true until the tick that is held back: {beat:?}"
        );
        ages.push(beat.int("oldest_ms"));
    }
    assert!(ages.windows(2).all(|pair| pair[0] < pair[1]), "and it grows older: {ages:?}");
}

#[tokio::test]
async fn a_symbol_without_ticks_turns_stale_and_live_again() {
    let server = Server::with().limit("stale_ms", 300).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    for round in 1..=3 {
        server.publish(&bids("A", [round])).await;
        client.until_seq("A", round).await;
        client.until("stale", state_of("A", "stale")).await;
        let metrics = server.metrics().await;
        assert_eq!(metrics.sum("tickcast_topics_stale"), 1);
        assert_eq!(server.symbols().await[0].2, "stale");
    }
    server.publish(&bids("A", [4])).await;
    client.until("live", state_of("A", "live")).await;
}

#[tokio::test]
async fn who_subscribes_to_a_stale_symbol_is_told_so() {
    let server = Server::with().limit("stale_ms", 300).start().await;
    server.publish(&bids("A", [1])).await;
    server.until_metrics("a stale topic", |metrics| metrics.sum("tickcast_topics_stale") == 1).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    client.until("stale", state_of("A", "stale")).await;
    client.until_seq("A", 1).await;
}

/// A client that keeps what it was told shows STALE on a live price for ever, unless it is told otherwise.
#[tokio::test]
async fn who_comes_back_is_told_the_state_whatever_it_is() {
    let server = Server::with().limit("stale_ms", 2_000).start().await;
    server.publish(&bids("A", [1])).await;
    server.until_metrics("a stale topic", |metrics| metrics.sum("tickcast_topics_stale") == 1).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    client.until("stale", state_of("A", "stale")).await;
    client.until_seq("A", 1).await;
    drop(client);
    for (epoch, last, status) in [(&*epoch, 1, "resumed"), (&*epoch, 2, "resumed"), ("another", 2, "gap")] {
        // Exactly at the head, one tick behind it, and with nothing to go on from.
        server.publish(&bids("A", [2])).await;
        let mut client = Client::open(&server).await;
        client.subscribe_as(status, Subscription::to(["A"]).resume(epoch, &[("A", last)])).await;
        client.until("live", state_of("A", "live")).await;
    }
    // By a pattern, too. Who begins anew takes a symbol for live, and is told nothing.
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A*"]).resume(&epoch, &[("A", 4)])).await;
    client.until("live", state_of("A", "live")).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    client.until_seq("A", 4).await;
    client.ping().await;
    assert!(client.store.statuses.is_empty(), "{:?}", client.store.statuses);
}

#[tokio::test]
async fn staleness_is_each_symbols_own() {
    let server = Server::with().limit("stale_ms", 2_000).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["MUTE", "LOUD"])).await;
    server.publish(&bids("MUTE", [1])).await;
    let mut number = 0;
    // LOUD goes on until MUTE has been called stale.
    while !client.store.statuses.iter().any(state_of("MUTE", "stale")) {
        number += 1;
        server.publish(&bids("LOUD", [number])).await;
        client.until_seq("LOUD", number).await;
    }
    let stale: Vec<_> = server
        .symbols()
        .await
        .into_iter()
        .filter(|(_, _, state)| state == "stale")
        .map(|(symbol, ..)| symbol)
        .collect();
    assert!(stale.contains(&"MUTE".to_owned()), "{stale:?}");
    assert!(!client.store.statuses.iter().any(state_of("LOUD", "stale")), "{:?}", client.store.statuses);
}

#[tokio::test]
async fn the_end_of_a_feed_closes_its_symbols_in_sight_of_all() {
    let mut server = Server::with().feed("-").start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    server.feed_stdin(&bids("A", [1, 2, 3]));
    client.until_seq("A", 3).await;
    server.close_stdin();
    if !client.store.statuses.iter().any(state_of("A", "closed")) {
        client.until("closed", state_of("A", "closed")).await;
    }
    let mut late = Client::open(&server).await;
    late.subscribe_as("ok", Subscription::to(["A"])).await;
    late.until("closed", state_of("A", "closed")).await;
    late.until_seq("A", 3).await;
}

#[tokio::test]
async fn a_silent_feed_is_stale_and_the_server_stays_ready() {
    let mut server = Server::with().feed("push").feed("-").limit("stale_ms", 500).start().await;
    server.feed_stdin(&bids("A", [1]));
    server.publish(&bids("B", [1])).await;
    let stale = async || server.symbols().await.iter().filter(|(_, _, state)| state == "stale").count();
    eventually("both to be stale", async || stale().await == 2).await;
    assert_eq!(server.get("/readyz").await.status.as_u16(), 200);
    assert_eq!(server.metrics().await.sum("tickcast_ready"), 1);
    // Its end is data, too.
    server.close_stdin();
    server
        .until_metrics("the end of a feed", |metrics| metrics.sum_where("tickcast_feed_up", "stdin") == 0)
        .await;
    assert_eq!(server.get("/readyz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_feed_has_a_moment_for_its_first_tick() {
    let mut server = Server::with().feed("-").limit("stale_ms", 3_600_000).start().await;
    assert!(server.get("/readyz").await.expect_error(503).contains("starting"));
    assert_eq!(server.get("/healthz").await.status.as_u16(), 200, "alive all the same");
    server.feed_stdin(&bids("A", [1]));
    let status = async || server.get("/readyz").await.status.as_u16();
    eventually("ready with a first tick", async || status().await == 200).await;
    // And no longer than a moment: a market that is closed holds nobody up.
    let server = Server::with().feed("-").limit("stale_ms", 1_000).start().await;
    let status = async || server.get("/readyz").await.status.as_u16();
    eventually("ready without a tick", async || status().await == 200).await;
}

#[tokio::test]
async fn a_feed_that_broke_off_is_a_fault_of_this_server() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("breaks-off.ndjson.gz");
    let lines: Vec<_> = (1..=20_000)
        .map(|number| {
            line(
                "A",
                &[("ts", &format!("{}", 1_742_860_800_000_000_u64 + number)), ("bid", &number.to_string())],
            )
        })
        .collect();
    let lines = lines.join("\n");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(lines.as_bytes()).expect("a vector takes every write");
    let mut packed = packed.finish().expect("a vector takes every write");
    let middle = packed.len() / 2;
    packed[middle..middle + 64].fill(0xff);
    fs::write(&path, packed).expect("a directory to write to");
    let feed = format!("replay:{}?speed=max", path.display());
    let server = Server::with().feed("push").feed(&feed).start().await;
    // Before it breaks off it may not have begun.
    eventually("it to break off", async || server.get("/readyz").await.body.contains("feed_failed")).await;
    let why = server.get("/readyz").await;
    assert!(why.expect_error(503).contains("feed_failed") && why.body.contains("replay"), "{why:?}");
    assert_eq!(server.metrics().await.sum("tickcast_ready"), 0);
}
