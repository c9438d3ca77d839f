//! What a client has read: how it says so, and that it is not sent much further.

use serde_json::{Value, json};

use crate::harness::{Client, Metrics, Server, Subscription, bids, raw, raw::RawClient};

const TICKS: u64 = 4_000;
/// What may be under way to a client that has not read, and control messages beside it.
const AHEAD_BYTES: usize = 72 * 1024;

/// A client that takes each frame out of the connection by itself.
struct Reader {
    client: RawClient,
    /// Frames of data, and bytes of frames.
    seen: u64,
    bytes: usize,
    seq: u64,
    /// Payloads of pings that it has not answered.
    pings: Vec<Vec<u8>>,
}

impl Reader {
    async fn open(server: &Server) -> Reader {
        let mut reader = Reader {
            client: RawClient::upgraded(server).await,
            seen: 0,
            bytes: 0,
            seq: 0,
            pings: Vec::new(),
        };
        reader.send(json!({"op": "subscribe", "symbols": ["A"], "mode": "every"})).await;
        reader
    }

    async fn send(&mut self, command: Value) {
        self.client.write(&raw::message(raw::TEXT, command.to_string().as_bytes())).await;
    }

    /// Answers the pings that have come.
    async fn pong(&mut self) {
        for payload in std::mem::take(&mut self.pings) {
            self.client.write(&raw::message(raw::PONG, &payload)).await;
        }
    }

    /// Reads what was sent so far, since an answer comes behind it; answers no ping.
    async fn read_all(&mut self) {
        self.send(json!({"op": "ping"})).await;
        loop {
            let (opcode, payload) = self.client.read_frame().await.expect("a session that goes on");
            self.bytes += payload.len();
            if opcode == raw::PING {
                self.pings.push(payload);
                continue;
            }
            let messages: Vec<Value> = serde_json::from_slice(&payload).expect("JSON");
            let mut data = messages.iter().filter(|message| message["seq"].is_u64()).peekable();
            self.seen += u64::from(data.peek().is_some());
            self.seq = data.filter_map(|message| message["seq"].as_u64()).next_back().unwrap_or(self.seq);
            if messages.iter().any(|message| message["type"] == "pong") {
                return;
            }
        }
    }
}

async fn with_many_ticks() -> Server {
    Server::with().limit("ring_ticks", TICKS * 2).start().await
}

/// Publishes more than may be under way, and waits until the client is held.
async fn publish_until_held(server: &Server) {
    server.publish(&bids("A", 1..=TICKS)).await;
    server
        .until_metrics("the session to be held", |metrics| metrics.sum("tickcast_sessions_held") == 1)
        .await;
}

#[tokio::test]
async fn a_client_that_acknowledges_is_sent_no_more_than_it_reads() {
    let server = with_many_ticks().await;
    let mut reader = Reader::open(&server).await;
    reader.send(json!({"op": "ack", "seen": 0})).await;
    reader.read_all().await;
    publish_until_held(&server).await;
    let slow: Value = server.get("/debug/slow").await.json();
    assert_eq!(slow[0]["proof"], "acks", "{slow}");
    assert!(
        slow[0]["under_way_bytes"].as_u64() >= slow[0]["window_bytes"].as_u64().map(|most| most / 2),
        "{slow}"
    );
    reader.read_all().await;
    assert!(reader.bytes < AHEAD_BYTES && reader.seq < TICKS, "{} bytes, up to {}", reader.bytes, reader.seq);
    // Pongs prove nothing of it any more.
    let held = reader.bytes;
    reader.pong().await;
    reader.read_all().await;
    assert!(reader.bytes < held + 1_024, "{} bytes more", reader.bytes - held);
    while reader.seq < TICKS {
        reader.send(json!({"op": "ack", "seen": reader.seen})).await;
        reader.read_all().await;
    }
    let metrics =
        server.until_metrics("nobody to be held", |metrics| metrics.sum("tickcast_sessions_held") == 0).await;
    assert!(metrics.sum("tickcast_read_age_seconds_count") > 0);
    metrics.check_conservation();
}

