//! tickcast, by its public contract alone.

use std::{io, process::Command};

use super::{FlowWindow, Mode, Places, Records, Security, Server, Wish};
use crate::{frames, generator::Ready, tls};

/// The begin of the answer to a subscription.
const SUBSCRIBED: &[u8] = br#"[{"type":"su"#;

const QUERY_SYMBOLS_MAX: usize = 200;

/// More sessions than by default, none that is closed for what a scenario makes it do, and none that is told of symbols
/// that tick seldom: the others say nothing of it.
const SETTINGS: [&str; 5] = [
    "limits.sessions=20000",
    "limits.progress_ms=120000",
    "limits.ping_ms=120000",
    "limits.pong_ms=100000",
    "limits.stale_ms=600000",
];

/// By default there is a window; 0 means none.
const WITHOUT_WINDOW: &str = "limits.target_delay_ms=0";

pub fn start(places: &Places, window: FlowWindow, security: Security) -> io::Result<Server> {
    start_on(places, "-", window, security)
}

/// With this feed.
pub fn start_with_feed(places: &Places, feed: &str) -> io::Result<Server> {
    start_on(places, feed, FlowWindow::On, Security::Plain)
}

fn start_on(places: &Places, feed: &str, window: FlowWindow, security: Security) -> io::Result<Server> {
    let mut command = Command::new(&places.tickcast);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--feed",
        feed,
        "--shards",
        &places.shards.to_string(),
    ]);
    let without_window = (window == FlowWindow::Off).then_some(WITHOUT_WINDOW);
    for setting in SETTINGS.into_iter().chain(without_window) {
        command.args(["--set", setting]);
    }
    if security == Security::Tls {
        let identity = tls::identity();
        command.arg("--tls-cert").arg(&identity.cert).arg("--tls-key").arg(&identity.key);
    }
    Server::start("tickcast", &mut command, places)
}

/// The path of a stream, and the command that follows where a query would be too long for a request.
pub fn ask(symbols: &[String], mode: Mode, interval_ms: u32) -> (String, Vec<u8>) {
    let mode = mode.word();
    if symbols.len() <= QUERY_SYMBOLS_MAX {
        let symbols = symbols.join(",");
        let path = format!("/v1/stream?symbols={symbols}&mode={mode}&interval_ms={interval_ms}");
        return (path, Vec::new());
    }
    let command = serde_json::json!({
        "op": "subscribe", "id": 1, "symbols": symbols, "mode": mode, "interval_ms": interval_ms,
    });
    ("/v1/stream".to_owned(), frames::masked(frames::TEXT, command.to_string().as_bytes()))
}

/// The path of an event stream.
pub fn events(symbols: &[String], mode: Mode) -> String {
    format!("/v1/sse?symbols={}&mode={}", symbols.join(","), mode.word())
}

/// When a client is connected.
pub fn ready(wish: &Wish<'_>) -> Ready {
    match wish.records {
        Records::Awaited => Ready::Messages(wish.symbols.len() as u64),
        _ => Ready::Frame(SUBSCRIBED),
    }
}
