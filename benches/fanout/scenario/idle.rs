//! D, idle: 15,000 sessions with 10 subscriptions each, and nothing to say. What does one weigh?
//!
//! Resident memory of the server, after less before, by the number of sessions; and again after a busy spell, which shows
//! whether buffers are given back. What the kernel holds for sockets is not in it, and is alike for all.

use std::{io, thread, time::Duration};

use super::Bench;
use crate::{
    feeder::Pace,
    report::{Figure, Figures, Goal, Report},
    rig::{Rig, wish, zipf_choices},
    servers::{Contender, Peer},
};

const NAME: &str = "D";
const CASE: &str = "idle";
const EACH: usize = 10;
const SYMBOLS: usize = 100;
/// In the busy spell: each session gets 10 messages a second.
const BUSY_TICKS_PER_S: f64 = 100.0;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders_latest(), NAME, report, |report, contender| once(bench, report, contender))
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let sessions = bench.full_or_quick(15_000, 200);
    report.add(NAME, CASE, &contender.name(), weigh(bench, contender, sessions)?);
    Ok(())
}

/// So many sessions of one server, before and after a busy spell.
pub fn weigh(bench: &Bench, contender: Contender, sessions: usize) -> io::Result<Figures> {
    let (rest, busy) = bench.full_or_quick(
        (Duration::from_millis(3500), Duration::from_secs(3)),
        (Duration::from_millis(100), Duration::from_millis(300)),
    );
    let rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let choices = zipf_choices(sessions, EACH, SYMBOLS);
    let plan = |(number, chosen): (usize, &Vec<String>)| contender.plan(&wish(chosen, number, sessions));
    let plans = choices.iter().enumerate().map(plan).collect();
    thread::sleep(rest);
    let before = rig.server.rss_bytes()?;
    let each_kb = |now: u64| (now as f64 - before as f64) / 1e3 / sessions as f64;
    let ramp = rig.connect(plans)?;
    thread::sleep(rest);
    let idle = rig.server.rss_bytes()?;
    rig.feeder.run(Pace::new(BUSY_TICKS_PER_S));
    thread::sleep(busy);
    rig.feeder.rest()?;
    thread::sleep(rest);
    let after = rig.server.rss_bytes()?;
    let mark = rig.generator.mark()?;
    Ok(Figures::from([
        (Figure::SessionKb, each_kb(idle)),
        (Figure::SessionAfterBusyKb, each_kb(after)),
        (Figure::RssMb, after as f64 / 1e6),
        (Figure::RampS, ramp.seconds),
        (Figure::Gone, (sessions - mark.open) as f64),
    ]))
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server, figure| report.median(NAME, CASE, server, figure);
    let others = Peer::ALL.iter().filter_map(|peer| of(peer.name(), Figure::SessionKb));
    let best = others.reduce(f64::min);
    let ratio = of("tickcast latest", Figure::SessionKb).zip(best).map(|(ours, best)| ours / best);
    let kept =
        of("tickcast latest", Figure::SessionAfterBusyKb).zip(of("tickcast latest", Figure::SessionKb));
    vec![
        Goal::new(NAME, "an idle session weighs less than the lightest peer's", ratio, "x", |ratio| {
            ratio < 1.0
        }),
        Goal::new(
            NAME,
            "after a busy spell it weighs at most a fifth more",
            kept.map(|(after, idle)| after / idle),
            "x",
            |ratio| ratio <= 1.2,
        ),
    ]
}
