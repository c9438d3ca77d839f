//! The scenarios: each is a kind of work that people have, with a goal.

mod dashboard;
mod dialects;
mod encodings;
mod events;
mod growth;
mod idle;
mod ingest;
mod proxy;
mod publish;
mod quiet;
mod ramp;
mod saturation;
mod slow;
mod thin;
mod tls;
mod venue;

use std::{io, time::Duration};

use clap::ValueEnum;

use crate::{
    report::Report,
    servers::{Contender, Mode, Peer, Places},
};

/// What is to be run, and where.
pub struct Bench {
    pub places: Places,
    /// Those that are asked for and installed.
    pub peers: Vec<Peer>,
    /// Of tickcast, where a scenario has both.
    pub modes: Vec<Mode>,
    /// Of scenario A, in place of its own.
    pub rates: Vec<u32>,
    /// Whether the floor is run by itself.
    pub with_floor: bool,
    pub size: Size,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    Full,
    /// Small and short: that it works, not how fast.
    Quick,
    /// As small, and shorter: for the bench's check of itself.
    Smoke,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Scenario {
    /// Saturation: 1,000 clients, the same 10 symbols, faster and faster.
    A,
    /// Dashboards: 2,000 clients, 20 of 500 symbols each.
    B,
    /// The same, with at most one message in 100 ms for each symbol.
    B2,
    /// Slow clients: one in 10 does not read.
    C,
    /// Thin links: clients that read a tenth of what they would need.
    C2,
    /// Idle: what 15,000 sessions weigh.
    D,
    /// Ramp: 5,000 clients come at once.
    E,
    /// Ingest: ticks as fast as they are taken.
    F,
    /// Growth: more clients, more symbols, more subscriptions.
    G,
    /// Quiet: 100 clients, 20 ticks a second.
    #[value(alias = "quiet")]
    Q,
    /// Server-sent events: 1,000 readers.
    #[value(alias = "sse")]
    S,
    /// Binary data: B and B2 beside the same as JSON.
    #[value(name = "binary")]
    Binary,
    /// Compression: B and B2 with permessage-deflate.
    #[value(name = "deflate")]
    Deflate,
    /// Proxies: clients that read 40 KB/s behind nginx and haproxy.
    #[value(name = "proxy")]
    Proxy,
    /// TLS beside plain: writes, dashboards, handshakes, memory.
    #[value(name = "tls")]
    Tls,
    /// Protocols of venues beside our own.
    #[value(name = "dialects")]
    Dialects,
    /// Publishing over WebSocket.
    #[value(name = "publish")]
    Publish,
    /// A live venue: how much older a trade is that comes through, and 1,000 symbols.
    #[value(name = "venue")]
    Venue,
}

impl Scenario {
    pub const ALL: [Scenario; 18] = [
        Scenario::A,
        Scenario::B,
        Scenario::B2,
        Scenario::C,
        Scenario::C2,
        Scenario::D,
        Scenario::E,
        Scenario::F,
        Scenario::G,
        Scenario::Q,
        Scenario::S,
        Scenario::Binary,
        Scenario::Deflate,
        Scenario::Proxy,
        Scenario::Tls,
        Scenario::Dialects,
        Scenario::Publish,
        Scenario::Venue,
    ];

    /// As rows and goals have it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Runs it once, for all peers.
    pub fn run(self, bench: &Bench, report: &mut Report) -> io::Result<()> {
        match self {
            Scenario::A => saturation::run(bench, report),
            Scenario::B => dashboard::run(bench, report),
            Scenario::B2 => dashboard::run_paced(bench, report),
            Scenario::C => slow::run(bench, report),
            Scenario::C2 => thin::run(bench, report),
            Scenario::D => idle::run(bench, report),
            Scenario::E => ramp::run(bench, report),
            Scenario::F => ingest::run(bench, report),
            Scenario::G => growth::run(bench, report),
            Scenario::Q => quiet::run(bench, report),
            Scenario::S => events::run(bench, report),
            Scenario::Binary => encodings::BINARY.run(bench, report),
            Scenario::Deflate => encodings::DEFLATE.run(bench, report),
            Scenario::Proxy => proxy::run(bench, report),
            Scenario::Tls => tls::run(bench, report),
            Scenario::Dialects => dialects::run(bench, report),
            Scenario::Publish => publish::run(bench, report),
            Scenario::Venue => venue::run(bench, report),
        }
    }

