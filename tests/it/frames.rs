//! WebSocket frames that break the rules, and those that keep them in unusual ways.

use crate::harness::{Client, Server, raw, raw::RawClient};

/// Sends these bytes over a fresh session and expects a close with `code`.
async fn check(server: &Server, bytes: &[u8], code: u16) {
    let mut client = RawClient::upgraded(server).await;
    client.write(bytes).await;
    assert_eq!(client.close_code().await, Some(code), "{bytes:?}");
    assert_eq!(client.read_frame().await, None, "after a close frame nothing follows");
}

#[tokio::test]
async fn breaches_are_closed_by_the_code_that_rfc_6455_gives_them() {
    let server = Server::start().await;
    check(&server, &raw::message(raw::BINARY, b"{\"op\":\"ping\"}"), 1003).await;
    check(&server, &raw::message(raw::BINARY, b""), 1003).await;
    check(&server, &raw::message(raw::TEXT, b"{\"op\":\"\xff\xfe\"}"), 1007).await;
    check(&server, &raw::message(raw::TEXT, b"\xed\xa0\x80"), 1007).await;
    check(
        &server,
        &[raw::frame(raw::TEXT, b"\xe2\x82"), raw::message(raw::CONTINUATION, b"x")].concat(),
        1007,
    )
    .await;
    // No mask.
    check(&server, &[0x81, 2, b'h', b'i'], 1002).await;
    // Reserved bits and opcodes.
    check(&server, &raw::frame(0xc1, b"{}"), 1002).await;
    check(&server, &raw::message(0x3, b""), 1002).await;
    check(&server, &raw::message(0xb, b""), 1002).await;
    // Control frames that are fragmented or too long, and a continuation of nothing.
    check(&server, &raw::frame(raw::PING, b"x"), 1002).await;
    check(&server, &raw::message(raw::PING, &[0; 126]), 1002).await;
    check(&server, &raw::message(raw::CONTINUATION, b"x"), 1002).await;
    check(&server, &[raw::frame(raw::TEXT, b"{"), raw::message(raw::TEXT, b"}")].concat(), 1002).await;
    // Close frames with a code that no one may send.
    check(&server, &raw::message(raw::CLOSE, &[0x03]), 1002).await;
    check(&server, &raw::message(raw::CLOSE, &1005_u16.to_be_bytes()), 1002).await;
    assert_eq!(server.metrics().await.sum("tickcast_sessions"), 0);
}

#[tokio::test]
async fn a_close_is_answered_by_a_close() {
    let server = Server::start().await;
    check(&server, &raw::message(raw::CLOSE, &1000_u16.to_be_bytes()), 1000).await;
    check(&server, &raw::message(raw::CLOSE, &4321_u16.to_be_bytes()), 4321).await;
    let mut client = RawClient::upgraded(&server).await;
    client.write(&raw::message(raw::CLOSE, b"")).await;
    assert!(matches!(client.close_code().await, None | Some(1000 | 1005)));
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload() {
    let server = Server::start().await;
    let mut client = RawClient::upgraded(&server).await;
    for payload in [&b""[..], b"hello", &[0xff; 125]] {
        client.write(&raw::message(raw::PING, payload)).await;
        let pong = loop {
            let (opcode, payload) = client.read_frame().await.expect("an open session");
            if opcode == raw::PONG {
                break payload;
            }
        };
        assert_eq!(pong, payload);
    }
}

#[tokio::test]
async fn a_command_in_fragments_with_a_ping_between_is_a_command() {
    let server = Server::start().await;
    let mut client = RawClient::upgraded(&server).await;
    client.write(&raw::frame(raw::TEXT, br#"{"op":"pi"#)).await;
    client.write(&raw::message(raw::PING, b"between")).await;
    for byte in br#"ng","id":"# {
        client.write(&raw::frame(raw::CONTINUATION, &[*byte])).await;
    }
    client.write(&raw::message(raw::CONTINUATION, b"5}")).await;
    let mut ponged = false;
    let text = loop {
        match client.read_frame().await.expect("an open session") {
            (raw::PONG, payload) => ponged = payload == b"between",
            (raw::TEXT, payload) if !payload.starts_with(br#"[{"type":"welcome""#) => break payload,
            _ => {}
        }
    };
    let text = String::from_utf8(text).expect("a text");
    assert!(ponged && text.contains(r#""pong""#) && text.contains('5'), "{text}");
}

#[tokio::test]
async fn a_frame_may_arrive_byte_by_byte() {
    let server = Server::start().await;
    let mut client = RawClient::upgraded(&server).await;
    for byte in raw::message(raw::TEXT, br#"{"op":"ping","id":"slow"}"#) {
        client.write(&[byte]).await;
    }
    loop {
        let (_, payload) = client.read_frame().await.expect("an open session");
        if String::from_utf8_lossy(&payload).contains("slow") {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let server = Server::start().await;
    for _ in 0..20 {
        let mut client = Client::open(&server).await;
        client.ping().await;
    }
    let metrics =
        server.until_metrics("no session left", |metrics| metrics.sum("tickcast_sessions") == 0).await;
    let opened = metrics.sum("tickcast_sessions_opened_total");
    assert_eq!((opened, metrics.sum("tickcast_sessions_closed_total")), (20, 20));
}
