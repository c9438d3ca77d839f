//! The servers that are compared: how each is started, fed, and subscribed to.

mod books;
mod centrifuge;
mod encoding;
pub mod floor;
pub mod naive;
mod nats;
mod nchan;
mod peer;
mod process;
mod protocol;
mod proxy;
pub mod tickcast;

use std::{io, path::PathBuf};

use clap::ValueEnum;

use crate::{
    frames,
    generator::{Detail, Dialect, Plan, Reading, Ready, Stream},
    lines::Wrapping,
};

pub use books::Books;
pub use encoding::Encoding;
pub use peer::Peer;
pub use process::Server;
pub use protocol::Protocol;
pub use proxy::Proxy;

/// Where the programs are.
pub struct Places {
    pub tickcast: PathBuf,
    /// Of tickcast.
    pub shards: usize,
    /// Where a server may run.
    pub cores: Vec<usize>,
    /// A directory with `node_modules` and `go`, as `benches/install-peers.sh` makes it.
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
    pub encoding: Encoding,
    pub window: FlowWindow,
    pub security: Security,
    /// A venue's, or a stream of our own that it is compared with; `None` for what modes and intervals say.
    pub protocol: Option<Protocol>,
}

/// Whether its clients connect by TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Security {
    Plain,
    Tls,
}

/// Whether tickcast holds back what its clients have not read yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FlowWindow {
    /// As it does by default.
    On,
    Off,
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
    /// Messages that the server sends unasked; no client waits for them.
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

    /// As a query has it.
    fn word(self) -> &'static str {
        match self {
            Mode::Every => "every",
            Mode::Latest => "latest",
        }
    }
}

impl Contender {
    pub fn tickcast(mode: Mode, interval_ms: u32) -> Contender {
        Contender { mode, interval_ms, ..Contender::other(Peer::Tickcast) }
    }

    /// One that has no modes.
    pub fn other(peer: Peer) -> Contender {
        let (encoding, window) = (Encoding::Json, FlowWindow::On);
        let (mode, security) = (Mode::Every, Security::Plain);
        Contender { peer, mode, interval_ms: 0, encoding, window, security, protocol: None }
    }

    /// The same with another encoding.
    pub fn encoded(self, encoding: Encoding) -> Contender {
        Contender { encoding, ..self }
    }

    pub fn without_window(self) -> Contender {
        Contender { window: FlowWindow::Off, ..self }
    }

    /// The same, whose clients speak this.
    pub fn speaking(self, protocol: Protocol) -> Contender {
        Contender { protocol: Some(protocol), ..self }
    }

    /// How the feeder has to write.
    pub fn wrapping(self) -> Wrapping {
        self.protocol.map_or_else(|| self.peer.wrapping(), Protocol::wrapping)
    }

    pub fn over_tls(self) -> Contender {
        Contender { security: Security::Tls, ..self }
    }

    /// Whether a client is meant to get each tick.
    pub fn delivers_all(self) -> bool {
        self.mode == Mode::Every
    }

    pub fn name(self) -> String {
        let mut name = match (self.peer, self.mode, self.interval_ms) {
            (Peer::Tickcast, Mode::Every, _) => "tickcast every".to_owned(),
            (Peer::Tickcast, Mode::Latest, 0) => "tickcast latest".to_owned(),
            (Peer::Tickcast, Mode::Latest, interval_ms) => format!("tickcast latest {interval_ms} ms"),
            (peer, ..) => peer.name().to_owned(),
        };
        name.push_str(self.encoding.suffix());
        if self.window == FlowWindow::Off {
            name.push_str(", no window");
        }
        if self.security == Security::Tls {
            name.push_str(", TLS");
        }
        name
    }

    pub fn start(self, places: &Places) -> io::Result<Server> {
        match self.peer {
            Peer::Tickcast => tickcast::start(places, self.window, self.security),
            Peer::Bun => peer::start_bun(places, self.encoding, self.security),
            peer => peer.start(places),
        }
    }

    /// A client of this server with this wish.
    pub fn plan(self, wish: &Wish<'_>) -> Plan {
        if let Some(protocol) = self.protocol {
            let (path, hello) = protocol.ask(wish.symbols);
            let dialect = Dialect::Venue(protocol.mark());
            let request = upgrade(&path, protocol.header());
            return Plan { hello, ..plan(wish, request, Stream::WebSocket, dialect) };
        }
        let (path, hello, dialect, ready) = match self.peer {
            Peer::Tickcast => {
                let (mut path, hello) = tickcast::ask(wish.symbols, self.mode, self.interval_ms);
                if wish.records == Records::None {
                    path.push_str("&snapshot=false");
                }
                (path, hello, self.encoding.tickcasts(), tickcast::ready(wish))
            }
            Peer::Nats | Peer::NatsCurrent | Peer::NatsTuned => {
                let hello = frames::masked(frames::BINARY, nats::hello(wish.symbols).as_bytes());
                ("/".to_owned(), hello, Dialect::Nats, Ready::Frame(b"PONG"))
            }
            Peer::Centrifuge | Peer::CentrifugeDelayed => {
                let hello = frames::masked(frames::TEXT, centrifuge::hello(wish.symbols).as_bytes());
                let answers = centrifuge::answers(wish.symbols);
                ("/".to_owned(), hello, Dialect::Centrifuge, Ready::Answers(answers))
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
                self.encoding.others(),
                Ready::Frame(b"subscribed"),
            ),
        };
        Plan {
            hello,
            ready,
            ..plan(wish, upgrade(&path, self.encoding.header()), Stream::WebSocket, dialect)
        }
    }

    /// A reader of server-sent events of this server with this wish.
    pub fn reader(self, wish: &Wish<'_>) -> Plan {
        let (path, dialect, ready) = match self.peer {
            Peer::Tickcast => {
                (tickcast::events(wish.symbols, self.mode), Dialect::Tickcast, tickcast::ready(wish))
            }
            Peer::Mercure => {
                let topics = wish.symbols.join("&topic=");
                (format!("/.well-known/mercure?topic={topics}"), Dialect::Lines, Ready::Answered)
            }
            _ => (format!("/events/{}", wish.symbols.join(",")), Dialect::Lines, Ready::Answered),
        };
        Plan { ready, ..plan(wish, get_events(&path), Stream::Events, dialect) }
    }
}

/// What a wish says of a client itself.
fn plan(wish: &Wish<'_>, request: Vec<u8>, stream: Stream, dialect: Dialect) -> Plan {
    Plan {
        request,
        stream,
        hello: Vec::new(),
        dialect,
        ready: Ready::Answered,
        reading: wish.reading,
        group: wish.group,
        detail: wish.detail,
        receive_buffer_bytes: wish.receive_buffer_bytes,
        // `Rig::connect` says otherwise.
        tls: None,
    }
}

/// Of one of tickcast's snapshots of the ticks that are fed, with its comma.
const RECORD_BYTES: usize = 163;

/// The key is one of the RFC's own; the answer to it is not looked at. `more`: a header with its end, or nothing.
pub fn upgrade(path: &str, more: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}

/// What an `EventSource` asks.
fn get_events(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
    )
    .into_bytes()
}
