//! permessage-deflate (RFC 7692): what is agreed on, messages in both directions, and what breaks its rules.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress};

use crate::harness::{
    Server, bids,
    inflate::{self, RSV1},
    raw,
    raw::RawClient,
};

const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A connection whose offer was answered, and the answer.
pub async fn offering(server: &Server, offer: &str, query: &str) -> (RawClient, Option<String>) {
    let mut client = RawClient::connect(server).await;
    let request = RawClient::upgrade(server).replacen("/v1/stream", &format!("/v1/stream{query}"), 1);
    let offer = format!("Sec-WebSocket-Extensions: {offer}\r\n\r\n");
    client.write(request.replacen("\r\n\r\n", &format!("\r\n{offer}"), 1).as_bytes()).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let answer = head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
    (client, answer.map(str::to_owned))
}

async fn deflated_client(server: &Server) -> RawClient {
    let (client, answer) = offering(server, "permessage-deflate", "").await;
    assert_eq!(answer.as_deref(), Some(PLAIN));
    client
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() * 2 + 64);
    Compress::new(Compression::default(), false)
        .compress_vec(payload, &mut out, FlushCompress::Sync)
        .unwrap();
    out.truncate(out.len() - TAIL.len());
    out
}

fn inflated(deflated: &[u8]) -> String {
    String::from_utf8(inflate::inflated(deflated)).unwrap()
}

/// The next message of text, and whether it was compressed.
async fn text(client: &mut RawClient) -> (String, bool) {
    loop {
        let (first, payload) = client.read_any_frame().await.expect("an open session");
        match first {
            0x81 => return (String::from_utf8(payload).unwrap(), false),
            0xc1 => return (inflated(&payload), true),
            _ => assert_eq!(first & RSV1, 0, "a control frame is never compressed"),
        }
    }
}

