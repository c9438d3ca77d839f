//! Memory that sessions had is given back when they have gone.

use std::fs;

use crate::harness::{Server, eventually, raw, raw::RawClient};

const CLIENTS: usize = 600;
const SYMBOLS: usize = 300;

/// Resident bytes of the server, in KiB.
fn resident_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Opens clients that subscribe and read no answer, and waits until the server has done what they asked for.
async fn crowd(server: &Server, count: usize) -> Vec<RawClient> {
    let symbols: Vec<_> = (0..SYMBOLS).map(|number| format!("\"S{number}\"")).collect();
    let command = format!(r#"{{"op":"subscribe","id":1,"symbols":[{}]}}"#, symbols.join(","));
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = RawClient::upgraded(server).await;
        client.write(&raw::message(raw::TEXT, command.as_bytes())).await;
        clients.push(client);
    }
    let wanted = (count * SYMBOLS) as u64;
    server
        .until_metrics("their subscriptions", |metrics| metrics.sum("tickcast_subscriptions") == wanted)
        .await;
    clients
}

#[tokio::test]
async fn after_a_peak_the_process_is_nearly_as_small_as_before() {
    let server = Server::patient().start().await;
    // What is touched for the first time is not a peak's.
    drop(crowd(&server, 20).await);
    server.until_metrics("nobody", |metrics| metrics.sum("tickcast_sessions") == 0).await;
    let before = resident_kib(&server);
    let clients = crowd(&server, CLIENTS).await;
    let peak = resident_kib(&server);
    assert!(peak > before * 3 / 2, "a peak that can be seen: {before} KiB, then {peak} KiB");
    drop(clients);
    eventually("the memory to come back", async || resident_kib(&server) <= before * 13 / 10).await;
}
