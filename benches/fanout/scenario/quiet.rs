//! Q, quiet: 100 clients want the same 10 symbols, and 20 ticks come in a second. Nobody is busy: how old is a price
//! then? What is measured is how long a server takes to wake, to read, and to write 100 times.

use std::{io, time::Duration};

use super::Bench;
use crate::{
    feeder::Pace,
    generator::Detail,
    report::{Figure, Goal, Report, usual},
    rig::{Rig, symbols, wish},
    servers::{Contender, Mode, Wish},
};

const NAME: &str = "Q";
const CASE: &str = "quiet";
const SYMBOLS: usize = 10;
const TICKS_PER_S: f64 = 20.0;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders(), NAME, report, |report, contender| once(bench, report, contender))
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = bench.full_or_quick(100, 10);
    let wanted = symbols(SYMBOLS);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    // Every client looks at ages: there is little to look at.
    let plan = |number| contender.plan(&Wish { detail: Detail::Ages, ..wish(&wanted, number, clients) });
    rig.connect((0..clients).map(plan).collect())?;
    let (warm, length) = bench.spans();
    // Ticks are few, so the window is longer than others.
    let length = bench.full_or_quick(length * 3, length.max(Duration::from_millis(300)));
    rig.feeder.run(Pace { ticks_per_s: TICKS_PER_S, chunk: Duration::from_secs_f64(1.0 / TICKS_PER_S) });
    let window = rig.window(warm, length)?;
    report.add(NAME, CASE, &contender.name(), usual(&window, TICKS_PER_S * clients as f64));
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server: &str, figure| report.median(NAME, CASE, server, figure);
    let mut goals = Vec::new();
    for mode in Mode::ALL {
        let ours = Contender::tickcast(mode, 0).name();
        for (figure, what) in [(Figure::AgeP50Ms, "p50"), (Figure::AgeP99Ms, "p99")] {
            let ratio = of(&ours, figure).zip(of("bun", figure)).map(|(ours, theirs)| ours / theirs);
            goals.push(Goal::new(
                NAME,
                format!("{ours}: {what} no higher than bun's"),
                ratio,
                "x",
                |ratio| ratio <= 1.0,
            ));
        }
    }
    goals
}
