//! E, ramp: 5,000 clients come at once, each with 20 symbols, 256 handshakes at a time.
//!
//! The clock runs from the first connect until the last client is in: upgraded, subscribed, and, with tickcast, in
//! possession of a record of each of its symbols. The others have no records to give; their clients are in when their
//! subscription is confirmed.

use std::io;

use super::Bench;
use crate::{
    report::{Figure, Figures, Goal, Report},
    rig::{Rig, wish, zipf_choices},
    servers::{Contender, Wish},
};

const NAME: &str = "E";
const CASE: &str = "ramp";
const EACH: usize = 20;
const SYMBOLS: usize = 500;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders_latest(), NAME, report, |report, contender| once(bench, report, contender))
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = bench.full_or_quick(5000, 100);
    let rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let choices = zipf_choices(clients, EACH, SYMBOLS);
    let plan = |(number, chosen): (usize, &Vec<String>)| {
        contender.plan(&Wish { snapshots: true, ..wish(chosen, number, clients) })
    };
    let plans = choices.iter().enumerate().map(plan).collect();
    let cpu = rig.server.cpu()?;
    rig.generator.mark()?;
    let ramp = rig.connect(plans)?;
    let (mark, cpu) = (rig.generator.mark()?, rig.server.cpu()?.saturating_sub(cpu));
    report.add(
        NAME,
        CASE,
        &contender.name(),
        Figures::from([
            (Figure::RampS, ramp.seconds),
            (Figure::CpuShare, cpu.as_secs_f64() / mark.seconds),
            (Figure::GeneratorShare, mark.cpu_seconds / mark.seconds),
            (Figure::Gone, (clients - ramp.ready) as f64),
        ]),
    );
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server| report.median(NAME, CASE, server, Figure::RampS);
    let ratio = of("tickcast latest").zip(of("bun")).map(|(ours, theirs)| ours / theirs);
    vec![Goal::new(NAME, "all in, records included, no later than with bun", ratio, "x", |ratio| {
        ratio <= 1.0
    })]
}
