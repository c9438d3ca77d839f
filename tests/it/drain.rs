//! SIGTERM and SIGINT: every client gets `drain`, data that is due is sent, and the process exits with 0.

use std::{fs::OpenOptions, future, os::unix::fs::OpenOptionsExt, process::Command};

use crate::harness::{
    Client, Market, Server, Subscription, bids, each_encoding, eventually, files, raw::RawClient,
};

each_encoding!(
    fifty_clients_get_drain_and_1001_and_the_process_ends_with_0,
    an_interrupt_drains_as_well,
    held_updates_are_sent_before_the_close,
    a_client_that_does_not_read_cannot_hold_the_end_up,
    a_slow_reader_gets_its_last_records_within_the_deadline,
    a_notice_is_given_before_the_drain_and_everything_goes_on,
    the_drain_begins_when_the_notice_is_over,
);

async fn fifty_clients_get_drain_and_1001_and_the_process_ends_with_0() {
    let mut server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::open(&server).await;
        client.subscribe(Subscription::to(["A"])).await;
        clients.push(client);
    }
    server.signal("TERM");
    let mut retries = Vec::new();
    for client in &mut clients {
        retries.push(client.until_kind("drain").await.int("retry_ms"));
        assert_eq!(client.closed().await, Some(1001));
    }
    assert_eq!(server.exited().await.code(), Some(0));
    assert!(retries.iter().all(|&retry| (0..=600_000).contains(&retry)), "{retries:?}");
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 10, "50 clients do not return at once: {retries:?}");
}

async fn an_interrupt_drains_as_well() {
    let mut server = Server::start().await;
    let mut client = Client::open(&server).await;
    server.signal("INT");
    client.until_kind("drain").await;
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn without_clients_the_end_is_immediate() {
    let mut server = Server::start().await;
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}

async fn held_updates_are_sent_before_the_close() {
    let mut server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).interval_ms(60_000)).await;
    server.publish(&bids("A", [1])).await;
    client.until_seq("A", 1).await;
    // These are held back by the interval; the drain does not leave them behind.
    server.publish(&bids("A", 2..=9)).await;
    server.signal("TERM");
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(client.store.cursor("A"), Some(9));
    assert_eq!(server.exited().await.code(), Some(0));
}

async fn a_client_that_does_not_read_cannot_hold_the_end_up() {
    let mut server = Server::patient().limit("drain_ms", 3_000).start().await;
    let mut market = Market::new(3, "D", 50);
    server.publish(&market.open()).await;
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(market.symbols())).await;
    let mut client = Client::open(&server).await;
    server.publish(&market.ticks(40_000)).await;
    server.signal("TERM");
    client.until_kind("drain").await;
    // During a drain new clients are refused with a reason.
    let ready = server.request("GET", "/readyz").attempt().await.map_or(503, |reply| reply.status.as_u16());
    assert_eq!(ready, 503);
    let upgrade = server.request("GET", "/v1/stream").upgrade().attempt().await;
    assert_eq!(upgrade.map_or(503, |reply| reply.status.as_u16()), 503);
    assert_eq!(server.exited().await.code(), Some(0), "the deadline of the drain is its own");
}

async fn a_slow_reader_gets_its_last_records_within_the_deadline() {
    let mut server = Server::patient().limit("drain_ms", 60_000).start().await;
    let mut market = Market::new(31, "D", 20);
    server.publish(&market.open()).await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(market.symbols())).await;
    server.publish(&market.ticks(20_000)).await;
    server.signal("TERM");
    assert_eq!(client.closed().await, Some(1001));
    market.check(&client.store);
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_feed_that_cannot_be_opened_yet_does_not_hold_up_the_end() {
    let pipe = files::path("a-pipe-that-nobody-writes-to");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    let mut server = Server::with().feed(&format!("replay:{}", pipe.display())).begin();
    // A pipe is opened for writing without waiting once somebody reads it: the signals are awaited by then.
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    let mut writer = None;
    eventually("the feed to be opened", || {
        writer = options.open(&pipe).ok();
        future::ready(writer.is_some())
    })
    .await;
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn sessions_that_do_not_read_are_cut_and_counted() {
    let mut server = Server::patient().limit("drain_ms", 16_000).args(&["--shards", "1"]).start().await;
    let mut market = Market::new(3, "D", 50);
    server.publish(&market.open()).await;
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(market.symbols())).await;
    // This one has room for all that it is sent, and never answers the close.
    let _mute = RawClient::upgraded(&server).await;
    let mut client = Client::open(&server).await;
    server.publish(&market.ticks(40_000)).await;
    server.signal("TERM");
    client.until_kind("drain").await;
    // From the first moment nothing is taken in.
    let refused = server.request("POST", "/v1/publish").body("{\"symbol\":\"N\",\"bid\":1}").send().await;
    assert!(refused.expect_error(503).contains("draining"), "{refused:?}");
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(server.exited().await.code(), Some(0));
    eventually("the end in the log", async || server.log().contains("drained sessions=3 cut=2")).await;
}

async fn a_notice_is_given_before_the_drain_and_everything_goes_on() {
    let mut server = Server::with().limit("drain_notice_ms", 3_000_000).start().await;
    let mut before = Client::open(&server).await;
    before.subscribe_as("pending", Subscription::to(["A"])).await;
    server.signal("TERM");
    eventually("not ready", async || server.get("/readyz").await.status.as_u16() == 503).await;
    assert!(server.get("/readyz").await.expect_error(503).contains("draining"));
    assert_eq!(server.get("/healthz").await.status.as_u16(), 200);
    assert_eq!(server.metrics().await.sum("tickcast_ready"), 0);
    assert_eq!(server.metrics().await.sum("tickcast_draining"), 0, "it has not begun");
    let mut late = Client::open(&server).await;
    late.subscribe_as("pending", Subscription::to(["A"])).await;
    server.publish(&bids("A", [1])).await;
    before.until_seq("A", 1).await;
    late.until_seq("A", 1).await;
    // Who does not want to wait says so again.
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
    assert!(server.log().contains("a second signal"), "{}", server.log());
}

async fn the_drain_begins_when_the_notice_is_over() {
    let mut server = Server::with().limit("drain_notice_ms", 300).start().await;
    let mut client = Client::open(&server).await;
    server.signal("TERM");
    client.until_kind("drain").await;
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(server.exited().await.code(), Some(0));
    let log = server.log();
    assert!(log.contains("behind the notice") && log.contains("drained"), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_a_drain_at_once() {
    let mut server = Server::patient().limit("drain_ms", 3_000_000).start().await;
    let _mute = RawClient::upgraded(&server).await;
    server.signal("INT");
    eventually("the drain", async || server.log().contains("draining")).await;
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}
