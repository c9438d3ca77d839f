//! A page of another site must not read a trader's screen nor write into the feed.

use crate::harness::{Client, Server, bids, raw::RawClient};

/// What a handshake with these headers is answered by: an HTTP status, or the close code after an upgrade.
async fn answer(server: &Server, origin: &str) -> u16 {
    let reply = server.request("GET", "/v1/stream").header("origin", origin).upgrade().send().await;
    if reply.status.as_u16() != 101 {
        reply.expect_error(reply.status.as_u16());
        return reply.status.as_u16();
    }
    let mut client = RawClient::connect(server).await;
    let request = format!(
        "GET /v1/stream HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    client.write(request.as_bytes()).await;
    client.read_head().await;
    client.close_code().await.unwrap_or(0)
}

#[tokio::test]
async fn pages_of_other_sites_are_turned_away() {
    let server = Server::start().await;
    let own = server.address;
    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://{own}.evil.example"),
        format!("http://evil.example/{own}"),
        format!("http://{own}@evil.example"),
        format!("http://127.0.0.1:{}", own.port() ^ 1),
        "http://".to_owned(),
        "x".to_owned(),
    ] {
        let answer = answer(&server, &origin).await;
        assert!([403, 4103].contains(&answer), "{origin} was answered by {answer}");
    }
    assert!(server.metrics().await.sum_where("tickcast_handshakes_rejected_total", "origin") >= 9);
}

#[tokio::test]
async fn its_own_page_and_clients_without_a_page_are_welcome() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    Client::of(&server).header("origin", &own).open().await.ping().await;
    Client::open(&server).await.ping().await;
}

#[tokio::test]
async fn pages_of_other_sites_cannot_publish_nor_read_over_http() {
    let server = Server::start().await;
    let evil = "https://evil.example";
    let publish =
        server.request("POST", "/v1/publish").header("origin", evil).body(bids("A", [1]).join("\n"));
    publish.send().await.expect_error(403);
    assert!(server.symbols().await.is_empty());
    for path in ["/v1/symbols", "/v1/snapshot?symbols=A", "/debug/slow"] {
        let reply = server.request("GET", path).header("origin", evil).send().await;
        let shared = reply.header("access-control-allow-origin");
        assert!(shared != "*" && shared != evil || path == "/v1/symbols", "{path} is shared with {shared}");
    }
}
