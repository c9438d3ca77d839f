//! A replay that is held in the hand: started by clients, paused, stepped, sought, begun again, and read about.

mod end;
mod hold;
mod readers;
mod transcript;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{
    Server,
    files::{self, write_whole},
    line,
};

/// The time of a recording's first record, in microseconds: 2025-03-25T00:00:00Z.
const FIRST: i64 = 1_742_860_800_000_000;

/// A recording of `count` records, `step_micros` apart, in a file of its own: quotes of `A` and trades of `B` in turn.
fn recording(name: &str, count: i64, step_micros: i64) -> PathBuf {
    let path = files::path(name);
    let mut lines = vec![r#"{"tickcast":"recording","version":1}"#.to_owned()];
    for number in 0..count {
        let time = (FIRST + number * step_micros).to_string();
        let price = format!("\"{}.5\"", 100 + number % 7);
        lines.push(match number % 2 {
            0 => line("A", &[("ts", &time), ("rx", &time), ("bid", &price), ("bid_size", "\"1\"")]),
            _ => line("B", &[("ts", &time), ("rx", &time), ("last", &price), ("last_size", "\"2\"")]),
        });
    }
    lines.push(String::new());
    write_whole(&path, lines.join("\n"));
    path
}

/// Tells the server's replay something; the state that it answers with.
async fn tell(server: &Server, command: Value) -> Value {
    let reply = server.request("POST", "/v1/replay").body(command.to_string()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{command}: {reply:?}");
    reply.json()
}

async fn step(server: &Server, count: u64) -> Value {
    tell(server, json!({"op": "step", "n": count})).await
}

async fn state(server: &Server) -> Value {
    server.get("/v1/replay").await.json()
}
