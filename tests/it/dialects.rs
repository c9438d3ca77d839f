//! What holds for every dialect: over TLS as without it, and for who is too slow for its trades. Each protocol is a row of
//! [`PROTOCOLS`], which the simulator has too; what only one venue has is in the file of its name.

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{
    harness::{
        Server, VenueClient, in_tls,
        recorded::{Recorded, played},
    },
    protocols::{PROTOCOLS, Protocol, Wanted},
};

/// A client that has asked for its trades.
async fn subscribed(server: &Server, protocol: &Protocol, receive_buffer_bytes: Option<u32>) -> VenueClient {
    subscribed_by(server, protocol, receive_buffer_bytes, Frame::text).await
}

/// As [`subscribed`], with requests in frames of this kind.
async fn subscribed_by(
    server: &Server,
    protocol: &Protocol,
    receive_buffer_bytes: Option<u32>,
    frame: fn(String) -> Frame,
) -> VenueClient {
    let mut client = VenueClient::with(server, protocol.path, protocol.headers, receive_buffer_bytes).await;
    for _ in 0..protocol.greetings {
        client.next().await;
    }
    let asks = (protocol.asks)(&["BTCUSDT"], Wanted::Trades);
    for (text, answers) in
        protocol.key.map(|key| (key.to_owned(), 1)).into_iter().chain([(asks, protocol.answers)])
    {
        client.send_frame(frame(text)).await;
        for _ in 0..answers {
            client.next().await;
        }
    }
    client
}

/// The numbers of all trades among these messages.
fn trades_of(protocol: &Protocol, messages: &[Value]) -> Vec<u64> {
    messages.iter().flat_map(protocol.trades).collect()
}

#[tokio::test]
async fn each_protocol_is_spoken_over_tls() {
    in_tls(async {
        let recorded = Recorded::new("dialects-tls.ndjson", 400);
        let server = recorded.replayed("start=paused&speed=max", &[]).await;
        let mut clients = Vec::new();
        for protocol in &PROTOCOLS {
            clients.push(subscribed(&server, protocol, None).await);
        }
        let reply = server.request("POST", "/v1/replay").body(r#"{"op":"resume"}"#.to_owned()).send().await;
        assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
        let wanted: Vec<u64> = recorded.trades_of("BTCUSDT").map(|trade| trade.id).collect();
        for (protocol, client) in PROTOCOLS.iter().zip(&mut clients) {
            let (messages, close) = client.rest().await;
            assert_eq!(trades_of(protocol, &messages), wanted, "{}", protocol.title);
            assert_eq!(close.map(|(code, _)| code), Some(1000), "{}", protocol.title);
        }
        server.settled().await;
    })
    .await;
}

/// Released clients send their JSON so (`kraken-async-rs`), and venues read it.
#[tokio::test]
async fn requests_in_binary_messages_are_read_and_what_is_no_text_ends_the_session() {
    let recorded = Recorded::new("dialects-binary.ndjson", 400);
    let server = recorded.replayed("start=paused&speed=max", &[]).await;
    let mut clients = Vec::new();
    for protocol in &PROTOCOLS {
        clients.push(subscribed_by(&server, protocol, None, |text| Frame::binary(text.into_bytes())).await);
    }
    let mut client = VenueClient::open(&server, "/ws").await;
    client.send_frame(Frame::binary(b"\xff".as_slice())).await;
    assert_eq!(client.rest().await.1.map(|(code, _)| code), Some(1003));
    let reply = server.request("POST", "/v1/replay").body(r#"{"op":"resume"}"#.to_owned()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    let wanted: Vec<u64> = recorded.trades_of("BTCUSDT").map(|trade| trade.id).collect();
    for (protocol, client) in PROTOCOLS.iter().zip(&mut clients) {
        let (messages, _) = client.rest().await;
        assert_eq!(trades_of(protocol, &messages), wanted, "{}", protocol.title);
    }
    server.settled().await;
}

#[tokio::test]
async fn a_client_too_slow_for_its_trades_is_told_and_closed_as_its_venue_does() {
    let recorded = Recorded::new("dialects-slow.ndjson", 60_000);
    let server = recorded.replayed("start=paused&speed=1000000", &["--set", "limits.ring_ticks=64"]).await;
    let mut clients = Vec::new();
    for protocol in &PROTOCOLS {
        clients.push(subscribed(&server, protocol, Some(4 * 1024)).await);
    }
    let reply = server.request("POST", "/v1/replay").body(r#"{"op":"resume"}"#.to_owned()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    // They read nothing until everything is over.
    played(&server).await;
    let wanted: Vec<u64> = recorded.trades_of("BTCUSDT").map(|trade| trade.id).collect();
    for (protocol, client) in PROTOCOLS.iter().zip(&mut clients) {
        let (messages, close) = client.rest().await;
        let title = protocol.title;
        let code = close.as_ref().map(|(code, _)| *code);
        assert_eq!(code, Some(protocol.slow_code), "{title}: {close:?}");
        if let Some(told) = protocol.slow {
            let last = messages.last().expect("a message").to_string();
            assert!(last.contains(told), "{title}: {last}");
        }
        // What it was sent until then is whole.
        let seen = trades_of(protocol, &messages);
        assert_eq!(seen, wanted[..seen.len()], "{title}");
        assert!(seen.len() < wanted.len(), "{title}: it has missed something");
    }
    let metrics = server.settled().await;
    assert_eq!(metrics.sum_where("tickcast_limit_hits_total", "dialect_loss"), PROTOCOLS.len() as u64);
    assert_eq!(metrics.sum_where("tickcast_sessions_closed_total", "slow"), PROTOCOLS.len() as u64);
}
