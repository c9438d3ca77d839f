//! Requests as the RFCs have them: by which host, by which page, and answered though nothing more is sent.

use crate::harness::{Server, bids, raw::RawClient};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";

/// Sends this text as a request and closes the sending side. Returns the whole answer.
async fn ask(server: &Server, request: &str) -> String {
    let mut client = RawClient::connect(server).await;
    client.write(request.as_bytes()).await;
    client.finish().await;
    client.read_to_end().await
}

async fn check(server: &Server, request: &str, status: u16, code: &str) {
    let answer = ask(server, request).await;
    let line = answer.lines().next().unwrap_or_default();
    assert!(line.contains(&format!(" {status} ")), "{request:?}: {answer}");
    assert!(code.is_empty() || answer.contains(&format!(r#""code":"{code}""#)), "{request:?}: {answer}");
}

#[tokio::test]
async fn a_request_names_its_host_once_and_well() {
    let server = Server::start().await;
    let host = server.address;
    for path in ["/healthz", "/v1/symbols", "/nothing", "/v1/stream"] {
        let line = format!("GET {path} HTTP/1.1");
        check(&server, &format!("{line}\r\n\r\n"), 400, "bad_host").await;
        check(&server, &format!("{line}\r\nHost: {host}\r\nHost: {host}\r\n\r\n"), 400, "bad_host").await;
        for malformed in ["", "a b", "a,b", "u@a", "a/b", "a:b", "a:70000", "[::1", "::1", "http://a"] {
            check(&server, &format!("{line}\r\nHost: {malformed}\r\n\r\n"), 400, "bad_host").await;
        }
    }
    check(&server, "GET /healthz HTTP/1.0\r\n\r\n", 200, "").await;
    check(&server, "GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_host").await;
    check(&server, "GET /healthz HTTP/1.1\r\nHost: tickcast:8080\r\nConnection: close\r\n\r\n", 200, "")
        .await;
    let upgrade = format!("{UPGRADE}\r\n{KEY}");
    check(&server, &format!("GET /v1/stream HTTP/1.1\r\n{upgrade}\r\n\r\n"), 400, "bad_host").await;
    check(
        &server,
        &format!("GET /v1/stream HTTP/1.1\r\nHost: a\r\nHost: a\r\n{upgrade}\r\n\r\n"),
        400,
        "bad_host",
    )
    .await;
}

#[tokio::test]
async fn an_upgrade_by_http_1_0_is_told_what_it_needs() {
    let server = Server::start().await;
    let request =
        format!("GET /v1/stream HTTP/1.0\r\nHost: {}\r\n{UPGRADE}\r\n{KEY}\r\n\r\n", server.address);
    check(&server, &request, 426, "upgrade_required").await;
    assert!(ask(&server, &request).await.contains("HTTP/1.1"), "and by what");
}

#[tokio::test]
async fn a_key_is_sixteen_bytes_and_given_once() {
    let server = Server::start().await;
    let head = format!("GET /v1/stream HTTP/1.1\r\nHost: {}\r\n{UPGRADE}", server.address);
    for key in
        ["########################", "dGhlIHNhbXBsZSBub25jZWFi", "dGhlIHNhbXBsZSBub25jZWE=", "c2hvcnQ="]
    {
        check(&server, &format!("{head}\r\nSec-WebSocket-Key: {key}\r\n\r\n"), 400, "bad_key").await;
    }
    check(&server, &format!("{head}\r\n{KEY}\r\n{KEY}\r\n\r\n"), 400, "bad_key").await;
    check(&server, &format!("{head}\r\n{KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"), 400, "bad_version")
        .await;
}

#[tokio::test]
async fn a_target_in_absolute_form_is_judged_by_its_own_host() {
    let server = Server::start().await;
    let (local, evil) = (server.address, "evil.example");
    let slow = |target: &str, host: &str| {
        format!("GET http://{target}/debug/slow HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    check(&server, &slow(&local.to_string(), &local.to_string()), 200, "").await;
    check(&server, &slow(evil, &local.to_string()), 403, "forbidden").await;
    check(&server, &slow(&local.to_string(), evil), 403, "forbidden").await;
    check(&server, &slow("u@localhost", &local.to_string()), 400, "bad_host").await;
    check(&server, &slow("localhost", "localhost\r\nHost: localhost"), 400, "bad_host").await;
    // A page of a rebound name is no better off.
    let page = format!("{local}\r\nOrigin: http://{evil}");
    check(&server, &slow(evil, &page).replace("/debug/slow", "/v1/symbols"), 403, "origin").await;
    // The error names the unknown name, wherever it is in the list.
    let page = format!("{evil}\r\nOrigin: http://{local}");
    let answer = ask(&server, &slow(&local.to_string(), &page).replace("/debug/slow", "/v1/symbols")).await;
    assert!(answer.contains(&format!("reached this server as {evil},")), "{answer}");
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_still_answered() {
    let server = Server::start().await;
    let lines = bids("A", 1..=3).join("\n");
    let publish = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{lines}",
        server.address,
        lines.len()
    );
    let answer = ask(&server, &publish).await;
    assert!(answer.contains(r#"{"accepted":3"#), "{answer}");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    for (path, part) in [
        ("/v1/symbols", r#"[{"symbol":"A","seq":3"#),
        ("/v1/snapshot?symbols=A", r#"[{"type":"snapshot","symbol":"A","seq":3"#),
        ("/metrics", "tickcast_sessions"),
        ("/healthz", "alive"),
        ("/nothing", "not_found"),
    ] {
        let answer = ask(&server, &get(path)).await;
        assert!(answer.contains(part), "{path}: {answer}");
    }
    // Both of two that came at once.
    let answer = ask(&server, &get("/healthz").repeat(2)).await;
    assert_eq!(answer.matches("alive").count(), 2, "{answer}");
    let mut events = RawClient::connect(&server).await;
    events.write(get("/v1/sse?symbols=A").as_bytes()).await;
    events.finish().await;
    events.read_head().await;
    events.read_until("snapshot").await;
}

#[tokio::test]
async fn a_client_that_is_still_sending_a_body_gets_the_answer() {
    let server = Server::with().limit("publish_bytes", 10_000).start().await;
    // More than any socket holds, so that a server which hangs up at once resets its answer away.
    let body = vec![b'a'; 16 * 1024 * 1024];
    for (path, code) in
        [("/v1/publish", "body_too_large"), ("/v1/snapshot", "body_too_large"), ("/nothing", "not_found")]
    {
        let mut client = RawClient::connect(&server).await;
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n", server.address);
        client.write(head.as_bytes()).await;
        assert!(client.write_if_open(&body).await, "{path}: hung up on who was sending");
        let answer = client.read_to_end().await;
        assert!(answer.contains(&format!(r#""code":"{code}""#)), "{path}: {answer}");
    }
    // A client that announces a body that is too long is refused before it sends it.
    let mut client = RawClient::connect(&server).await;
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 10001\r\n\r\n",
        server.address
    );
    client.write(head.as_bytes()).await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn an_upgrade_has_no_body() {
    let server = Server::start().await;
    let head = format!("GET /v1/stream HTTP/1.1\r\nHost: {}\r\n{UPGRADE}\r\n{KEY}", server.address);
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        check(&server, &format!("{head}\r\n{body}"), 400, "bad_request").await;
    }
    check(&server, &format!("{head}\r\nContent-Length: 0\r\n\r\n"), 101, "").await;
}

#[tokio::test]
async fn options_of_the_server_as_a_whole() {
    let server = Server::start().await;
    let answer = ask(&server, &format!("OPTIONS * HTTP/1.1\r\nHost: {}\r\n\r\n", server.address)).await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(answer.contains("allow: GET, HEAD, POST, OPTIONS"), "{answer}");
}
