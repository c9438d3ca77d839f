//! B, dashboards: 2,000 clients, each with 20 of 500 symbols, popular ones chosen more often; all symbols tick alike.
//!
//! Subscriptions are drawn by Zipf's law (s = 1, seeded), ticks are uniform: 10 a second and symbol, so that 5,000 ticks
//! become 400,000 deliveries a second whoever chose what.

use std::io;

use super::{Bench, saturation::against};
use crate::{
    feeder::{CHUNK, Pace},
    report::{Figure, Goal, Report, usual},
    rig::{Rig, floor_window, wish, zipf_choices},
    servers::{Contender, Peer},
};

const NAME: &str = "B";
const CASE: &str = "dashboards";
const EACH: usize = 20;
const TICKS_PER_SYMBOL_PER_S: f64 = 10.0;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    for peer in bench.peers.iter().copied() {
        once(bench, report, Contender::every(peer))?;
    }
    if bench.has(Peer::Tickcast) {
        once(bench, report, Contender::latest(0))?;
    }
    Ok(())
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = bench.full_or_quick(2000, 50);
    let symbols = bench.full_or_quick(500, 50);
    let mut rig = Rig::start(contender, symbols, &bench.places)?;
    let choices = zipf_choices(clients, EACH, symbols);
    let plan = |(number, chosen): (usize, &Vec<String>)| contender.plan(&wish(chosen, number, clients));
    rig.connect(choices.iter().enumerate().map(plan).collect())?;
    let pace = Pace::new(TICKS_PER_SYMBOL_PER_S * symbols as f64);
    rig.feeder.run(pace);
    let (warm, length) = bench.spans();
    let window = rig.window(warm, length)?;
    drop(rig);
    let offered_per_s = TICKS_PER_SYMBOL_PER_S * (clients * EACH) as f64;
    let mut figures = usual(&window, offered_per_s);
    figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
    if let Some(work) = window.matched_floor(clients, pace.ticks_per_s.min(1.0 / CHUNK.as_secs_f64())) {
        let floor = floor_window(&work, clients, bench.spans(), &bench.places)?;
        figures.extend(against(&window, &floor));
    }
    report.add(NAME, CASE, &contender.name(), figures);
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server: &str, figure| report.median(NAME, CASE, server, figure);
    let mut goals = Vec::new();
    for server in ["tickcast every", "tickcast latest"] {
        let ratio = of(server, Figure::FloorRatio);
        goals.push(Goal {
            scenario: NAME,
            aim: format!("{server}: CPU a message at most 1.2 x the matched floor's"),
            measured: ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} x")),
            met: ratio.map(|ratio| ratio <= 1.2),
        });
        for (figure, what) in [(Figure::CpuShare, "CPU"), (Figure::AgeP99Ms, "p99")] {
            let both = of(server, figure).zip(of("bun", figure));
            goals.push(Goal {
                scenario: NAME,
                aim: format!("{server}: {what} below bun's"),
                measured: both
                    .map_or_else(String::new, |(ours, theirs)| format!("{ours:.2} and {theirs:.2}")),
                met: both.map(|(ours, theirs)| ours < theirs),
            });
        }
        let residual = of(server, Figure::Residual);
        goals.push(Goal {
            scenario: NAME,
            aim: format!("{server}: the books balance"),
            measured: residual.map_or_else(String::new, |residual| format!("residual {residual}")),
            met: residual.map(|residual| residual == 0.0),
        });
    }
    goals
}
