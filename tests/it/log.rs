//! The log never blocks a thread, and events that clients can cause again and again do not fill it.

use std::{
    fs,
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write},
    net::SocketAddr,
    process,
    sync::mpsc,
    thread,
};

use rustix::io::ioctl_fionbio;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::harness::{
    Client, DEADLINE, Server, Subscription, bids, eventually, files,
    raw::{self, RawClient},
};

/// A pipe that takes no byte more until it is read.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().expect("a pipe");
    ioctl_fionbio(&writer, true).expect("a pipe that does not block");
    for piece in [4096, 1] {
        while (&writer).write(&vec![b'\n'; piece]).is_ok() {}
    }
    ioctl_fionbio(&writer, false).expect("a pipe that blocks");
    (reader, writer)
}

/// A loopback address of this process's own, on which no other process takes a port.
fn address(port: u16) -> SocketAddr {
    let [_, _, high, low] = process::id().to_be_bytes();
    SocketAddr::from(([127, 9, high, low], port))
}

/// A configuration file with so many faults, each a line of the log when it is read again.
fn file_with_faults(name: &str, faults: usize) -> String {
    let path = files::path(name);
    let lines: Vec<_> = (0..faults).map(|number| format!("no_such_key_{number} = 1\n")).collect();
    fs::write(&path, lines.concat()).expect("a directory to write to");
    path.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_holds_up_neither_start_nor_service_nor_end() {
    let (reader, writer) = full_pipe();
    let config = file_with_faults("unread.toml", 0);
    let args = ["--config", &config, "--log-level", "debug"];
    let mut server = Server::with().output(writer, address(7_001)).args(&args).begin();
    eventually("it to serve", async || server.request("GET", "/healthz").attempt().await.is_ok()).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"])).await;
    file_with_faults("unread.toml", 5_000);
    let dropped = async || server.metrics().await.sum("tickcast_log_lines_dropped_total");
    eventually("lines to be dropped", async || {
        server.signal("HUP");
        dropped().await > 0
    })
    .await;
    server.publish(&bids("A", [1, 2])).await;
    client.until_seq("A", 2).await;

    // When it is read again, the log goes on, and says what is missing.
    let (say, said) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if line.contains("lines of the log were dropped") {
                // Only the first is waited for.
                let _ = say.send(line);
            }
        }
    });
    let line = tokio::task::spawn_blocking(move || said.recv_timeout(DEADLINE)).await.expect("a thread");
    let line = line.expect("a line on what is missing");
    let told: u64 = line.rsplit_once("lines=").expect("a count").1.trim().parse().expect("a number");
    assert!(told > 0 && told <= dropped().await, "{line}");
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_pipe_that_is_never_read_does_not_hold_up_the_end() {
    let (_reader, writer) = full_pipe();
    let mut server = Server::with().output(writer, address(7_002)).begin();
    eventually("it to serve", async || server.request("GET", "/healthz").attempt().await.is_ok()).await;
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn the_last_lines_are_out_before_the_process_ends() {
    let mut server = Server::start().await;
    server.signal("TERM");
    server.exited().await;
    eventually("the last line", async || server.log().contains("drained")).await;
}

#[tokio::test]
async fn without_descriptors_the_log_is_not_flooded_and_waiting_clients_are_accepted_later() {
    let server = Server::patient().files(64).args(&["--shards", "2"]).start().await;
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut client = RawClient::connect(&server).await;
        client.write(RawClient::upgrade(&server).as_bytes()).await;
        held.push(client);
    }
    let failed = || {
        let log = server.log();
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains("accept failed")).map(str::to_owned).collect();
        lines
    };
    eventually("a line of it, and one a while later", async || failed().len() == 2).await;
    let lines = failed();
    let suppressed: u64 =
        lines[1].rsplit_once("suppressed=").expect("a count").1.trim().parse().expect("a number");
    // Two shards that ask again twenty times a second, for ten seconds: it does not spin.
    assert!((1..=1_000).contains(&suppressed), "{lines:?}");
    let mut last = held.pop().expect("a client that waits");
    held.clear();
    assert!(last.read_head().await.starts_with("HTTP/1.1 101"));
    Client::open(&server).await.ping().await;
}

