//! tickcast beside its peers: the same ticks, the same clients, the same core; one table.
//!
//! `cargo bench --bench fanout -- --help` says what can be chosen, docs/PERFORMANCE.md how it is measured. Without
//! `--bench`, as tests run it, it is a short check of itself.
//!
//! The program is several: by its first argument it is also one of the servers that tickcast is compared with.

mod args;
mod events;
mod feeder;
mod frames;
mod generator;
mod lines;
mod machine;
mod report;
mod rig;
mod scenario;
mod servers;
mod smoke;
mod tls;
mod venue;
mod wire;

use std::{io, process::ExitCode};

use clap::Parser;

use args::Args;
use report::Report;
use scenario::Bench;
use servers::{floor, naive};

fn main() -> ExitCode {
    let role = std::env::args().nth(1).unwrap_or_default();
    let outcome = match role.as_str() {
        floor::ROLE => floor::serve(std::env::args().skip(1)),
        naive::ROLE => naive::serve(),
        _ if std::env::args().any(|argument| argument == "--bench") => bench(&Args::parse()),
        _ => {
            let ended = smoke::run();
            tls::clean();
            return ended;
        }
    };
    tls::clean();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &Args) -> io::Result<()> {
    machine::raise_open_files()?;
    let places = args.places();
    let mut report = Report::new();
    let mut peers = Vec::new();
    for peer in args.servers.iter().copied() {
        match peer.missing(&places) {
            Some(missing) => {
                eprintln!("{missing}");
                report.missing.push(missing);
            }
            None => {
                report.versions.insert(peer.name(), peer.version(&places));
                peers.push(peer);
            }
        }
    }
    let bench = Bench {
        places,
        peers,
        modes: args.modes.clone(),
        rates: args.rates.clone(),
        with_floor: !args.without_floor,
        size: args.size(),
    };
    // What was measured before something failed is not lost.
    let outcome = run_all(args, &bench, &mut report);
    for scenario in &args.scenario {
        scenario.judge(&mut report);
    }
    report.write_json(&args.json)?;
    println!("{}written to {}", report.text(), args.json.display());
    outcome
}

fn run_all(args: &Args, bench: &Bench, report: &mut Report) -> io::Result<()> {
    for run in 1..=args.runs {
        for scenario in &args.scenario {
            eprintln!("run {run} of {}, scenario {scenario:?}", args.runs);
            scenario.run(bench, report)?;
        }
    }
    Ok(())
}
