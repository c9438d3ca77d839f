//! Who can be compared: what each is called, what it needs, what it says of itself, and how it is started.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::ValueEnum;

use super::{Encoding, FlowWindow, Places, Security, Server, centrifuge, naive, nats, nchan, tickcast};
use crate::{lines::Wrapping, tls};

/// Who can be compared. Two of them twice: as they are, and with what their pages advise for such work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Peer {
    Tickcast,
    Bun,
    /// As Debian has it.
    Nats,
    NatsCurrent,
    /// Publishers are not held up for slow readers, and these are given time.
    NatsTuned,
    /// The engine of Centrifugo.
    Centrifuge,
    /// The same, which collects messages for 20 ms and joins them all.
    CentrifugeDelayed,
    Ws,
    Naive,
    /// Server-sent events of nginx.
    Nchan,
    /// Server-sent events alone.
    Mercure,
    /// Server-sent events by a handler of thirty lines.
    NodeEvents,
}

impl Peer {
    pub const ALL: [Peer; 12] = [
        Peer::Tickcast,
        Peer::Bun,
        Peer::Nats,
        Peer::NatsCurrent,
        Peer::NatsTuned,
        Peer::Centrifuge,
        Peer::CentrifugeDelayed,
        Peer::Ws,
        Peer::Naive,
        Peer::Nchan,
        Peer::Mercure,
        Peer::NodeEvents,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Tickcast => "tickcast",
            Peer::Bun => "bun",
            Peer::Nats => "nats",
            Peer::NatsCurrent => "nats current",
            Peer::NatsTuned => "nats current, tuned",
            Peer::Centrifuge => "centrifuge",
            Peer::CentrifugeDelayed => "centrifuge 20 ms",
            Peer::Ws => "ws",
            Peer::Naive => "naive",
            Peer::Nchan => "nchan",
            Peer::Mercure => "mercure",
            Peer::NodeEvents => "node handler",
        }
    }

    /// Whether its clients speak WebSocket.
    pub fn has_web_sockets(self) -> bool {
        !matches!(self, Peer::Nchan | Peer::Mercure | Peer::NodeEvents)
    }

    /// Whether it is compared where clients read server-sent events.
    pub fn has_events(self) -> bool {
        self == Peer::Tickcast || !self.has_web_sockets()
    }

    /// Whether it is compared over TLS.
    pub fn has_tls(self) -> bool {
        matches!(self, Peer::Tickcast | Peer::Bun)
    }

    /// What has to be installed first; `None` when all is there.
    pub fn missing(self, places: &Places) -> Option<String> {
        let (there, install) = match self {
            Peer::Tickcast => (places.tickcast.is_file(), "cargo build --release"),
            Peer::Bun => (places.bun().is_file(), "benches/install-peers.sh bun"),
            Peer::Nats => (answers("nats-server", "--version"), "benches/install-peers.sh nats"),
            Peer::NatsCurrent | Peer::NatsTuned => {
                (places.go("nats-server").is_file(), "benches/install-peers.sh nats-current, which takes Go")
            }
            Peer::Centrifuge | Peer::CentrifugeDelayed => {
                (places.go("centrifuge").is_file(), "benches/install-peers.sh centrifuge, which takes Go")
            }
            Peer::Ws => {
                let is_installed = places.peers.join("node_modules/ws/package.json").is_file();
                (is_installed && answers("node", "--version"), "benches/install-peers.sh ws")
            }
            Peer::Naive => (true, ""),
            Peer::Nchan => (
                answers("nginx", "-v") && Path::new(nchan::MODULE).is_file(),
                "benches/install-peers.sh nchan",
            ),
            Peer::Mercure => {
                (places.go("mercure").is_file(), "benches/install-peers.sh mercure, which takes Go")
            }
            Peer::NodeEvents => (answers("node", "--version"), "benches/install-peers.sh node"),
        };
        (!there).then(|| format!("{} is not installed; install it with: {install}", self.name()))
    }

    /// What it says of itself, for the head of the report.
    pub fn version(self, places: &Places) -> String {
        let said = match self {
            Peer::Tickcast => output(Command::new(&places.tickcast).arg("--version")),
            Peer::Bun => output(Command::new(places.bun()).arg("--version")),
            Peer::Nats => output(Command::new("nats-server").arg("--version")),
            Peer::NatsCurrent | Peer::NatsTuned => {
                output(Command::new(places.go("nats-server")).arg("--version"))
            }
            Peer::Centrifuge | Peer::CentrifugeDelayed => {
                output(Command::new(places.go("centrifuge")).arg("-version"))
            }
            Peer::Mercure => output(Command::new(places.go("mercure")).arg("-version")),
            Peer::Ws => {
                let package = places.peers.join("node_modules/ws/package.json");
                let text = std::fs::read_to_string(package).unwrap_or_default();
                let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                let node = output(Command::new("node").arg("--version"));
                format!("{}, node {node}", package["version"].as_str().unwrap_or_default())
            }
            Peer::Naive => "tokio, tokio-tungstenite".to_owned(),
            Peer::Nchan => nchan::version(),
            Peer::NodeEvents => output(Command::new("node").arg("--version")),
        };
        said.trim_start_matches("nats-server:").trim_start_matches(self.name()).trim().to_owned()
    }

    /// How the feeder has to write.
    pub fn wrapping(self) -> Wrapping {
        match self {
            Peer::Nats | Peer::NatsCurrent | Peer::NatsTuned => Wrapping::NatsPublish,
            _ => Wrapping::Line,
        }
    }

    /// As it is by default.
    pub(super) fn start(self, places: &Places) -> io::Result<Server> {
        match self {
            Peer::Tickcast => tickcast::start(places, FlowWindow::On, Security::Plain),
            Peer::Bun => start_bun(places, Encoding::Json, Security::Plain),
            Peer::Ws => {
                let mut node = Command::new("node");
                Server::start("ws", node.arg(script("ws.mjs")).env("PEERS", &places.peers), places)
            }
            Peer::NodeEvents => Server::start("node", Command::new("node").arg(script("events.mjs")), places),
            Peer::Nats => nats::start("nats-server".as_ref(), "", places),
            Peer::NatsCurrent => nats::start(&places.go("nats-server"), "", places),
            Peer::NatsTuned => nats::start(&places.go("nats-server"), nats::TUNED, places),
            Peer::Centrifuge => {
                Server::start_fed_by_tcp("centrifuge", &mut centrifuge::plain(places), places)
            }
            Peer::CentrifugeDelayed => {
                Server::start_fed_by_tcp("centrifuge", &mut centrifuge::delayed(places), places)
            }
            Peer::Mercure => {
                Server::start_fed_by_tcp("mercure", &mut Command::new(places.go("mercure")), places)
            }
            Peer::Nchan => nchan::start(places),
            Peer::Naive => naive::start(places),
        }
    }
}

pub(super) fn start_bun(places: &Places, encoding: Encoding, security: Security) -> io::Result<Server> {
    let mut bun = Command::new(places.bun());
    bun.arg(script("bun.js")).env("ENCODING", encoding.word());
    if security == Security::Tls {
        let identity = tls::identity();
        bun.env("TLS_CERT", &identity.cert).env("TLS_KEY", &identity.key);
    }
    Server::start("bun", &mut bun, places)
}

fn output(command: &mut Command) -> String {
    let said = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn answers(program: &str, question: &str) -> bool {
    Command::new(program).arg(question).output().is_ok_and(|output| output.status.success())
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches/fanout/peers", name].iter().collect()
}

impl Places {
    fn bun(&self) -> PathBuf {
        self.peers.join("node_modules/.bin/bun")
    }

    /// A program that was built from `benches/fanout/peers/go`.
    pub(super) fn go(&self, name: &str) -> PathBuf {
        self.peers.join("go").join(name)
    }
}