/// Reads until a message of this type; whether it was compressed.
pub async fn until(client: &mut RawClient, kind: &str) -> (String, bool) {
    loop {
        let (text, is_deflated) = text(client).await;
        if text.starts_with(&format!(r#"[{{"type":"{kind}""#)) {
            return (text, is_deflated);
        }
    }
}

#[tokio::test]
async fn an_offer_is_answered_or_declined() {
    let server = Server::start().await;
    for (offer, expected) in [
        ("permessage-deflate; client_max_window_bits", Some(PLAIN.to_owned())),
        ("permessage-deflate; server_max_window_bits=12", Some(format!("{PLAIN}; server_max_window_bits=9"))),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; what, x-other", None),
    ] {
        let (mut client, answer) = offering(&server, offer, "").await;
        assert_eq!(answer, expected, "{offer}");
        assert_eq!(until(&mut client, "welcome").await.1, answer.is_some(), "a welcome is long");
        client.write(&raw::message(raw::TEXT, br#"{"op":"ping"}"#)).await;
        assert!(!until(&mut client, "pong").await.1, "below the size");
    }
}

#[tokio::test]
async fn the_size_is_configured_and_0_is_off() {
    let off = Server::with().limit("deflate_bytes", 0).start().await;
    let (mut client, answer) = offering(&off, "permessage-deflate", "").await;
    assert_eq!(answer, None);
    assert!(!until(&mut client, "welcome").await.1);
    let all = Server::with().limit("deflate_bytes", 1).start().await;
    let mut client = deflated_client(&all).await;
    client.write(&raw::message(raw::TEXT, br#"{"op":"ping","id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#)).await;
    assert!(until(&mut client, "pong").await.1);
}

#[tokio::test]
async fn frames_are_compressed_once_for_all_who_are_sent_them() {
    let server = Server::with().args(&["--shards", "1"]).start().await;
    let symbols: Vec<String> = (0..20).map(|number| format!("S{number:02}")).collect();
    let query = format!("?symbols={}&snapshot=false", symbols.join(","));
    let mut clients = Vec::new();
    for offer in ["permessage-deflate"; 8] {
        let (mut client, _) = offering(&server, offer, &query).await;
        until(&mut client, "subscribed").await;
        clients.push(client);
    }
    let before = server.settled().await;
    let ticks: Vec<String> = symbols.iter().flat_map(|symbol| bids(symbol, 1..=1)).collect();
    server.publish(&ticks).await;
    for client in &mut clients {
        let (frame, is_deflated) = until(client, "update").await;
        assert!(is_deflated && frame.matches("\"update\"").count() == 20, "{frame}");
    }
    let after = server.settled().await;
    let spent = |name: &str| after.sum(name) - before.sum(name);
    let plain = spent("tickcast_deflate_plain_bytes_total");
    assert!(plain > 0 && plain < 4_000, "one frame was compressed, not eight: {plain} bytes");
    assert!(spent("tickcast_deflate_bytes_total") * 3 < plain);
}

#[tokio::test]
async fn commands_are_read_however_they_are_compressed_and_cut() {
    let server = Server::start().await;
    let mut client = deflated_client(&server).await;
    let ping = |id: &str| format!(r#"{{"op":"ping","id":"{id}"}}"#);
    let whole = deflated(ping("whole").as_bytes());
    let cut = deflated(ping("cut").as_bytes());
    let (first, rest) = cut.split_at(cut.len() / 2);
    let stored = {
        let mut stored = flate2::write::DeflateEncoder::new(Vec::new(), Compression::none());
        stored.write_all(ping("stored").as_bytes()).unwrap();
        [stored.finish().unwrap(), vec![0]].concat()
    };
    let bytes = [
        raw::frame(0x80 | RSV1 | raw::TEXT, &whole),
        raw::message(raw::TEXT, ping("plain").as_bytes()),
        raw::frame(RSV1 | raw::TEXT, first),
        raw::message(raw::PING, b"between"),
        raw::frame(raw::CONTINUATION, b""),
        raw::message(raw::CONTINUATION, rest),
        raw::frame(0x80 | RSV1 | raw::TEXT, &stored),
    ]
    .concat();
    for chunk in bytes.chunks(3) {
        client.write(chunk).await;
    }
    for id in ["whole", "plain", "cut", "stored"] {
        let (pong, _) = until(&mut client, "pong").await;
        assert!(pong.contains(&format!("\"id\":\"{id}\"")), "{pong}");
    }
    // Several in one write.
    client.write(&raw::frame(0x80 | RSV1 | raw::TEXT, &whole).repeat(40)).await;
    for _ in 0..40 {
        until(&mut client, "pong").await;
    }
}

/// Sends these bytes in a session with the extension, and expects a close with `code`.
async fn check(server: &Server, bytes: &[u8], code: u16) {
    let mut client = deflated_client(server).await;
    client.write(bytes).await;
    loop {
        let (first, payload) = client.read_any_frame().await.expect("a close frame");
        if first == 0x80 | raw::CLOSE {
            assert_eq!(payload[..2], code.to_be_bytes(), "{:?} is closed otherwise", bytes.get(..40));
            return;
        }
    }
}

#[tokio::test]
async fn breaches_are_closed_by_the_code_that_the_standards_give_them() {
    let server = Server::with().limit("message_bytes", 4096).start().await;
    let text = |payload: &[u8]| raw::frame(0x80 | RSV1 | raw::TEXT, payload);
    let ping = deflated(br#"{"op":"ping"}"#);
    // RSV1 where no message begins, and other reserved bits.
    check(&server, &raw::frame(0x80 | RSV1 | raw::PING, b""), 1002).await;
    check(&server, &raw::frame(0x80 | RSV1 | raw::CLOSE, b"\x03\xe8"), 1002).await;
    check(&server, &[raw::frame(RSV1 | raw::TEXT, &ping), raw::frame(0xc0, b"")].concat(), 1002).await;
    check(&server, &raw::frame(0xe1, &ping), 1002).await;
    check(&server, &raw::frame(0x91, &ping), 1002).await;
    check(&server, &[raw::frame(RSV1 | raw::TEXT, &ping), text(&ping)].concat(), 1002).await;
    // What is not a deflate stream, or was cut.
    check(&server, &text(b"\x06\x06\x06"), 1007).await;
    check(&server, &text(&ping[..ping.len() - 4]), 1007).await;
    // Text that is none, which only inflating shows.
    check(&server, &text(&deflated(b"{\"op\":\"\xff\xfe\"}")), 1007).await;
    check(&server, &text(&deflated(b"\xed\xa0\x80")), 1007).await;
    check(&server, &raw::frame(0x80 | RSV1 | raw::BINARY, &ping), 1003).await;
    check(&server, &raw::message(raw::BINARY, &ping), 1003).await;
    check(&server, &[text(&ping), raw::message(raw::BINARY, b"")].concat(), 1003).await;
    // Too long once it is inflated: by one byte, and by a thousand times.
    check(&server, &text(&deflated(&[b' '; 4097])), 1009).await;
    check(&server, &text(&deflated(&vec![b' '; 4_000_000])), 1009).await;
    let mut client = RawClient::upgraded(&server).await;
    client.write(&text(&ping)).await;
    assert_eq!(client.close_code().await, Some(1002), "without the extension");
    assert_eq!(server.metrics().await.sum("tickcast_sessions"), 0);
}

#[tokio::test]
async fn what_is_inflated_counts_among_the_inbound_bytes() {
    let server = Server::with()
        .limit("message_bytes", 4096)
        .limit("inbound_bytes_burst", 65_536)
        .limit("inbound_bytes_per_second", 256)
        .start()
        .await;
    let mut blank = vec![b' '; 4_000];
    blank.extend_from_slice(br#"{"op":"ping"}"#);
    let message = raw::frame(0x80 | RSV1 | raw::TEXT, &deflated(&blank));
    assert!(message.len() < 100);
    check(&server, &message.repeat(20), 1008).await;
    assert!(server.metrics().await.sum_where("tickcast_limit_hits_total", "inbound_bytes") > 0);
}
