//! `tickcast.v1.binary` over a real socket, byte by byte, and frames that say when they were sent.

use serde_json::Value;
use tickcast_client::{self as client, Endpoint, Event, Step, Subscription};

use crate::harness::{
    Client, Server, now_micros,
    raw::{self, RawClient},
    within,
};

/// A WebSocket with this subprotocol, subscribed by its address.
async fn connect(server: &Server, query: &str) -> RawClient {
    let mut client = RawClient::connect(server).await;
    let upgrade = RawClient::upgrade(server).replace("/v1/stream ", &format!("/v1/stream?{query} "));
    let end = upgrade.trim_end();
    client.write(format!("{end}\r\nSec-WebSocket-Protocol: tickcast.v1.binary\r\n\r\n").as_bytes()).await;
    let head = client.read_head().await.to_ascii_lowercase();
    assert!(head.contains("sec-websocket-protocol: tickcast.v1.binary"), "{head}");
    client
}

/// The next control message of a type.
async fn control(client: &mut RawClient, kind: &str) -> Value {
    loop {
        let (opcode, payload) = client.read_frame().await.expect("a frame");
        if opcode != raw::TEXT {
            continue;
        }
        let messages: Vec<Value> = serde_json::from_slice(&payload).expect("an array of messages");
        assert_eq!(messages.len(), 1, "{messages:?}");
        if messages[0]["type"] == kind {
            return messages[0].clone();
        }
    }
}

async fn data(client: &mut RawClient) -> Vec<u8> {
    loop {
        let (opcode, payload) = client.read_frame().await.expect("a frame");
        if opcode == raw::BINARY {
            return payload;
        }
    }
}

#[tokio::test]
async fn data_is_binary_and_everything_else_is_text() {
    let server = Server::start().await;
    server
        .publish(&[r#"{"symbol":"AAPL","bid":"187.41","bid_size":200,"ask":"187.42","ask_size":300}"#])
        .await;
    let mut client = connect(&server, "symbols=AAPL").await;
    let welcome = control(&mut client, "welcome").await;
    assert!(welcome["origin"].as_i64().is_some_and(|origin| origin > 1_700_000_000_000_000), "{welcome}");
    let subscribed = control(&mut client, "subscribed").await;
    assert_eq!(subscribed["fields"][12], serde_json::json!({"id": 12, "name": "low", "kind": "price"}));
    // A snapshot with an introduction of the number 0, whose prices have two places.
    let snapshot = data(&mut client).await;
    assert_eq!(snapshot[..7], [0x91, 0, 4, b'A', b'A', b'P', b'L']);
    assert_eq!(snapshot[7..12], [0x02, 0xEA, 0xA4, 0x02, 0x02]);
    assert_eq!(snapshot[snapshot.len() - 7..], [0x0F, 0, 0xC8, 1, 0, 0xAC, 2]);
    server.publish(&[r#"{"symbol":"AAPL","bid":"187.4"}"#]).await;
    let update = data(&mut client).await;
    // Bid alone, number 0, seq 2; the last byte is one less than the reference.
    assert_eq!((&update[..3], update.last()), (&[0x01, 0, 2][..], Some(&0x01)));
    client.write(&raw::frame(0x80 | raw::TEXT, br#"{"op":"ping","id":7}"#)).await;
    assert_eq!(control(&mut client, "pong").await["id"], 7);
    client.write(&raw::frame(0x80 | raw::BINARY, b"\x01")).await;
    assert_eq!(client.close_code().await, Some(1003));
}

#[tokio::test]
async fn a_frame_says_when_it_was_sent_where_that_is_asked_for() {
    let server = Server::start().await;
    server.publish(&[r#"{"symbol":"A","bid":1}"#]).await;
    let mut client = Client::of(&server).query("symbols=A&tx=true").wanting(&["A"]).await;
    let sent = client.until_kind("sent").await;
    let snapshot = client.next().await;
    assert!(snapshot.is("snapshot") && snapshot.int("rx") <= sent.int("ts"), "{sent:?} {snapshot:?}");
    let mut client = connect(&server, "symbols=A&tx=true").await;
    let frame = data(&mut client).await;
    assert_eq!(frame[3..6], [0x91, 0, 1]);
    assert_ne!(frame[..3], [0; 3], "it was sent after it was received");
}

/// As the client crate tells it: before the data of each frame, alike in both encodings.
#[tokio::test]
async fn the_client_crate_tells_when_each_frame_was_sent() {
    let server = Server::start().await;
    server.publish(&[r#"{"symbol":"A","bid":1}"#]).await;
    for encoding in client::encoding::Encoding::ALL {
        let endpoint = Endpoint::parse(&format!("ws://{}", server.address)).expect("a URL");
        let endpoint = endpoint.with_encoding(encoding).with_tx();
        let mut client = client::Client::new(endpoint, Subscription::latest(["A"])).without_pings();
        let mut sent = None;
        let rx_us = loop {
            if !matches!(within("a frame", client.next()).await.expect("a connection"), Step::Frame) {
                continue;
            }
            let mut events = client.events();
            let mut rx_us = None;
            while let Some(event) = events.next_event().expect("a message") {
                match event {
                    Event::Sent(told) => sent = Some(told),
                    Event::Record(change) => rx_us = Some(change.tick.rx_us),
                    _ => {}
                }
            }
            if let Some(rx_us) = rx_us {
                break rx_us;
            }
        };
        assert_eq!(client.encoding(), Some(encoding));
        let sent = sent.expect("the time of sending before the first record");
        assert!(!sent.or_later && (rx_us..=now_micros()).contains(&sent.ts_us), "{rx_us} {sent:?}");
    }
}
