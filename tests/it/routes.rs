//! HTTP beside the stream: routes, refusals, and what each page holds.

use crate::harness::{Client, Market, Message, Metrics, Server, Sse, Subscription, bids, raw::RawClient};

const ROUTES: [(&str, &str); 11] = [
    ("/", "GET"),
    ("/assets/app.js", "GET"),
    ("/metrics", "GET"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/v1/feeds", "GET"),
    ("/v1/symbols", "GET"),
    ("/v1/snapshot?symbols=A", "GET"),
    ("/v1/sse?symbols=A", "GET"),
    ("/debug/slow?k=20", "GET"),
    ("/v1/publish", "POST"),
];

#[tokio::test]
async fn unknown_paths_are_404_in_json() {
    let server = Server::start().await;
    for path in [
        "/nothing",
        "/v1",
        "/v1/",
        "/v1/stream/x",
        "/V1/SYMBOLS",
        "/metrics/",
        "/v2/stream",
        "/..",
        "/%2e%2e/etc",
    ] {
        server.get(path).await.expect_error(404);
    }
    server.request("POST", "/nothing").body("x").send().await.expect_error(404);
}

#[tokio::test]
async fn wrong_methods_are_405_and_name_the_right_one() {
    let server = Server::start().await;
    for (path, right) in ROUTES {
        let wrong = match right {
            // It takes both.
            _ if path.starts_with("/v1/snapshot") => "PUT",
            "GET" => "POST",
            _ => "GET",
        };
        for method in [wrong, "DELETE", "PUT", "PATCH", "BREW"] {
            let reply = server.request(method, path).send().await;
            reply.expect_error(405);
            assert!(reply.header("allow").contains(right), "{method} {path}: {:?}", reply.headers);
        }
    }
    server.request("POST", "/v1/stream").send().await.expect_error(405);
}

#[tokio::test]
async fn a_stream_without_an_upgrade_is_426() {
    let server = Server::start().await;
    let reply = server.get("/v1/stream").await;
    reply.expect_error(426);
    assert!(reply.header("upgrade").eq_ignore_ascii_case("websocket"), "{:?}", reply.headers);
    server
        .request("GET", "/v1/stream")
        .header("connection", "Upgrade")
        .header("upgrade", "h2c")
        .send()
        .await
        .expect_error(426);
}

#[tokio::test]
async fn a_broken_upgrade_is_refused_with_a_reason() {
    let server = Server::start().await;
    let upgrade = |version: &str, key: &str| {
        server
            .request("GET", "/v1/stream")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", version)
            .header("sec-websocket-key", key)
    };
    let reply = upgrade("8", "dGhlIHNhbXBsZSBub25jZQ==").send().await;
    assert_eq!(reply.header("sec-websocket-version"), "13", "{reply:?}");
    reply.expect_error(426);
    upgrade("13", "").send().await.expect_error(400);
    upgrade("13", "too-short").send().await.expect_error(400);
    assert!(server.metrics().await.sum("tickcast_handshakes_rejected_total") >= 3);
    // The same with everything in order.
    assert_eq!(upgrade("13", "dGhlIHNhbXBsZSBub25jZQ==").send().await.status.as_u16(), 101);
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let server = Server::start().await;
    for path in ["/healthz", "/metrics", "/v1/symbols"] {
        let reply = server.request("HEAD", path).send().await;
        assert!(reply.body.is_empty() && [200, 405].contains(&reply.status.as_u16()), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn a_head_beyond_all_measure_is_refused() {
    let server = Server::start().await;
    let mut many = server.request("GET", "/healthz");
    for index in 0..1_000 {
        many = many.header(&format!("x-{index}"), "y");
    }
    let status = many.attempt().await.map_or(431, |reply| reply.status.as_u16());
    assert!([400, 431].contains(&status), "{status}");
    let long = format!("/healthz?{}", "x".repeat(200_000));
    let status = server.request("GET", &long).attempt().await.map_or(431, |reply| reply.status.as_u16());
    assert!([400, 414, 431].contains(&status), "{status}");
    assert_eq!(server.get("/healthz").await.status.as_u16(), 200);
}

/// So many names of eight characters.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("SYM{index:05}")).collect()
}

#[tokio::test]
async fn a_head_of_64_kib_is_read_on_every_path() {
    let server = Server::start().await;
    server.publish(&bids("SYM04999", [1])).await;
    let reply = server.get(&format!("/v1/snapshot?symbols={}", names(5_000).join(","))).await;
    assert_eq!(
        (reply.status.as_u16(), Message::of_array(&reply.body).len()),
        (200, 1),
        "{:.300}",
        reply.body
    );
    let query = format!("symbols={}", names(2_000).join("&symbols="));
    let mut sse = Sse::open(&server, &query, &["*"]).await;
    let subscribed = sse.until("an answer", |message| message.is("subscribed")).await;
    assert_eq!(subscribed.results().len(), 2_000);
    let mut client = Client::of(&server).query(&query).open().await;
    assert_eq!(client.until_kind("subscribed").await.results().len(), 2_000);
    // To the byte, whatever it is that makes it long.
    let begin = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Long: ", server.address);
    for (bytes, expected) in
        [(64 * 1024, "200"), (64 * 1024 + 1, "431"), (100_000, "431"), (2_000_000, "431")]
    {
        let value = "x".repeat(bytes - begin.len() - 4);
        let mut client = RawClient::connect(&server).await;
        client.write_if_open(format!("{begin}{value}\r\n\r\n").as_bytes()).await;
        let answer = client.read_to_end().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{bytes} bytes: {answer:.200}");
        assert!(
            expected == "200" || answer.contains(r#"{"error":{"code":"head_too_large""#),
            "{bytes}: {answer}"
        );
    }
    for bytes in [65_000, 70_000, 200_000] {
        let mut client = RawClient::connect(&server).await;
        let target = format!("/v1/snapshot?symbols={}", "x".repeat(bytes));
        client.write_if_open(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let head = client.read_head().await;
        let expected = if bytes < 64 * 1024 { "400" } else { "431" };
        assert!(head.starts_with(&format!("HTTP/1.1 {expected} ")), "{bytes}: {head}");
        assert!(head.contains("content-type: application/json"), "{bytes}: {head}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused_in_json() {
    let server = Server::start().await;
    for text in [
        "nonsense\r\n\r\n",
        "GET / HTTP/3.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
        // A client that speaks HTTP/2 unasked.
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut client = RawClient::connect(&server).await;
        client.write(text.as_bytes()).await;
        let answer = client.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{text:?}: {answer}");
        assert!(answer.contains(r#"{"error":{"code":"bad_request""#), "{text:?}: {answer}");
    }
}

#[tokio::test]
async fn lists_are_united_and_blanks_around_commas_do_not_count() {
    let server = Server::start().await;
    server.publish(&[bids("A", [1]), bids("B", [1]), bids("C", [1])].concat()).await;
    let query = "symbols=A&symbols=B%20,%20C,&fields=bid&fields=+ask+";
    let snapshots = server.get("/v1/snapshot?symbols=A&symbols=B%20,%20C,").await;
    assert_eq!(Message::of_array(&snapshots.body).len(), 3, "{}", snapshots.body);
    let mut sse = Sse::open(&server, query, &["A", "B", "C"]).await;
    let subscribed = sse.until("an answer", |message| message.is("subscribed")).await;
    let ok = |symbol: &str| (symbol.to_owned(), "ok".to_owned());
    assert_eq!(subscribed.results(), [ok("A"), ok("B"), ok("C")]);
    let mut client = Client::of(&server).query(query).open().await;
    assert_eq!(client.until_kind("subscribed").await.results(), [ok("A"), ok("B"), ok("C")]);
    // What is not a list may be given twice alike.
    let mut client = Client::of(&server).query("symbols=A&mode=every&mode=every").open().await;
    client.until_kind("subscribed").await;
    let mut client = Client::of(&server).query("symbols=A&mode=every&mode=latest").open().await;
    assert_eq!(client.until_kind("error").await.error_code(), "bad_value");
    server.get("/debug/slow?k=1&k=2").await.expect_error(400);
    assert_eq!(server.get("/debug/slow?k=1&k=1").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_snapshot_is_posted_for_as_it_is_asked_for() {
    let server = Server::start().await;
    server.publish(&[bids("A", [1]), bids("SYM04999", [2])].concat()).await;
    let post = |body: &str| server.request("POST", "/v1/snapshot").body(body.to_owned());
    let asked = server.get("/v1/snapshot?symbols=A,SYM*").await;
    let reply =
        post("\u{feff}{\"symbols\":[\"A\",\"SYM*\"]}").header("content-type", "text/plain").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &asked.body));
    assert_eq!(Message::of_array(&reply.body).len(), 2);
    let many: Vec<String> = names(10_000).iter().map(|name| format!("{name:?}")).collect();
    let reply = post(&format!("{{\"symbols\":[{}]}}", many.join(","))).send().await;
    assert_eq!((reply.status.as_u16(), Message::of_array(&reply.body).len()), (200, 1));
    let too_many = format!("{{\"symbols\":[{},\"A\"]}}", many.join(","));
    for (body, code) in [
        ("", "bad_body"),
        ("[]", "bad_body"),
        ("{}", "missing_parameter"),
        (r#"{"symbols":[]}"#, "missing_parameter"),
        (r#"{"symbols":"A"}"#, "bad_value"),
        (r#"{"symbols":["A,B"]}"#, "bad_symbol"),
        (r#"{"symbol":["A"]}"#, "unknown_parameter"),
        (too_many.as_str(), "too_many_symbols"),
    ] {
        let reply = post(body).send().await;
        reply.expect_error(400);
        assert!(reply.body.contains(&format!("{code:?}")), "{body:.60}: {}", reply.body);
    }
    post(&"x".repeat(1024 * 1024 + 1)).send().await.expect_error(413);
}

#[tokio::test]
async fn alive_and_ready_say_so() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    assert_eq!(server.get("/healthz").await.status.as_u16(), 200);
    assert_eq!(server.get("/readyz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn symbols_are_listed_with_their_seq_and_state() {
    let server = Server::start().await;
    assert!(server.symbols().await.is_empty());
    server.publish(&[bids("B", 1..=3), bids("A", 1..=2)].concat()).await;
    let mut symbols = server.symbols().await;
    symbols.sort();
    let live = |symbol: &str, seq| (symbol.to_owned(), seq, "live".to_owned());
    assert_eq!(symbols, [live("A", 2), live("B", 3)]);
}

#[tokio::test]
async fn a_snapshot_over_http_is_the_one_that_the_stream_gives() {
    let server = Server::start().await;
    let mut market = Market::new(2, "H", 3);
    server.publish(&market.ticks(300)).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(market.symbols())).await;
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    let reply = server.get("/v1/snapshot?symbols=H0,H1,H2").await;
    assert_eq!(reply.status.as_u16(), 200);
    reply.json();
    let messages = Message::of_frame(&reply.body);
    assert_eq!(messages.len(), 3);
    for message in messages {
        let streamed = &client.store.get(&message.str("symbol")).history[0];
        assert_eq!(format!("{message:?}"), format!("{streamed:?}"));
    }
}

#[tokio::test]
async fn the_metrics_have_every_family_that_the_contract_names() {
    let server = Server::start().await;
    server.publish_any(&[bids("A", [1]), vec!["nonsense".to_owned()]].concat().join("\n")).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    server.publish(&bids("A", [2])).await;
    client.until_seq("A", 2).await;
    let metrics = server.settled().await;
    for family in [
        "ticks_ingested_total",
        "ticks_rejected_total",
        "updates_offered_total",
        "updates_delivered_total",
        "updates_conflated_total",
        "updates_filtered_total",
        "updates_gapped_total",
        "updates_discarded_total",
        "updates_pending",
        "update_age_seconds_bucket",
        "update_age_seconds_count",
        "frames_sent_total",
        "bytes_sent_total",
        "sessions_opened_total",
        "sessions_closed_total",
        "sessions",
        "subscriptions",
        "topics",
        "topics_stale",
        "handshakes_rejected_total",
        "feed_lag_seconds",
        "feed_reconnects_total",
        "build_info",
    ] {
        assert!(metrics.has(&format!("tickcast_{family}")), "tickcast_{family} is missing");
    }
    assert!(metrics.has("process_resident_memory_bytes"), "the process's own");
    assert_eq!(metrics.sum("tickcast_ticks_ingested_total"), 2);
    assert_eq!(metrics.sum("tickcast_ticks_rejected_total"), 1);
    assert_eq!(metrics.sum("tickcast_sessions"), 1);
    assert_eq!(metrics.sum("tickcast_subscriptions"), 1);
    assert_eq!(metrics.sum("tickcast_topics"), 1);
    assert!(metrics.sum("tickcast_update_age_seconds_count") >= 1);
    assert!(metrics.sum("tickcast_bytes_sent_total") > 100);
}

#[tokio::test]
async fn the_metrics_say_what_is_behind_whether_it_is_ready_and_what_the_limits_are() {
    let server =
        Server::with().args(&["--shards", "1"]).limit("topics", 7).limit("stale_ms", 60_000).start().await;
    let one = |metrics: &Metrics, name: &str| metrics.sum(&format!("tickcast_{name}"));
    server.publish(&[bids("A", [1]), bids("B", [1])].concat()).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "B"]).interval_ms(60_000)).await;
    client.until_seq("A", 1).await;
    // The first is sent at once, and what comes after it waits for the interval.
    server.publish(&bids("A", [2, 3])).await;
    server.publish(&bids("A", [4])).await;
    let behind =
        server.until_metrics("a tick to wait", |metrics| metrics.sum("tickcast_updates_pending") > 0).await;
    assert_eq!(one(&behind, "subscriptions_behind"), 1);
    assert!(behind.has("tickcast_updates_pending_oldest_seconds"));
    assert_eq!((one(&behind, "ready"), one(&behind, "shards_configured")), (1, 1));
    assert_eq!((one(&behind, "limits_topics"), one(&behind, "limits_stale_seconds")), (7, 60));
    assert_eq!((one(&behind, "waiting_bytes"), one(&behind, "control_waiting_max_bytes")), (0, 0));
}

#[tokio::test]
async fn the_page_is_html_and_subscribes() {
    let server = Server::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    let script = server.get("/assets/app.js").await;
    assert!(script.header("content-type").starts_with("text/javascript"), "{:?}", script.headers);
    assert!(script.body.contains("/v1/stream"), "it subscribes");
    // The page works without any network but the server's: what it loads, it loads from here.
    assert!(!page.body.contains("src=\"http") && !page.body.contains("src=\"//"));
    assert!(server.get("/assets/app.css").await.header("content-type").starts_with("text/css"));
    assert!(server.get("/assets/chart.js").await.body.contains("TradingView"));
}

#[tokio::test]
async fn the_dashboard_is_not_sent_again_to_a_browser_that_has_it() {
    let server = Server::start().await;
    for path in ["/", "/assets/app.js"] {
        let whole = server.get(path).await;
        let tag = whole.header("etag");
        let again = server.request("GET", path).header("if-none-match", tag).send().await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
        let head = server.request("HEAD", path).send().await;
        assert!(head.status.as_u16() == 200 && head.body.is_empty(), "{path}: {head:?}");
        assert_eq!(head.header("etag"), tag);
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
    }
}

#[tokio::test]
async fn the_slowest_sessions_are_shown_with_the_reason() {
    let server = Server::patient().start().await;
    let mut market = Market::new(4, "SLOW", 50);
    server.publish(&market.open()).await;
    let mut slow = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    slow.subscribe(Subscription::to(market.symbols())).await;
    let mut quick = Client::open(&server).await;
    quick.ping().await;
    server.publish(&market.ticks(40_000)).await;
    let reply = server.get("/debug/slow?k=1").await;
    assert_eq!(reply.status.as_u16(), 200);
    reply.json();
    let sessions = Message::of_array(&reply.body);
    assert_eq!(sessions.len(), 1, "k=1 is one session: {}", reply.body);
    let session = slow.welcome.raw("session").expect("a session's name");
    assert_eq!(
        sessions[0].raw("session"),
        Some(session),
        "by the name that its welcome gave it: {}",
        reply.body
    );
    assert!(sessions[0].str("why").len() > 3, "and why: {}", reply.body);
    server.get("/debug/slow?k=many").await.expect_error(400);
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let server = Server::start().await;
    let mut client = RawClient::connect(&server).await;
    for _ in 0..5 {
        client.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        client.skip_body(&head).await;
    }
}