    /// What its rows came to.
    pub fn judge(self, report: &mut Report) {
        let goals = match self {
            Scenario::A => saturation::goals(report),
            Scenario::B => dashboard::goals(report),
            Scenario::B2 => dashboard::goals_paced(report),
            Scenario::C => slow::goals(report),
            Scenario::C2 => thin::goals(report),
            Scenario::D => idle::goals(report),
            Scenario::E => ramp::goals(report),
            Scenario::F => ingest::goals(report),
            Scenario::G => growth::goals(report),
            Scenario::Q => quiet::goals(report),
            Scenario::S => events::goals(report),
            Scenario::Binary => encodings::binary_goals(report),
            Scenario::Deflate => encodings::deflate_goals(report),
            Scenario::Proxy => proxy::goals(report),
            Scenario::Tls => tls::goals(report),
            Scenario::Dialects => dialects::goals(report),
            Scenario::Publish => publish::goals(report),
            Scenario::Venue => venue::goals(report),
        };
        report.goals.extend(goals);
    }
}

impl Bench {
    pub fn has(&self, peer: Peer) -> bool {
        self.peers.contains(&peer)
    }

    /// All peers whose clients speak WebSocket, tickcast in each of its modes.
    pub fn contenders(&self) -> Vec<Contender> {
        self.in_each_mode(Peer::has_web_sockets)
    }

    /// All peers that are compared by server-sent events, tickcast in each of its modes.
    pub fn event_contenders(&self) -> Vec<Contender> {
        self.in_each_mode(Peer::has_events)
    }

    fn in_each_mode(&self, takes_part: fn(Peer) -> bool) -> Vec<Contender> {
        let of = |peer: Peer| match peer {
            Peer::Tickcast => self.modes.iter().map(|mode| Contender::tickcast(*mode, 0)).collect(),
            _ => vec![Contender::other(peer)],
        };
        self.peers.iter().copied().filter(|peer| takes_part(*peer)).flat_map(of).collect()
    }

    /// All peers whose clients speak WebSocket, tickcast in mode latest, as a dashboard has it.
    pub fn contenders_latest(&self) -> Vec<Contender> {
        let of = |peer: Peer| match peer {
            Peer::Tickcast => Contender::tickcast(Mode::Latest, 0),
            _ => Contender::other(peer),
        };
        self.peers.iter().copied().filter(|peer| peer.has_web_sockets()).map(of).collect()
    }

    /// Does one thing with each of these servers. When a peer cannot do it, that is a result; when tickcast cannot, the
    /// bench ends.
    pub fn each(
        contenders: &[Contender],
        scenario: &str,
        report: &mut Report,
        mut once: impl FnMut(&mut Report, Contender) -> io::Result<()>,
    ) -> io::Result<()> {
        for contender in contenders.iter().copied() {
            match once(report, contender) {
                Err(error) if contender.peer == Peer::Tickcast => return Err(error),
                Err(error) => {
                    let warning = format!("{scenario} {}: {error}", contender.name());
                    eprintln!("  {warning}");
                    report.warnings.push(warning);
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// One or the other, by the size of the bench.
    pub fn full_or_quick<T>(&self, full: T, quick: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Quick | Size::Smoke => quick,
        }
    }

    /// How long a window is warmed up, and how long it is.
    pub fn spans(&self) -> (Duration, Duration) {
        match self.size {
            Size::Full => (Duration::from_secs(2), Duration::from_secs(4)),
            Size::Quick => (Duration::from_millis(200), Duration::from_millis(500)),
            Size::Smoke => (Duration::from_millis(20), Duration::from_millis(80)),
        }
    }
}