/// The last line of the log that has `part` in it, as JSON, once it is there.
async fn logged(server: &Server, part: &str) -> Value {
    let find = || server.log().lines().rev().find(|line| line.contains(part)).map(str::to_owned);
    eventually(part, async || find().is_some()).await;
    serde_json::from_str(&find().expect("the line")).expect("JSON")
}

#[tokio::test]
async fn sessions_come_and_go_with_address_port_user_agent_and_duration() {
    let server = Server::with().args(&["--log-format", "json", "--log-level", "debug"]).start().await;
    let agent = format!("quote \"{}", "x".repeat(2_000));
    let mut client = Client::of(&server).header("user-agent", &agent).open().await;
    let opened = logged(&server, "session opened").await;
    assert_eq!(opened["level"], "DEBUG");
    assert_eq!(opened["session"].to_string(), client.welcome.str("session"));
    let peer: SocketAddr = opened["peer"].as_str().expect("a text").parse().expect("address and port");
    assert!(peer.ip().is_loopback() && peer.port() != 0);
    let said = opened["user_agent"].as_str().expect("a text");
    assert!(said.starts_with("quote \"xxx") && said.len() < 200, "{said}");
    let slow: Value = server.get("/debug/slow").await.json();
    assert_eq!(slow[0]["peer"], opened["peer"], "{slow}");
    client.send(Frame::Close(None)).await;
    client.closed().await;
    let closed = logged(&server, "session closed").await;
    assert_eq!((&closed["level"], &closed["peer"]), (&json!("DEBUG"), &opened["peer"]));
    assert_eq!((&closed["reason"], &closed["code"]), (&json!("normal"), &json!(1000)));
    assert!(closed["duration_ms"].is_u64() && closed["user_agent"] == opened["user_agent"], "{closed}");
    // An event stream, and one that goes without a word.
    let events = server.request("GET", "/v1/sse?symbols=A").header("user-agent", "events").start().await;
    assert_eq!(logged(&server, "\"user_agent\":\"events\"").await["message"], "session opened");
    drop(events);
    assert_eq!(logged(&server, "\"gone\"").await["user_agent"], "events");
}

#[tokio::test]
async fn why_a_session_was_closed_is_said_at_info_and_not_again_and_again() {
    let server = Server::with().args(&["--log-format", "json"]).start().await;
    for _ in 0..20 {
        let mut client = RawClient::upgraded(&server).await;
        client.write(&raw::message(raw::BINARY, b"not text")).await;
        assert_eq!(client.close_code().await, Some(1003));
    }
    let closed = logged(&server, "session closed").await;
    assert_eq!((&closed["level"], &closed["code"]), (&json!("INFO"), &json!(1003)), "{closed}");
    assert!(closed["message"].as_str().is_some_and(|text| text.contains("binary")), "{closed}");
    // In ten seconds there are no more; a slow machine may take longer.
    let lines = server.log().matches("session closed").count();
    assert!((1..=3).contains(&lines), "{lines}");
}

#[tokio::test]
async fn a_log_line_reports_how_the_service_runs() {
    let server = Server::with().args(&["--log-format", "json"]).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"])).await;
    server.publish(&bids("A", [1, 2, 3])).await;
    client.until_seq("A", 3).await;
    server.settled().await;
    server.signal("USR1");
    let line = logged(&server, "\"running\"").await;
    assert_eq!(line["level"], "INFO");
    for (field, expected) in
        [("sessions", 1), ("opened", 1), ("closed", 0), ("subscriptions", 1), ("residual", 0)]
    {
        assert_eq!(line[field], expected, "{field} of {line}");
    }
    for field in ["seconds", "ticks_per_s", "updates_per_s", "bytes_per_s", "cpu_percent"] {
        assert!(line[field].is_u64(), "{field} of {line}");
    }
    assert!(
        line["age_p50_ms"].as_f64() <= line["age_p99_ms"].as_f64() && line["age_p99_ms"].is_f64(),
        "{line}"
    );
}
