//! The scenarios: each is a kind of work that people have, with a goal.

mod dashboard;
mod saturation;

use std::{io, time::Duration};

use clap::ValueEnum;

use crate::{
    report::Report,
    servers::{Peer, Places},
};

/// What is to be run, and where.
pub struct Bench {
    pub places: Places,
    /// Those that are asked for and installed.
    pub peers: Vec<Peer>,
    pub size: Size,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    Full,
    /// Small and short: that it works, not how fast.
    Quick,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Scenario {
    /// Saturation: 1,000 clients, the same 10 symbols, faster and faster.
    A,
    /// Dashboards: 2,000 clients, 20 of 500 symbols each.
    B,
}

impl Scenario {
    pub const ALL: [Scenario; 2] = [Scenario::A, Scenario::B];

    /// Runs it once, for all peers.
    pub fn run(self, bench: &Bench, report: &mut Report) -> io::Result<()> {
        match self {
            Scenario::A => saturation::run(bench, report),
            Scenario::B => dashboard::run(bench, report),
        }
    }

    /// What its rows came to.
    pub fn judge(self, report: &mut Report) {
        let goals = match self {
            Scenario::A => saturation::goals(report),
            Scenario::B => dashboard::goals(report),
        };
        report.goals.extend(goals);
    }
}

impl Bench {
    pub fn has(&self, peer: Peer) -> bool {
        self.peers.contains(&peer)
    }

    /// One or the other, by the size of the bench.
    pub fn full_or_quick<T>(&self, full: T, quick: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Quick => quick,
        }
    }

    /// How long a window is warmed up, and how long it is.
    pub fn spans(&self) -> (Duration, Duration) {
        self.full_or_quick(
            (Duration::from_secs(2), Duration::from_secs(4)),
            (Duration::from_millis(200), Duration::from_millis(500)),
        )
    }
}
