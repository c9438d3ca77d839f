//! Clients that wait, stall or fall silent: each deadline ends its own session and no other.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::harness::{Client, Market, Server, Subscription, bids, raw, raw::RawClient, within};

#[tokio::test]
async fn a_handshake_that_never_finishes_is_cut() {
    let server = Server::with().limit("handshake_ms", 500).start().await;
    for beginning in ["", "G", "GET /v1/stream HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = RawClient::connect(&server).await;
        client.write(beginning.as_bytes()).await;
        let answer = client.read_to_end().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{beginning:?} is answered by {answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_cut() {
    let server = Server::with().limit("handshake_ms", 500).start().await;
    let mut client = RawClient::connect(&server).await;
    client.write(b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await;
    client.read_to_end().await;
}

#[tokio::test]
async fn a_handshake_that_trickles_is_cut_all_the_same() {
    let server = Server::with().limit("handshake_ms", 500).start().await;
    let mut client = RawClient::connect(&server).await;
    client.write(b"GET /v1/stream HTTP/1.1\r\n").await;
    within("the cut", async {
        // Each byte comes well within the deadline; all of them together do not.
        while client.write_if_open(b"x").await {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_peer_answers_no_ping_is_ended() {
    let server = Server::with().limit("ping_ms", 400).limit("pong_ms", 200).start().await;
    let mut silent = RawClient::upgraded(&server).await;
    let mut pinged = false;
    while let Some((opcode, _)) = silent.read_frame().await {
        pinged |= opcode == raw::PING;
        if opcode == raw::CLOSE {
            break;
        }
    }
    assert!(pinged, "the server asked before it gave up");
    let metrics = server
        .until_metrics("the end in the metrics", |metrics| metrics.sum("tickcast_sessions_closed_total") == 1)
        .await;
    assert_eq!(metrics.sum_where("tickcast_sessions_closed_total", "pong"), 1, "the reason is a label");
}

#[tokio::test]
async fn a_session_that_answers_pings_lives_on() {
    let server = Server::with()
        .limit("ping_ms", 1_500)
        .limit("pong_ms", 1_400)
        .limit("heartbeat_ms", 100)
        .start()
        .await;
    let mut client = Client::open(&server).await;
    // Heartbeats of at least six seconds are about four pings.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(6) {
        client.until_kind("heartbeat").await;
    }
    client.ping().await;
}

#[tokio::test]
async fn no_byte_of_progress_ends_a_session_with_4008() {
    let server = Server::with().limit("progress_ms", 1_000).start().await;
    let mut market = Market::new(1, "P", 200);
    let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(market.symbols()).every()).await;
    let mut other = Client::open(&server).await;
    other.subscribe(Subscription::to(market.symbols())).await;
    let ticks = market.ticks(50_000);
    // The other one reads all the while, or it would be slow as well.
    let reading = async {
        for symbol in market.symbols() {
            other.until_seq(&symbol, market.get(&symbol).seq).await;
        }
    };
    let ending = server.until_metrics("the end of the stalled session", |metrics| {
        metrics.sum("tickcast_sessions_closed_total") == 1
    });
    let ((), (), metrics) = tokio::join!(server.publish(&ticks), reading, ending);
    assert_eq!(metrics.sum_where("tickcast_sessions_closed_total", "slow"), 1, "the reason is a label");
    // What it left undelivered is accounted for.
    assert!(metrics.sum("tickcast_updates_discarded_total") > 0, "{}", metrics.accounts());
    market.check(&other.store);
    server.settled().await;
    // The code can be lost with what the kernel still held, but no other code may come.
    assert!(matches!(stalled.closed().await, Some(4008) | None));
}

#[tokio::test]
async fn an_idle_session_makes_no_progress_and_is_not_slow() {
    let server = Server::with().limit("progress_ms", 200).limit("heartbeat_ms", 1_000).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["QUIET"])).await;
    for _ in 0..3 {
        client.until_kind("heartbeat").await;
    }
    server.publish(&bids("QUIET", [1])).await;
    client.until_seq("QUIET", 1).await;
}

#[tokio::test]
async fn a_burst_of_snapshots_on_a_thin_link_is_progress() {
    const PROGRESS: Duration = Duration::from_secs(8);
    let server = Server::with().limit("progress_ms", 8_000).limit("ping_ms", 600_000).start().await;
    let mut market = Market::new(2, "SNAPSHOT-OF-", 700);
    server.publish(&[market.open(), market.open(), market.open(), market.open()].concat()).await;
    let symbols = market.symbols();
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(&symbols)).await;
    // Some 3 KiB at a time, with the pause of a thin link between; how many frames they come in is the server's affair.
    let start = Instant::now();
    for few in symbols.chunks(20) {
        for symbol in few {
            client.until_seq(symbol, 4).await;
        }
        sleep(Duration::from_millis(400)).await;
    }
    assert!(start.elapsed() > PROGRESS, "the burst took longer than the deadline for a single byte");
    client.ping().await;
}
