//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    machine,
    scenario::{Scenario, Size},
    servers::{Mode, Peer, Places},
};

/// Compares tickcast with other servers at the same work, on one machine: the server on core 0, the load on core 1.
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench fanout --")]
pub struct Args {
    /// Which scenarios, by letter
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::ALL)]
    pub scenario: Vec<Scenario>,
    /// Which servers
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::ALL)]
    pub servers: Vec<Peer>,
    /// Which of tickcast's modes, where a scenario has both
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Mode::ALL)]
    pub modes: Vec<Mode>,
    /// Deliveries a second in scenario A, rising (default: from 100,000 on, until one is not held)
    #[arg(long, value_delimiter = ',')]
    pub rates: Vec<u32>,
    /// Leaves out the floor by itself; beside tickcast it is always run
    #[arg(long)]
    pub without_floor: bool,
    /// How often each is run; the table has medians
    #[arg(long, default_value_t = 3)]
    pub runs: u32,
    /// Small and short: shows that it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Where the results go, as JSON
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/fanout.json"))]
    pub json: PathBuf,
    /// The tickcast to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_tickcast"))]
    tickcast: PathBuf,
    /// Shards of tickcast; the others have their own ways
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Cores that the server may use; the load has core 1 in any case
    #[arg(long, value_delimiter = ',', default_values_t = [machine::SERVER_CORE])]
    server_cores: Vec<usize>,
    /// Where `benches/install-peers.sh` put its packages
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/peers"))]
    peers: PathBuf,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    pub fn places(&self) -> Places {
        let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/logs").into();
        let (tickcast, peers) = (self.tickcast.clone(), self.peers.clone());
        Places { tickcast, shards: self.shards, cores: self.server_cores.clone(), peers, logs }
    }

    pub fn size(&self) -> Size {
        if self.quick { Size::Quick } else { Size::Full }
    }
}
