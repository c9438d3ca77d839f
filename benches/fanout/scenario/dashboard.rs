//! B, dashboards: 2,000 clients, each with 20 of 500 symbols, popular ones chosen more often; all symbols tick alike.
//! B2 is the same with at most one message in 100 ms for each symbol, which only tickcast can.
//!
//! Subscriptions are drawn by Zipf's law (s = 1, seeded), ticks are uniform: 10 a second and symbol, so that 5,000 ticks
//! become 400,000 deliveries a second whoever chose what. For B2 that would leave nothing to merge, so there and in the
//! row that it is compared with symbols tick 10 times as often.

use std::io;

use super::{Bench, saturation::against};
use crate::{
    feeder::{CHUNK, Pace},
    report::{Figure, Figures, Goal, Report, usual},
    rig::{Rig, Window, floor_window, wish, zipf_choices},
    servers::{Contender, Mode, Peer},
};

const B: &str = "B";
const B2: &str = "B2";
const CASE: &str = "dashboards";
const EACH: usize = 20;
pub const TICKS_PER_SYMBOL_PER_S: f64 = 10.0;
pub const INTERVAL_MS: u32 = 100;
/// For B2.
pub const FASTER: f64 = 10.0;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders(), B, report, |report, contender| {
        once(bench, report, contender, B, TICKS_PER_SYMBOL_PER_S)
    })
}

pub fn run_paced(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    for (mode, interval_ms) in [(Mode::Every, 0), (Mode::Latest, 0), (Mode::Latest, INTERVAL_MS)] {
        let contender = Contender::tickcast(mode, interval_ms);
        once(bench, report, contender, B2, TICKS_PER_SYMBOL_PER_S * FASTER)?;
    }
    Ok(())
}

fn once(
    bench: &Bench,
    report: &mut Report,
    contender: Contender,
    scenario: &'static str,
    ticks_per_symbol_per_s: f64,
) -> io::Result<()> {
    let (window, mut figures) = look(bench, contender, ticks_per_symbol_per_s)?;
    // Beside the row that saturates the core there is nothing to hold a floor against.
    if (scenario == B || contender.interval_ms > 0)
        && let Some(work) = window.matched_floor(
            clients(bench),
            (ticks_per_symbol_per_s * symbols(bench) as f64).min(1.0 / CHUNK.as_secs_f64()),
        )
    {
        let floor = floor_window(&work, clients(bench), bench.spans(), &bench.places)?;
        figures.extend(against(&window, &floor));
    }
    report.add(scenario, CASE, &contender.name(), figures);
    Ok(())
}

fn clients(bench: &Bench) -> usize {
    bench.full_or_quick(2000, 50)
}

fn symbols(bench: &Bench) -> usize {
    bench.full_or_quick(500, 50)
}

/// Dashboards of one server, for one window.
pub fn look(
    bench: &Bench,
    contender: Contender,
    ticks_per_symbol_per_s: f64,
) -> io::Result<(Window, Figures)> {
    let (clients, symbols) = (clients(bench), symbols(bench));
    let mut rig = Rig::start(contender, symbols, &bench.places)?;
    let choices = zipf_choices(clients, EACH, symbols);
    let plan = |(number, chosen): (usize, &Vec<String>)| contender.plan(&wish(chosen, number, clients));
    rig.connect(choices.iter().enumerate().map(plan).collect())?;
    rig.feeder.run(Pace::new(ticks_per_symbol_per_s * symbols as f64));
    let (warm, length) = bench.spans();
    let window = rig.window(warm, length)?;
    let mut figures = usual(&window, ticks_per_symbol_per_s * (clients * EACH) as f64);
    figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
    Ok((window, figures))
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server: &str, figure| report.median(B, CASE, server, figure);
    let mut goals = Vec::new();
    for mode in Mode::ALL {
        let server = Contender::tickcast(mode, 0).name();
        goals.push(Goal::new(
            B,
            format!("{server}: CPU a message at most 1.2 x the matched floor's"),
            of(&server, Figure::FloorRatio),
            "x",
            |ratio| ratio <= 1.2,
        ));
        for (figure, what) in [(Figure::CpuShare, "CPU"), (Figure::AgeP99Ms, "p99")] {
            let ratio = of(&server, figure).zip(of("bun", figure)).map(|(ours, theirs)| ours / theirs);
            goals
                .push(Goal::new(B, format!("{server}: {what} below bun's"), ratio, "x", |ratio| ratio < 1.0));
        }
        let residual = of(&server, Figure::Residual);
        goals.push(Goal::new(
            B,
            format!("{server}: the accounts balance, residual 0"),
            residual,
            "",
            |residual| residual == 0.0,
        ));
    }
    goals
}

pub fn goals_paced(report: &Report) -> Vec<Goal> {
    let of = |mode, interval_ms, figure| {
        report.median(B2, CASE, &Contender::tickcast(mode, interval_ms).name(), figure)
    };
    let mut goals = Vec::new();
    for (mode, than) in [(Mode::Every, "every tick"), (Mode::Latest, "mode latest without")] {
        for (figure, what) in [(Figure::CpuShare, "CPU"), (Figure::MbPerS, "bytes")] {
            let both = of(mode, 0, figure).zip(of(Mode::Latest, INTERVAL_MS, figure));
            let times = both.map(|(all, paced)| all / paced);
            let aim = format!("with an interval {what} at least 8 x less than {than}");
            goals.push(Goal::new(B2, aim, times, "x", |times| times >= 8.0));
        }
    }
    goals
}