#[tokio::test]
async fn answers_longer_than_the_window_hold_no_data_of_a_client_that_acknowledges() {
    let server = Server::start().await;
    let mut reader = Reader::open(&server).await;
    reader.send(json!({"op": "ack", "seen": 0})).await;
    let names: Vec<String> = (0..1_000).map(|index| format!("NO-TICK-YET-{index:04}")).collect();
    reader.send(json!({"op": "subscribe", "symbols": names})).await;
    reader.send(json!({"op": "list"})).await;
    reader.read_all().await;
    assert!(reader.bytes > AHEAD_BYTES && reader.seen == 0, "{} bytes of answers", reader.bytes);
    server.publish(&bids("A", [1])).await;
    let is_sent = |metrics: &Metrics| metrics.sum("tickcast_updates_delivered_total") == 1;
    server.until_metrics("the price to be sent", is_sent).await;
    reader.read_all().await;
    assert_eq!(reader.seq, 1);
}

#[tokio::test]
async fn a_client_that_answers_pings_is_sent_no_more_than_it_reads() {
    let server = with_many_ticks().await;
    let mut reader = Reader::open(&server).await;
    reader.read_all().await;
    reader.pong().await;
    publish_until_held(&server).await;
    reader.bytes = 0;
    reader.read_all().await;
    assert!(reader.bytes < AHEAD_BYTES && reader.seq < TICKS, "{} bytes, up to {}", reader.bytes, reader.seq);
    while reader.seq < TICKS {
        reader.pong().await;
        reader.read_all().await;
    }
    let metrics = server.metrics().await;
    assert!(metrics.sum("tickcast_read_age_seconds_count") > 0);
    metrics.check_conservation();
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_served_all_the_same_and_counted() {
    let server = with_many_ticks().await;
    let mut reader = Reader::open(&server).await;
    reader.read_all().await;
    server.publish(&bids("A", 1..=TICKS)).await;
    server
        .until_metrics("it to be counted", |metrics| metrics.sum("tickcast_sessions_unanswering") == 1)
        .await;
    while reader.seq < TICKS {
        reader.read_all().await;
    }
    assert_eq!(server.metrics().await.sum("tickcast_sessions_closed_total"), 0);
}

#[tokio::test]
async fn a_client_that_reads_is_not_slow_because_its_answer_is_awaited() {
    // The first window is full for longer than that before the client is known to answer nothing.
    let server = Server::with().limit("ring_ticks", TICKS * 2).limit("progress_ms", 500).start().await;
    let mut reader = Reader::open(&server).await;
    reader.read_all().await;
    publish_until_held(&server).await;
    reader.read_all().await;
    server
        .until_metrics("it to be counted", |metrics| metrics.sum("tickcast_sessions_unanswering") == 1)
        .await;
    while reader.seq < TICKS {
        reader.read_all().await;
    }
    assert_eq!(server.metrics().await.sum("tickcast_sessions_closed_total"), 0);
}

#[tokio::test]
async fn without_a_target_nobody_is_held() {
    let server = Server::with().limit("ring_ticks", TICKS * 2).limit("target_delay_ms", 0).start().await;
    let mut reader = Reader::open(&server).await;
    server.publish(&bids("A", 1..=TICKS)).await;
    while reader.seq < TICKS {
        reader.read_all().await;
    }
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum("tickcast_read_age_seconds_count"), 0);
    assert_eq!(metrics.sum("tickcast_sessions_unanswering"), 0);
}

#[tokio::test]
async fn an_ack_is_not_answered_and_is_no_command_unless_it_is_wrong() {
    let server = Server::with().limit("commands_per_second", 1).limit("commands_burst", 20).start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"])).await;
    client.expect_snapshot("A").await;
    for text in [
        r#"{"op":"ack","seen":1}"#,
        r#"{ "seen": 1, "op": "ack" }"#,
        r#"{"op":"ack","seen":1.0,"id":7}"#,
        r#"{"op":"ack","seen":1,"id":null}"#,
    ] {
        for _ in 0..25 {
            client.send_text(text).await;
        }
    }
    client.ping().await;
    let before = server.metrics().await.sum("tickcast_commands_total");
    assert!(before <= 2, "{before} commands: a subscribe and a ping");
    for (text, code) in [
        (r#"{"op":"ack","seen":0,"id":1}"#, "bad_value"),
        (r#"{"op":"ack","seen":1000}"#, "bad_value"),
        (r#"{"op":"ack","seen":-1}"#, "bad_value"),
        (r#"{"op":"ack","seen":"1"}"#, "bad_value"),
        (r#"{"op":"ack","seen":1,"seen":1}"#, "bad_value"),
        (r#"{"op":"ack"}"#, "missing_field"),
        (r#"{"op":"ack","seen":1,"more":1}"#, "unknown_field"),
    ] {
        client.send_text(text).await;
        let error = client.until(text, |message| message.is("error")).await;
        assert_eq!(error.error_code(), code, "{text}: {error:?}");
    }
}
