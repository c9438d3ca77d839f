//! The servers that are compared: how each is started, fed, and subscribed to.

mod books;
pub mod floor;
pub mod naive;
mod nats;
mod process;
mod tickcast;

use std::{io, path::PathBuf, process::Command};

use clap::ValueEnum;

use crate::{
    frames,
    generator::{Detail, Dialect, Plan, Reading, Ready},
    lines::Wrapping,
};

pub use books::Books;
pub use process::Server;

/// Who can be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Peer {
    Tickcast,
    Bun,
    Nats,
    Ws,
    Naive,
}

/// Where the programs are.
pub struct Places {
    pub tickcast: PathBuf,
    /// A directory with `node_modules`, as `benches/install-peers.sh` makes it.
    pub peers: PathBuf,
    /// What servers write to standard error is kept here.
    pub logs: PathBuf,
}

/// A server, and how its clients ask for what they want.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Contender {
    pub peer: Peer,
    /// Of tickcast alone; to the others it says nothing.
    pub mode: Mode,
    pub interval_ms: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Mode {
    Every,
    Latest,
}

/// What one client wants, whichever server it is.
pub struct Wish<'a> {
    pub symbols: &'a [String],
    pub reading: Reading,
    pub group: usize,
    pub detail: Detail,
    pub receive_buffer_bytes: usize,
    pub records: Records,
}

/// Which records a client begins with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Records {
    /// Those that the server sends of itself; nobody waits for them.
    AsServed,
    /// Those that the server sends of itself: a client is connected when it has one of each symbol.
    Awaited,
    /// None: where the server would send records, it is asked not to.
    None,
    /// Where the server has none to send, as many bytes as tickcast's have, in one frame; awaited.
    Padded,
}

impl Mode {
    pub const ALL: [Mode; 2] = [Mode::Every, Mode::Latest];
}

impl Peer {
    pub const ALL: [Peer; 5] = [Peer::Tickcast, Peer::Bun, Peer::Nats, Peer::Ws, Peer::Naive];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Tickcast => "tickcast",
            Peer::Bun => "bun",
            Peer::Nats => "nats",
            Peer::Ws => "ws",
            Peer::Naive => "naive",
        }
    }

    /// What has to be installed first; `None` when all is there.
    pub fn missing(self, places: &Places) -> Option<String> {
        let (there, install) = match self {
            Peer::Tickcast => (places.tickcast.is_file(), "cargo build --release"),
            Peer::Bun => (places.bun().is_file(), "benches/install-peers.sh bun"),
            Peer::Nats => (answers("nats-server"), "benches/install-peers.sh nats"),
            Peer::Ws => {
                let is_installed = places.peers.join("node_modules/ws/package.json").is_file();
                (is_installed && answers("node"), "benches/install-peers.sh ws")
            }
            Peer::Naive => (true, ""),
        };
        (!there).then(|| format!("{} is not installed; install it with: {install}", self.name()))
    }

    /// What it says of itself, for the head of the report.
    pub fn version(self, places: &Places) -> String {
        let said = match self {
            Peer::Tickcast => output(Command::new(&places.tickcast).arg("--version")),
            Peer::Bun => output(Command::new(places.bun()).arg("--version")),
            Peer::Nats => output(Command::new("nats-server").arg("--version")),
            Peer::Ws => {
                let package = places.peers.join("node_modules/ws/package.json");
                let text = std::fs::read_to_string(package).unwrap_or_default();
                let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                let node = output(Command::new("node").arg("--version"));
                format!("{}, node {node}", package["version"].as_str().unwrap_or_default())
            }
            Peer::Naive => "tokio, tokio-tungstenite".to_owned(),
        };
        said.trim_start_matches(self.name()).trim_start_matches("-server:").trim().to_owned()
    }

    /// How the feeder has to write.
    pub fn wrapping(self) -> Wrapping {
        if self == Peer::Nats { Wrapping::NatsPublish } else { Wrapping::Line }
    }

    pub fn start(self, places: &Places) -> io::Result<Server> {
        match self {
            Peer::Tickcast => tickcast::start(places),
            Peer::Bun => Server::start("bun", Command::new(places.bun()).arg(script("bun.js")), places),
            Peer::Ws => {
                let mut node = Command::new("node");
                Server::start("ws", node.arg(script("ws.mjs")).env("PEERS", &places.peers), places)
            }
            Peer::Nats => nats::start(places),
            Peer::Naive => naive::start(places),
        }
    }
}

fn output(command: &mut Command) -> String {
    let said = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches/fanout/peers", name].iter().collect()
}

impl Places {
    fn bun(&self) -> PathBuf {
        self.peers.join("node_modules/.bin/bun")
    }
}

impl Contender {
    pub fn tickcast(mode: Mode, interval_ms: u32) -> Contender {
        Contender { peer: Peer::Tickcast, mode, interval_ms }
    }

    /// One that has no modes.
    pub fn other(peer: Peer) -> Contender {
        Contender { peer, mode: Mode::Every, interval_ms: 0 }
    }

    /// Whether a client is meant to get each tick.
    pub fn delivers_all(self) -> bool {
        self.mode == Mode::Every
    }

    pub fn name(self) -> String {
        match (self.peer, self.mode, self.interval_ms) {
            (Peer::Tickcast, Mode::Every, _) => "tickcast every".to_owned(),
            (Peer::Tickcast, Mode::Latest, 0) => "tickcast latest".to_owned(),
            (Peer::Tickcast, Mode::Latest, interval_ms) => format!("tickcast latest {interval_ms} ms"),
            (peer, ..) => peer.name().to_owned(),
        }
    }

    /// A client of this server with this wish.
    pub fn plan(self, wish: &Wish<'_>) -> Plan {
        let (path, hello, dialect, ready) = match self.peer {
            Peer::Tickcast => {
                let ready = if wish.records == Records::Awaited {
                    Ready::Messages(wish.symbols.len() as u64)
                } else {
                    Ready::Frame(tickcast::SUBSCRIBED)
                };
                let (mut path, hello) = tickcast::ask(wish.symbols, self.mode, self.interval_ms);
                if wish.records == Records::None {
                    path.push_str("&snapshot=false");
                }
                (path, hello, Dialect::Tickcast, ready)
            }
            Peer::Nats => {
                let hello = frames::masked(frames::BINARY, nats::hello(wish.symbols).as_bytes());
                ("/".to_owned(), hello, Dialect::Nats, Ready::Frame(b"PONG"))
            }
            Peer::Bun if wish.records == Records::Padded => (
                format!("/?symbols={}&record_bytes={RECORD_BYTES}", wish.symbols.join(",")),
                Vec::new(),
                Dialect::Lines,
                Ready::Messages(wish.symbols.len() as u64),
            ),
            _ => (
                format!("/?symbols={}", wish.symbols.join(",")),
                Vec::new(),
                Dialect::Lines,
                Ready::Frame(b"subscribed"),
            ),
        };
        Plan {
            request: upgrade(&path),
            hello,
            dialect,
            ready,
            reading: wish.reading,
            group: wish.group,
            detail: wish.detail,
            receive_buffer_bytes: wish.receive_buffer_bytes,
        }
    }
}

/// Of one of tickcast's snapshots of the ticks that are fed, with its comma.
const RECORD_BYTES: usize = 163;

/// The key is one of the RFC's own; the answer to it is not looked at.
pub fn upgrade(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}
