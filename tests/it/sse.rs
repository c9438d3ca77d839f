//! `/v1/sse`: the stream's messages for clients without WebSocket.

use std::{collections::HashMap, io::Read};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Market, Message, Server, Sse, bids, within};

#[tokio::test]
async fn the_same_messages_under_the_same_laws() {
    for coding in ["identity", "gzip"] {
        check_messages(coding).await;
    }
}

async fn check_messages(coding: &str) {
    let server = Server::start().await;
    let mut market = Market::new(6, "E", 4);
    server.publish(&market.open()).await;
    let mut sse = Sse::coded(&server, "symbols=E0,E1,E2,E3", &["E0", "E1", "E2", "E3"], coding).await;
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
    let mut streams = Vec::new();
    for coding in ["identity", "gzip", "gzip"] {
        let mut sse = Sse::coded(&server, "symbols=N*&mode=every", &["N*"], coding).await;
        sse.until("a welcome", |message| message.is("welcome")).await;
        streams.push(sse);
    }
    server.publish(&[bids("N1", 1..=50), bids("M1", 1..=50)].concat()).await;
    for sse in &mut streams {
        sse.until_seq("N1", 50).await;
        assert!(sse.store.get("N1").history.iter().all(|message| message.n() == 1));
    }
}

/// Long events that streams are sent alike are compressed once; what a stream alone is sent costs no compressor.
#[tokio::test]
async fn shared_events_are_compressed_once() {
    let server = Server::with().args(&["--shards", "1"]).start().await;
    let symbols: Vec<String> = (0..20).map(|number| format!("S{number:02}")).collect();
    let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let query = format!("symbols={}&snapshot=false", names.join(","));
    let mut streams = Vec::new();
    for _ in 0..6 {
        let mut sse = Sse::coded(&server, &query, &names, "gzip").await;
        sse.until("an answer", |message| message.is("subscribed")).await;
        streams.push(sse);
    }
    let before = server.settled().await;
    server.publish(&names.iter().flat_map(|name| bids(name, [1])).collect::<Vec<_>>()).await;
    for sse in &mut streams {
        for name in &names {
            sse.until_seq(name, 1).await;
        }
    }
    let after = server.settled().await;
    let plain = |metrics: &crate::harness::Metrics| metrics.sum("tickcast_deflate_plain_bytes_total");
    let spent = plain(&after) - plain(&before);
    assert!(spent > 0 && spent < 4_000, "one event was compressed, not six: {spent} bytes");
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
    let mut streams = Vec::new();
    for coding in ["identity", "gzip"] {
        let mut sse = Sse::coded(&server, "symbols=A", &["A"], coding).await;
        sse.until("a welcome", |message| message.is("welcome")).await;
        streams.push(sse);
    }
    server.publish(&bids("A", 1..=3)).await;
    server.signal("TERM");
    for sse in &mut streams {
        let drain = sse.until("a drain", |message| message.is("drain")).await;
        assert!(drain.int("retry_ms") >= 0);
        while sse.next_or_end().await.is_some() {}
    }
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
        // The stream's own way to report it is as good.
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
    assert!(
        body.starts_with("retry: ") && body.contains("\n\ndata: [{\"type\":\"welcome\""),
        "no chunks: {body}"
    );
}

