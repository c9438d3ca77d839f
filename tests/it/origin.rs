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

/// A server with one allowed origin and one allowed family of them.
async fn shared() -> Server {
    let flags = ["--allow-origin", "https://app.example", "--allow-origin", "https://*.example.com"];
    Server::with().args(&flags).start().await
}

const READABLE: [&str; 7] =
    ["/v1/symbols", "/v1/snapshot?symbols=A", "/v1/sse?symbols=A", "/metrics", "/healthz", "/readyz", "/"];

#[tokio::test]
async fn an_allowed_page_can_read_every_answer() {
    let server = shared().await;
    server.publish(&bids("A", [1])).await;
    for origin in ["https://app.example", "https://APP.example:443", "https://x.example.com"] {
        for path in READABLE.iter().chain(&["/nothing", "/v1/snapshot", "/v1/stream", "/debug/slow?k=x"]) {
            let answer =
                server.request("GET", path).header("origin", origin).start().await.expect("an answer");
            let header =
                |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap_or_default());
            assert_eq!(header("access-control-allow-origin"), Some(origin), "{path}");
            assert_eq!(header("vary"), Some("Origin"), "{path}");
            assert!(header("access-control-expose-headers").unwrap_or_default().contains("Retry-After"));
        }
    }
    for origin in ["https://app.example:8443", "http://app.example", "https://example.com"] {
        for path in READABLE {
            let reply = server.request("GET", path).header("origin", origin).send().await;
            reply.expect_error(403);
            assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
            assert_eq!(reply.header("vary"), "Origin", "{path}");
        }
    }
    let reply = server.request("GET", "/v1/symbols").header("origin", "https://evil.example").send().await;
    assert!(reply.body.contains("--allow-origin https://evil.example"), "it says what to do: {}", reply.body);
}

#[tokio::test]
async fn an_allowed_page_is_told_so_before_it_asks() {
    let server = shared().await;
    let preflight = |path: &str, origin: &str, method: &str| {
        server
            .request("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "last-event-id,content-type")
            .header("access-control-request-private-network", "true")
    };
    for path in READABLE.iter().chain(&["/v1/stream", "/debug/slow"]) {
        let reply = preflight(path, "https://app.example", "GET").send().await;
        assert_eq!(reply.status.as_u16(), 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "https://app.example");
        assert!(reply.header("access-control-allow-methods").contains("GET"), "{reply:?}");
        assert_eq!(reply.header("access-control-allow-headers"), "last-event-id,content-type");
        assert_eq!(reply.header("access-control-allow-private-network"), "true");
        assert!(reply.header("access-control-max-age").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        preflight(path, "https://evil.example", "GET").send().await.expect_error(403);
    }
    preflight("/nothing", "https://app.example", "GET").send().await.expect_error(404);
    let reply = server.request("OPTIONS", "/v1/symbols").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (204, "GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn a_page_that_is_allowed_only_because_all_are_does_not_control() {
    let server = Server::with().args(&["--allow-origin", "*"]).start().await;
    let post = |origin: &str| {
        let request = server.request("POST", "/v1/publish").header("origin", origin);
        request.body(bids("A", [1]).join("\n"))
    };
    post("https://evil.example").send().await.expect_error(403);
    assert_eq!(post(&format!("http://{}", server.address)).send().await.status.as_u16(), 200);
    let read = server.request("GET", "/v1/symbols").header("origin", "https://evil.example").send().await;
    assert_eq!(
        (read.status.as_u16(), read.header("access-control-allow-origin")),
        (200, "https://evil.example")
    );
}

#[tokio::test]
async fn what_another_site_embeds_is_refused_before_it_begins() {
    let server = Server::start().await;
    for path in READABLE {
        for site in ["cross-site", "same-site"] {
            let image = server.request("GET", path).header("sec-fetch-site", site);
            let image = image.header("sec-fetch-mode", "no-cors").header("sec-fetch-dest", "image");
            image.send().await.expect_error(403);
        }
    }
    assert_eq!(server.metrics().await.sum("tickcast_sessions_opened_total"), 0);
    let visit = server.request("GET", "/").header("sec-fetch-site", "cross-site");
    let visit = visit.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    assert_eq!(visit.send().await.status.as_u16(), 200, "a link to the dashboard is fine");
    let own = server.request("GET", "/v1/symbols").header("sec-fetch-site", "same-origin");
    assert_eq!(own.send().await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_name_that_might_be_anyones_is_not_for_browsers() {
    let server = Server::start().await;
    let ask = async |server: &Server, host: &str, mark: &str| {
        let mut client = RawClient::connect(server).await;
        let request = format!("GET /v1/symbols HTTP/1.1\r\nHost: {host}\r\n{mark}Connection: close\r\n\r\n");
        client.write(request.as_bytes()).await;
        client.read_to_end().await
    };
    let marks =
        ["Origin: http://tickcast:8080\r\n", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"];
    for mark in marks {
        let answer = ask(&server, "tickcast:8080", mark).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{mark}: {answer}");
        assert!(answer.contains("--allow-origin http://tickcast:8080"), "it says what to do: {answer}");
    }
    assert!(
        ask(&server, "tickcast:8080", "").await.starts_with("HTTP/1.1 200"),
        "a scraper is not a browser"
    );
    let known = Server::with().args(&["--allow-origin", "http://tickcast:8080"]).start().await;
    for mark in marks {
        let answer = ask(&known, "tickcast:8080", mark).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{mark}: {answer}");
    }
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
