//! A price that is old never looks new: states over HTTP and in metrics, the end of a feed. The times of states and
//! heartbeats are in `tests/sim/deadlines.rs`.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};

use crate::harness::{Client, Message, Server, Subscription, bids, eventually, files, line};

fn state_of<'a>(symbol: &'a str, state: &'a str) -> impl Fn(&Message) -> bool + 'a {
    move |message| {
        message.is("status")
            && message.has("state")
            && message.str("symbol") == symbol
            && message.str("state") == state
    }
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
async fn a_subscription_to_a_stale_symbol_is_sent_its_state() {
    let server = Server::with().limit("stale_ms", 300).start().await;
    server.publish(&bids("A", [1])).await;
    server.until_metrics("a stale topic", |metrics| metrics.sum("tickcast_topics_stale") == 1).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    client.until("stale", state_of("A", "stale")).await;
    client.until_seq("A", 1).await;
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
    // And only briefly: a closed market delays no client.
    let server = Server::with().feed("-").limit("stale_ms", 1_000).start().await;
    let status = async || server.get("/readyz").await.status.as_u16();
    eventually("ready without a tick", async || status().await == 200).await;
}

#[tokio::test]
async fn a_feed_that_broke_off_is_a_fault_of_this_server() {
    let path = files::path("breaks-off.ndjson.gz");
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