/// `curl` and scripts that say that they have no more to ask still want the answer.
#[tokio::test]
async fn an_event_stream_goes_on_when_its_client_closes_its_side() {
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

/// Ticks that are due to a client that does not read are merged, not queued, and its last record is the newest.
#[tokio::test]
async fn an_event_stream_that_is_not_read_is_conflated_and_ends_with_the_newest() {
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

/// As above, compressed: events that are sent in part, and what was merged, leave one member with a proper end.
#[tokio::test]
async fn a_compressed_stream_that_is_not_read_is_conflated_and_whole() {
    let mut server = Server::with().limit("ring_ticks", 16).start().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let ask =
        String::from_utf8(ASK.to_vec()).unwrap().replacen("\r\n\r\n", "\r\nAccept-Encoding: gzip\r\n\r\n", 1);
    stream.write_all(ask.as_bytes()).await.unwrap();
    server.until_metrics("the session", |metrics| metrics.sum("tickcast_sessions") == 1).await;
    let mut seq = 0;
    within("a session that is behind", async {
        while server.metrics().await.sum_where("tickcast_sessions", "conflating") == 0 {
            server.publish(&bids("A", seq + 1..=seq + 100)).await;
            seq += 100;
        }
    })
    .await;
    server.signal("TERM");
    let mut read = Vec::new();
    within("the end of the stream", stream.read_to_end(&mut read)).await.unwrap();
    let head_bytes = read.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    assert!(String::from_utf8_lossy(&read[..head_bytes]).contains("content-encoding: gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&read[head_bytes..]).read_to_string(&mut text).expect("one whole member");
    assert!(text.contains(&format!("\"seq\":{seq},")) && text.contains("event: close"), "{seq}");
    let lines = text.lines().filter(|line| line.starts_with("data: [{\"type\":\"update\"")).count() as u64;
    assert!(lines < seq, "{lines} updates for {seq} ticks");
    assert!(server.exited().await.success());
}

#[tokio::test]
async fn a_browser_is_told_when_to_come_back_each_at_a_time_of_its_own() {
    let server = Server::start().await;
    let mut retries = Vec::new();
    for _ in 0..10 {
        let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
        sse.until("a welcome", |message| message.is("welcome")).await;
        retries.push(sse.retry_ms.expect("a retry before the first message"));
    }
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 5 && retries.iter().all(|retry| (100..60_000).contains(retry)), "{retries:?}");
}

/// Comes back with an id; the first message of each symbol that was held, until all stand at the head.
async fn first_messages(
    server: &Server,
    query: &str,
    (id, stood): (&str, &HashMap<String, u64>),
    heads: &HashMap<String, u64>,
) -> HashMap<String, Message> {
    let mut sse = Sse::coming_back(server, query, &["*"], id).await;
    let mut firsts = HashMap::new();
    let mut held: HashMap<String, u64> = HashMap::new();
    while heads.iter().any(|(symbol, head)| held.get(symbol) != Some(head)) {
        let message = sse.next_or_end().await.expect("an open stream");
        if message.is("subscribed") {
            // Whoever misses nothing is sent nothing.
            for (symbol, status) in message.results() {
                if status == "resumed" {
                    held.insert(symbol.clone(), stood.get(&symbol).copied().unwrap_or(0));
                }
            }
        }
        if message.is("update") || message.is("snapshot") {
            held.insert(message.str("symbol"), message.seq("seq"));
        }
        if message.is_data() {
            firsts.entry(message.str("symbol")).or_insert(message);
        }
    }
    firsts
}

#[tokio::test]
async fn every_event_says_where_its_reader_stands_and_nothing_is_resumed_in_part() {
    let server = Server::start().await;
    let symbols = ["A", "B", "C"];
    server.publish(&symbols.iter().flat_map(|symbol| bids(symbol, [1])).collect::<Vec<_>>()).await;
    let query = "symbols=A,B,C&mode=every";
    let mut sse = Sse::open(&server, query, &["*"]).await;
    // Where the reader stood when it held each id.
    let mut stood: Vec<(String, HashMap<String, u64>)> = Vec::new();
    let mut seqs: HashMap<String, u64> = HashMap::new();
    for round in 0..20_u64 {
        let lines: Vec<String> = (0..7)
            .flat_map(|tick| bids(symbols[((round + tick) % 3) as usize], [round * 7 + tick]))
            .collect();
        server.publish(&lines).await;
        let total = 3 + (round + 1) * 7;
        while seqs.values().sum::<u64>() < total {
            let message = sse.next_or_end().await.expect("an open stream");
            if message.is_data() {
                seqs.insert(message.str("symbol"), message.seq("seq"));
            }
            if sse.is_between_events() && !sse.last_id.is_empty() {
                stood.retain(|(id, _)| *id != sse.last_id);
                stood.push((sse.last_id.clone(), seqs.clone()));
            }
        }
    }
    assert!(stood.len() > 10, "events have ids of their own: {stood:?}");
    let exact = stood.iter().filter(|(id, _)| !id.ends_with(':')).count();
    assert!(exact > 10, "who keeps up is told exactly where it stands: {stood:?}");
    let last = stood.len() - 1;
    for (index, (id, stood)) in stood.iter().enumerate() {
        assert!(id.len() < 64, "an id is short: {id}");
        if index == last {
            continue;
        }
        for (symbol, first) in first_messages(&server, query, (id, stood), &seqs).await {
            let expected = stood.get(&symbol).copied().unwrap_or(0) + 1;
            let is_next = first.is("update") && first.seq("seq") == expected && first.n() == 1;
            assert!(is_next || first.is("gap"), "{symbol} after {id}, which stood at {stood:?}: {first:?}");
            assert!(
                is_next || id.ends_with(':'),
                "an exact place is resumed exactly: {symbol} after {id}: {first:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_is_announced() {
    let server = Server::with().limit("ring_ticks", 8).start().await;
    server.publish(&bids("A", [1])).await;
    let mut sse = Sse::open(&server, "symbols=A*&mode=every", &["A*"]).await;
    sse.until_seq("A", 1).await;
    let id = sse.last_id.clone();
    drop(sse);
    server.publish(&bids("A", 2..=40)).await;
    for (id, reason) in [(id.as_str(), "resume"), ("elsewhere:7", "epoch"), ("42", "epoch")] {
        for query in ["symbols=A*&mode=every", "symbols=A&mode=every"] {
            let mut sse = Sse::coming_back(&server, query, &["A*"], id).await;
            let first = sse.until("data", Message::is_data).await;
            assert!(first.is("gap") && first.str("reason") == reason, "{id} {query}: {first:?}");
            assert_eq!(first.seq("to"), 40);
        }
        // Mode latest begins with what is.
        let mut sse = Sse::coming_back(&server, "symbols=A", &["A*"], id).await;
        let first = sse.until("data", Message::is_data).await;
        assert!(first.is("snapshot") && first.seq("seq") == 40, "{first:?}");
    }
    // Within the ring, and by a symbol that had no tick when the reader left.
    let mut sse = Sse::open(&server, "symbols=A,B&mode=every", &["*"]).await;
    sse.until_seq("A", 40).await;
    let id = sse.last_id.clone();
    drop(sse);
    server.publish(&[bids("A", 41..=43), bids("B", 1..=3)].concat()).await;
    let mut sse = Sse::coming_back(&server, "symbols=A,B&mode=every", &["*"], &id).await;
    let mut next = HashMap::from([("A".to_owned(), 41), ("B".to_owned(), 1)]);
    for _ in 0..6 {
        let message = sse.until("a tick", Message::is_data).await;
        let next = next.get_mut(&message.str("symbol")).expect("a symbol that was asked for");
        assert!(message.is("update") && message.seq("seq") == *next, "{message:?}, and not {next}");
        *next += 1;
    }
    assert_eq!((next["A"], next["B"]), (44, 4));
}

#[tokio::test]
async fn a_query_may_resume_as_a_command_does() {
    let server = Server::start().await;
    server.publish(&bids("A", 1..=5)).await;
    let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
    let welcome = sse.until("a welcome", |message| message.is("welcome")).await;
    let resume =
        format!("%7B%22epoch%22%3A%22{}%22%2C%22last%22%3A%7B%22A%22%3A2%7D%7D", welcome.str("epoch"));
    let query = format!("symbols=A&mode=every&resume={resume}");
    let mut sse = Sse::open(&server, &query, &["A"]).await;
    for seq in 3..=5 {
        assert_eq!(sse.until("a tick", Message::is_data).await.seq("seq"), seq);
    }
    let id = sse.last_id.clone();
    server.publish(&bids("A", [6])).await;
    // What the browser brings back is newer than its address.
    let mut sse = Sse::coming_back(&server, &query, &["A"], &id).await;
    assert_eq!(sse.until("a tick", Message::is_data).await.seq("seq"), 6);
}

#[tokio::test]
async fn an_event_stream_that_comes_in_a_drain_is_told_to_reconnect() {
    let mut server = Server::patient().args(&["--shards", "1"]).limit("drain_ms", 60_000).start().await;
    // A session that takes nothing keeps the drain from ending.
    let mut stalled = crate::harness::raw::RawClient::connect(&server).await;
    let request = format!("GET /v1/sse?symbols=Z*&mode=every HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stalled.write(request.as_bytes()).await;
    stalled.read_head().await;
    let mut market = Market::new(9, "Z", 50);
    server.publish(&market.open()).await;
    server.publish(&market.ticks(60_000)).await;
    server.signal("TERM");
    server.until_metrics("a drain", |metrics| metrics.sum("tickcast_draining") == 1).await;
    let reply = server.get("/v1/sse?symbols=A").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/event-stream"));
    let retry = reply.body.strip_prefix("retry: ").and_then(|rest| rest.lines().next()).unwrap_or_default();
    assert!(retry.parse::<u64>().is_ok_and(|retry| retry > 0), "{}", reply.body);
    assert!(reply.body.contains("event: close\ndata: {\"code\":1001"), "{}", reply.body);
    server.signal("KILL");
    server.exited().await;
}
