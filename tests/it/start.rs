//! What a server says when it starts, and to each client that comes.

use crate::harness::{Client, Server, server::address_in};

#[tokio::test]
async fn the_address_is_announced_on_the_first_line_of_output_and_log() {
    let server = Server::start().await;
    assert!(server.announcement.starts_with(concat!(
        "tickcast ",
        env!("CARGO_PKG_VERSION"),
        " listening on http://"
    )));
    assert_ne!(server.address.port(), 0, "the port that was taken, not the one that was asked for");
    assert_eq!(server.get("/healthz").await.status.as_u16(), 200);
    let first = server.first_log_line().await;
    assert_eq!(address_in(&first), server.address, "{first}");
}

#[tokio::test]
async fn a_log_in_json_is_json_line_by_line() {
    let server = Server::with().args(&["--log-format", "json"]).start().await;
    Client::open(&server).await.ping().await;
    assert_eq!(address_in(&server.first_log_line().await), server.address);
    for line in server.log().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[tokio::test]
async fn a_welcome_says_what_a_client_must_know() {
    let server = Server::with().limit("heartbeat_ms", 1_234).limit("subscriptions", 77).start().await;
    let (first, second) = (Client::open(&server).await, Client::open(&server).await);
    assert_eq!(first.welcome.int("protocol"), 1);
    assert_eq!(first.welcome.int("heartbeat_ms"), 1_234);
    assert_eq!(first.welcome.value("limits")["subscriptions"], 77, "{:?}", first.welcome);
    assert!(!first.epoch().is_empty());
    assert_eq!(first.epoch(), second.epoch(), "one epoch for all sessions");
    assert_ne!(
        first.welcome.raw("session"),
        second.welcome.raw("session"),
        "each session has a name of its own"
    );
}

#[tokio::test]
async fn each_start_is_an_epoch_of_its_own() {
    let (first, second) = (Server::start().await, Server::start().await);
    assert_ne!(Client::open(&first).await.epoch(), Client::open(&second).await.epoch());
}

#[tokio::test]
async fn the_subprotocol_is_chosen_when_it_is_offered() {
    let server = Server::start().await;
    let offers = "graphql-ws, tickcast.v1.json";
    let client = Client::of(&server).header("sec-websocket-protocol", offers).open().await;
    assert_eq!(client.handshake.headers()["sec-websocket-protocol"], "tickcast.v1.json");
    // The first offer that there is.
    for (offers, chosen) in [
        ("tickcast.v1.binary, tickcast.v1.json", "tickcast.v1.binary"),
        ("tickcast.v1.json, tickcast.v1.binary", "tickcast.v1.json"),
        ("tickcast.v9.cbor, tickcast.v1.binary", "tickcast.v1.binary"),
    ] {
        let client = Client::of(&server).header("sec-websocket-protocol", offers).open().await;
        assert_eq!(client.handshake.headers()["sec-websocket-protocol"], chosen);
    }
    let client = Client::open(&server).await;
    assert!(!client.handshake.headers().contains_key("sec-websocket-protocol"), "none offered, none chosen");
}
