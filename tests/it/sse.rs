//! `/v1/sse`: the stream's messages for clients without WebSocket.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Market, Server, Sse, bids, within};

#[tokio::test]
async fn the_same_messages_under_the_same_laws() {
    let server = Server::start().await;
    let mut market = Market::new(6, "E", 4);
    server.publish(&market.open()).await;
    let mut sse = Sse::open(&server, "symbols=E0,E1,E2,E3", &["E0", "E1", "E2", "E3"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    for symbol in market.symbols() {
        sse.until_seq(&symbol, 1).await;
    }
    for _ in 0..10 {
        server.publish(&market.ticks(100)).await;
    }
    for symbol in market.symbols() {
        sse.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&sse.store);
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_sessions"), 1, "an event stream is a session");
}

#[tokio::test]
async fn every_and_globs_work_there_too() {
    let server = Server::start().await;
    let mut sse = Sse::open(&server, "symbols=N*&mode=every", &["N*"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    server.publish(&[bids("N1", 1..=50), bids("M1", 1..=50)].concat()).await;
    sse.until_seq("N1", 50).await;
    assert!(sse.store.get("N1").history.iter().all(|message| message.n() == 1));
}

#[tokio::test]
async fn a_reader_that_leaves_is_noticed() {
    let server = Server::with().limit("heartbeat_ms", 100).start().await;
    let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
    sse.until("a heartbeat", |message| message.is("heartbeat")).await;
    drop(sse);
    server.until_metrics("no session left", |metrics| metrics.sum("tickcast_sessions") == 0).await;
}

#[tokio::test]
async fn a_drain_reaches_it() {
    let mut server = Server::start().await;
    let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    server.signal("TERM");
    let drain = sse.until("a drain", |message| message.is("drain")).await;
    assert!(drain.int("retry_ms") >= 0);
    while sse.next_or_end().await.is_some() {}
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_fault_in_its_query_is_told() {
    let server = Server::start().await;
    for query in ["", "symbols=", "symbols=A&mode=sometimes", "symbols=A&interval_ms=-1"] {
        let request = server.request("GET", &format!("/v1/sse?{query}"));
        let response = within("an answer", request.start()).await.expect("an HTTP answer");
        if response.status().as_u16() == 400 {
            continue;
        }
        // The stream's own way to tell is as good.
        let mut sse = Sse::open(&server, query, &["A"]).await;
        let error = sse.until(&format!("an error for `{query}`"), |message| message.is("error")).await;
        error.error_code();
    }
}

const ASK: &[u8] = b"GET /v1/sse?symbols=A HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("a connection")
}

/// Reads on until it has come.
async fn until(stream: &mut TcpStream, read: &mut String, expected: &str) {
    within(expected, async {
        while !read.contains(expected) {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.expect("bytes");
            assert!(count > 0, "the stream ended before {expected}: {read}");
            read.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
        }
    })
    .await;
}

/// A page's `EventSource` often comes by a connection that has been used, even before its last answer was read.
#[tokio::test]
async fn a_used_connection_becomes_a_stream_behind_its_answers() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=3)).await;
    let (mut stream, mut read) = (connect(&server).await, String::new());
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.write_all(ASK).await.unwrap();
    until(&mut stream, &mut read, "\"type\":\"snapshot\"").await;
    let answers: Vec<usize> = read.match_indices("HTTP/1.1 200 OK\r\n").map(|(at, _)| at).collect();
    assert_eq!(answers.len(), 2, "{read}");
    assert!(read[..answers[1]].ends_with("{\"status\":\"alive\"}"), "the first answer is whole: {read}");
    let (head, body) = read[answers[1]..].split_once("\r\n\r\n").expect("a head");
    for header in
        ["content-type: text/event-stream", "cache-control: no-store", "connection: close", "date: "]
    {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(body.starts_with("data: [{\"type\":\"welcome\""), "no chunks: {body}");
}

/// `curl` and scripts that say that they have no more to ask still want the answer.
#[tokio::test]
async fn who_closes_only_its_own_side_is_served_on() {
    let server = Server::with().limit("heartbeat_ms", 100).start().await;
    let (mut stream, mut read) = (connect(&server).await, String::new());
    stream.write_all(ASK).await.unwrap();
    stream.shutdown().await.unwrap();
    until(&mut stream, &mut read, "\"type\":\"heartbeat\"").await;
    server.publish(&bids("A", 1..=1)).await;
    until(&mut stream, &mut read, "\"seq\":1").await;
    drop(stream);
    server.until_metrics("no session left", |metrics| metrics.sum("tickcast_sessions") == 0).await;
}

/// What a client that does not read is owed is merged, not queued, and it ends with the newest.
#[tokio::test]
async fn who_does_not_read_is_conflated_and_ends_right() {
    let server = Server::with().limit("ring_ticks", 16).start().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    server.until_metrics("the session", |metrics| metrics.sum("tickcast_sessions") == 1).await;
    let mut seq = 0;
    within("a session that is behind", async {
        while server.metrics().await.sum_where("tickcast_sessions", "conflating") == 0 {
            server.publish(&bids("A", seq + 1..=seq + 100)).await;
            seq += 100;
        }
    })
    .await;
    let mut read = String::new();
    until(&mut stream, &mut read, &format!("\"seq\":{seq},")).await;
    let lines = read.lines().filter(|line| line.starts_with("data: [{\"type\":\"update\"")).count() as u64;
    assert!(lines < seq, "{lines} updates for {seq} ticks");
    assert_eq!(server.settled().await.sum("tickcast_updates_residual"), 0);
}
