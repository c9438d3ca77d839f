//! An upgrade is read on two ways: whole as a connection's first request, or by the HTTP layer. Both answer alike.

use crate::harness::{Server, raw, raw::RawClient};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const PLAIN: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";

/// What a client sees: the head of the answer without its date, and the messages up to the answer to its first command.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    status: String,
    headers: Vec<String>,
    frames: Vec<String>,
}

/// Sends a request with a command right behind it, and takes in what comes.
async fn ask(client: &mut RawClient, request: &str) -> Seen {
    let ping = raw::frame(0x80 | raw::TEXT, br#"{"op":"ping","id":7}"#);
    client.write_if_open(&[request.as_bytes(), &ping].concat()).await;
    let head = client.read_head().await;
    let mut lines = head.trim_end().lines().map(str::to_ascii_lowercase);
    let status = lines.next().unwrap_or_default();
    let mut headers: Vec<_> = lines.filter(|line| !line.starts_with("date:")).collect();
    headers.sort();
    let mut frames = Vec::new();
    while status.contains(" 101 ") {
        let (opcode, payload) = client.read_frame().await.expect("an answer or a close frame");
        let text = String::from_utf8_lossy(&payload).into_owned();
        let is_last = opcode == raw::CLOSE || text.contains(r#""type":"pong""#);
        // The parts that differ between sessions follow the type.
        let kind = text.split(',').next().unwrap_or_default().to_owned();
        frames.push(if text.contains("subscribed") || opcode == raw::CLOSE { text } else { kind });
        if is_last {
            break;
        }
    }
    Seen { status, headers, frames }
}

async fn check(server: &Server, line: &str, headers: &str, expected: &str) {
    let request = format!("{line}\r\nHost: {}\r\n{headers}\r\n\r\n", server.address);
    let first = ask(&mut RawClient::connect(server).await, &request).await;
    assert!(first.status.contains(expected), "{request:?} is answered by {first:?}");
    // The second request of a connection is the HTTP layer's.
    let mut client = RawClient::connect(server).await;
    client.write(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes()).await;
    let head = client.read_head().await;
    client.skip_body(&head).await;
    assert_eq!(ask(&mut client, &request).await, first, "{request:?} as a second request");
    // A head in pieces is, too, as soon as one of them is read alone.
    let mut client = RawClient::connect(server).await;
    for byte in &request.as_bytes()[..request.len() / 2] {
        client.write(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&mut client, &request[request.len() / 2..]).await, first, "{request:?} in pieces");
}

#[tokio::test]
async fn an_upgrade_is_answered_alike_however_it_is_read() {
    let server = Server::start().await;
    let stream = "GET /v1/stream HTTP/1.1";
    let plain = format!("{PLAIN}\r\n{KEY}");
    check(&server, stream, &plain, "101").await;
    check(&server, "GET /v1/stream?symbols=A,B&mode=every HTTP/1.1", &plain, "101").await;
    check(&server, "GET /v1/stream?symbols=A&mode=never HTTP/1.1", &plain, "101").await;
    check(&server, "GET /v1/stream?symbols=A&tx=true HTTP/1.1", &plain, "101").await;
    check(&server, "GET /v1/stream?symbols=A&tx=maybe HTTP/1.1", &plain, "400").await;
    check(&server, stream, &format!("{plain}\r\nSec-WebSocket-Protocol: x, tickcast.v1.json"), "101").await;
    check(&server, stream, &format!("{plain}\r\nOrigin: http://{}", server.address), "101").await;
    // Upgraded, and closed with a close frame.
    check(&server, stream, &format!("{plain}\r\nOrigin: https://evil.example"), "101").await;
    let lists = PLAIN.replace("Connection: Upgrade", "Connection: keep-alive, uPGRADE");
    check(&server, stream, &format!("{lists}\r\n{KEY}"), "101").await;
    check(&server, stream, &format!("{plain}\r\nSec-WebSocket-Protocol: x"), "400").await;
    check(&server, stream, PLAIN, "400").await;
    check(&server, stream, &format!("{PLAIN}\r\nSec-WebSocket-Key: c2hvcnQ="), "400").await;
    check(&server, stream, &plain.replace("Version: 13", "Version: 8"), "426").await;
    check(&server, stream, &plain.replace("Upgrade: websocket", "Upgrade: h2c"), "426").await;
    check(&server, stream, &format!("{PLAIN}\r\nSec-WebSocket-Key: ########################"), "400").await;
    check(&server, stream, &format!("{plain}\r\n{KEY}"), "400").await;
    check(&server, stream, &format!("{plain}\r\nSec-WebSocket-Version: 13"), "400").await;
    check(&server, stream, &format!("{plain}\r\nHost: {}", server.address), "400").await;
    check(&server, "GET http://localhost/v1/stream HTTP/1.1", &plain, "101").await;
    check(&server, "GET http://u@localhost/v1/stream HTTP/1.1", &plain, "400").await;
    check(&server, "POST /v1/stream HTTP/1.1", &plain, "405").await;
    check(&server, "GET /v1/streams HTTP/1.1", &plain, "404").await;
    check(&server, "GET /v1/stream/ HTTP/1.1", &plain, "404").await;
}

#[tokio::test]
async fn a_head_with_too_many_headers_is_refused() {
    let server = Server::start().await;
    let many = "x-many: y\r\n".repeat(80);
    let mut client = RawClient::connect(&server).await;
    let request = format!("GET /v1/stream HTTP/1.1\r\nHost: x\r\n{many}{PLAIN}\r\n{KEY}\r\n\r\n");
    client.write(request.as_bytes()).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
}

#[tokio::test]
async fn an_answer_and_what_was_asked_for_come_with_the_upgrade() {
    let server = Server::start().await;
    server.publish(&crate::harness::bids("A", 1..=1)).await;
    let mut client = RawClient::connect(&server).await;
    let request =
        format!("GET /v1/stream?symbols=A HTTP/1.1\r\nHost: {}\r\n{PLAIN}\r\n{KEY}\r\n\r\n", server.address);
    client.write(request.as_bytes()).await;
    client.read_head().await;
    for kind in ["welcome", "subscribed", "snapshot"] {
        let (_, payload) = client.read_frame().await.expect("a frame");
        let text = String::from_utf8_lossy(&payload).into_owned();
        assert!(text.starts_with(&format!(r#"[{{"type":"{kind}""#)), "{kind} was expected: {text}");
    }
    // What was joined is recorded like all else.
    assert_eq!(server.settled().await.sum("tickcast_frames_sent_total"), 3);
}
