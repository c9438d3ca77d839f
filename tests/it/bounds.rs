//! What HTTP connections, their answers and the work behind them are bounded by.

use serde_json::Value;

use crate::harness::{Client, Server, Subscription, bids, eventually, raw::RawClient, server::address_in};

const BULK: &str = "tickcast_limit_hits_total";

fn many(count: usize) -> Vec<String> {
    (0..count).flat_map(|index| bids(&format!("SYMBOL-{index:06}"), [1])).collect()
}

/// A client that has asked and does not read.
async fn unread(server: &Server, target: &str) -> RawClient {
    let mut client = RawClient::connect(server).await;
    client.write(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
    client
}

async fn asks(client: &mut RawClient, target: &str) -> String {
    client.write(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
    let head = client.read_head().await;
    client.skip_body(&head).await;
    head
}

fn timeouts(metrics: &crate::harness::Metrics) -> u64 {
    metrics.sum_where("tickcast_handshakes_rejected_total", "timeout")
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_is_no_failed_handshake() {
    // The first request has less time than a connection may idle, which must not be taken for it.
    let server = Server::with().limit("handshake_ms", 300).limit("idle_ms", 4_000).start().await;
    let mut client = RawClient::connect(&server).await;
    asks(&mut client, "/healthz").await;
    assert_eq!(timeouts(&server.metrics().await), 0);
    let mut silent = RawClient::connect(&server).await;
    assert_eq!(silent.read_to_end().await, "");
    assert_eq!(timeouts(&server.metrics().await), 1, "a first request that does not come has failed");
    // By then the other has idled for longer than a handshake may last.
    asks(&mut client, "/healthz").await;
    assert_eq!(client.read_to_end().await, "", "closed without a word");
    assert_eq!(timeouts(&server.metrics().await), 1);
}

#[tokio::test]
async fn a_later_request_that_trickles_is_cut() {
    let server = Server::with().limit("handshake_ms", 500).limit("idle_ms", 3_600_000).start().await;
    for beginning in ["G", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = RawClient::connect(&server).await;
        asks(&mut client, "/healthz").await;
        client.write(beginning.as_bytes()).await;
        assert_eq!(client.read_to_end().await, "");
    }
    // In one write with a request that is answered.
    let mut client = RawClient::connect(&server).await;
    client.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal").await;
    assert!(client.read_to_end().await.contains("alive"));
}

#[tokio::test]
async fn long_answers_are_few_at_once_and_probes_wait_for_none() {
    let server = Server::patient().limit("bulk_requests", 2).start().await;
    server.publish(&many(20_000)).await;
    let mut held = Vec::new();
    for target in ["/v1/symbols", "/v1/snapshot?symbols=*"] {
        let mut client = unread(&server, target).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("chunked"), "{head}");
        held.push(client);
    }
    let refused = server.get("/v1/symbols").await;
    assert_eq!((refused.expect_error(503).as_str(), refused.header("retry-after")), ("busy", "1"));
    assert_eq!(server.get("/v1/snapshot?symbols=A,B,*").await.expect_error(503), "busy");
    for path in ["/healthz", "/readyz", "/metrics", "/v1/snapshot?symbols=SYMBOL-000001", "/"] {
        assert_eq!(server.get(path).await.status.as_u16(), 200, "{path}");
    }
    assert_eq!(server.metrics().await.sum_where(BULK, "bulk_requests"), 2);
    // Who hangs up gives back the place, though most of its answer was never made.
    drop(held);
    eventually("a place given back", async || server.get("/v1/symbols").await.status.as_u16() == 200).await;
}

#[tokio::test]
async fn an_answer_that_is_not_read_gives_its_slot_to_another() {
    let server = Server::patient().limit("bulk_requests", 2).start().await;
    server.publish(&many(20_000)).await;
    let mut held = [unread(&server, "/v1/symbols").await, unread(&server, "/v1/symbols").await];
    for client in &mut held {
        client.read_head().await;
    }
    // At first they may be about to read; no deadline of theirs ends before the test does.
    eventually("the place of one that does not read", async || {
        let reply = server.get("/v1/symbols").await;
        reply.status.as_u16() == 200 && reply.json().as_array().is_some_and(|all| all.len() == 20_000)
    })
    .await;
    let [first, second] = &mut held;
    let answer = tokio::select! {
        answer = first.read_to_end() => answer,
        answer = second.read_to_end() => answer,
    };
    assert!(!answer.ends_with("0\r\n\r\n"), "one of them was cut short");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_its_connection() {
    let server = Server::with().limit("progress_ms", 700).start().await;
    server.publish(&many(20_000)).await;
    let mut stalled = unread(&server, "/v1/symbols").await;
    server
        .until_metrics("the end of the stalled answer", |metrics| {
            metrics.sum_where("tickcast_limit_hits_total", "progress") == 1
        })
        .await;
    let answer = stalled.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.ends_with("0\r\n\r\n"), "cut short");
    let whole = server.get("/v1/symbols").await;
    assert!(
        whole.body.len() > answer.len() && whole.json().as_array().is_some_and(|all| all.len() == 20_000)
    );
}

#[tokio::test]
async fn unread_answers_cost_no_memory_to_speak_of() {
    let server = Server::patient().limit("bulk_requests", 10_000).start().await;
    server.publish(&many(20_000)).await;
    let resident = async || server.metrics().await.sum("process_resident_memory_bytes");
    server.get("/v1/symbols").await;
    let before = resident().await;
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut client = unread(&server, "/v1/symbols").await;
        client.read_head().await;
        held.push(client);
    }
    let grown = resident().await.saturating_sub(before);
    // Each answer has a megabyte.
    assert!(grown < 12_000_000, "{grown} bytes for {} answers", held.len());
}

#[tokio::test]
async fn a_long_answer_is_whole_in_every_way_of_asking() {
    let server = Server::start().await;
    server.publish(&many(3_000)).await;
    let listed = server.get("/v1/symbols").await;
    let names: Vec<String> = listed.json().as_array().expect("an array").iter().map(name).collect();
    assert_eq!(names, (0..3_000).map(|index| format!("SYMBOL-{index:06}")).collect::<Vec<_>>());
    let head = server.request("HEAD", "/v1/symbols").send().await;
    assert!(head.status.as_u16() == 200 && head.body.is_empty() && head.header("content-length").is_empty());
    // Without chunks the end of the connection is the end of the answer.
    let mut old = RawClient::connect(&server).await;
    old.write(b"GET /v1/symbols HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    let answer = old.read_to_end().await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(!head.contains("chunked") && body == listed.body, "{head}");
}

#[tokio::test]
async fn a_snapshot_of_globs_has_each_symbol_once_and_names_first() {
    let server = Server::start().await;
    server.publish(&many(500)).await;
    let ask = async |symbols: &str| -> Vec<String> {
        let reply = server.get(&format!("/v1/snapshot?symbols={symbols}")).await;
        reply.json().as_array().expect("an array").iter().map(name).collect()
    };
    let all = ask("SYMBOL-000003,*,SYMBOL-000001,*7,SYMBOL-000003,*").await;
    let first = ["SYMBOL-000003", "SYMBOL-000001"].map(str::to_owned);
    let rest = (0..500).map(|index| format!("SYMBOL-{index:06}")).filter(|symbol| !first.contains(symbol));
    assert_eq!(all, first.iter().cloned().chain(rest).collect::<Vec<_>>());
    assert_eq!(ask("*99").await.len(), 5);
    assert_eq!(ask("NONE*,NOBODY").await.len(), 0);
    let globs: Vec<String> = (0..600).map(|index| format!("S*{index}")).collect();
    let refused = server.get(&format!("/v1/snapshot?symbols={}", globs.join(","))).await;
    assert_eq!(refused.expect_error(400), "too_many_globs");
}

#[tokio::test]
async fn requests_without_a_pause_slow_no_session() {
    let server = Server::with().args(&["--shards", "1"]).start().await;
    server.publish(&many(5_000)).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["HOT"]).every()).await;
    let targets = ["/", "/nothing", "/readyz", "/metrics", "/v1/symbols", "/v1/snapshot?symbols=*9,*1"];
    let floods: Vec<_> = targets
        .into_iter()
        .map(|target| {
            let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(50);
            tokio::spawn(flood(server.address, request))
        })
        .collect();
    for number in 1..=100 {
        server.publish(&bids("HOT", [number])).await;
        client.until_seq("HOT", number).await;
        client.ping().await;
    }
    for flood in floods {
        flood.abort();
        // It went on all the while, and was served.
        assert!(flood.await.is_err_and(|error| error.is_cancelled()));
    }
    let metrics = server.settled().await;
    assert!(metrics.sum("tickcast_updates_delivered_total") >= 100);
}

