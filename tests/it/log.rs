//! The log holds nobody up, and what the outside can cause again and again does not fill it.

use std::{
    fs,
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write},
    net::SocketAddr,
    path::Path,
    process,
    sync::mpsc,
    thread,
};

use rustix::io::ioctl_fionbio;

use crate::harness::{Client, Server, Subscription, bids, eventually, raw::RawClient};

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

/// A loopback address of this process's own, on which nobody else takes a port.
fn address(port: u16) -> SocketAddr {
    let [_, _, high, low] = process::id().to_be_bytes();
    SocketAddr::from(([127, 9, high, low], port))
}

/// A configuration file with so many faults, each a line of the log when it is read again.
fn file_with_faults(name: &str, faults: usize) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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
    let line = tokio::task::spawn_blocking(move || said.recv()).await.expect("a thread").expect("a line");
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
async fn without_descriptors_the_log_is_not_flooded_and_those_who_wait_are_let_in_later() {
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
    let unsaid: u64 = lines[1].rsplit_once("unsaid=").expect("a count").1.trim().parse().expect("a number");
    // Two shards that ask again twenty times a second, for ten seconds: it does not spin.
    assert!((1..=1_000).contains(&unsaid), "{lines:?}");
    let mut last = held.pop().expect("a client that waits");
    held.clear();
    assert!(last.read_head().await.starts_with("HTTP/1.1 101"));
    Client::open(&server).await.ping().await;
}