/// Writes the requests and reads the answers, for ever.
async fn flood(address: std::net::SocketAddr, requests: String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stream = tokio::net::TcpStream::connect(address).await.expect("a listening server");
    let (mut read, mut write) = stream.into_split();
    let reading = async {
        let mut bytes = vec![0; 64 * 1024];
        while read.read(&mut bytes).await.expect("an open connection") > 0 {}
    };
    let writing = async { while write.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::join!(reading, writing);
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own() {
    let server = Server::with().args(&["--admin-listen", "127.0.0.1:0"]).start().await;
    let said = |log: &str| log.lines().find(|line| line.contains("operators")).map(str::to_owned);
    eventually("the second address", async || said(&server.log()).is_some()).await;
    let line = said(&server.log()).expect("a line").replace("operators are served on", "listening on");
    let admin = address_in(&line);
    let get = async |path: &str| crate::harness::Request::new(admin, "GET", path).send().await;
    for path in ["/healthz", "/readyz", "/metrics", "/debug/slow"] {
        assert_eq!(get(path).await.status.as_u16(), 200, "{path}");
        assert_eq!(server.get(path).await.expect_error(404), "not_found", "{path}");
    }
    assert_eq!(get("/v1/replay").await.expect_error(404), "no_replay");
    assert_eq!(server.get("/v1/replay").await.expect_error(404), "not_found");
    assert!(server.get("/metrics").await.body.contains("admin_listen"), "a hint");
    for path in ["/", "/v1/symbols", "/v1/stream", "/v1/sse?symbols=A"] {
        assert_eq!(get(path).await.expect_error(404), "not_found", "{path}");
    }
    let upgrade = crate::harness::Request::new(admin, "GET", "/v1/stream").upgrade();
    assert_eq!(upgrade.send().await.status.as_u16(), 404);
    let mut client = Client::open(&server).await;
    client.ping().await;
    assert_eq!(server.get("/v1/symbols").await.status.as_u16(), 200);
}

fn name(row: &Value) -> String {
    row["symbol"].as_str().expect("a symbol").to_owned()
}
