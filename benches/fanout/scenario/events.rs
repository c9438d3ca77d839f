//! S, server-sent events: 1,000 readers, as pages have them with `EventSource`, each of 10 of 100 symbols; and the same
//! five times as fast. Beside other servers of such events, which are no WebSocket servers.
//!
//! Memory is the server's growth from before the first reader came until all have come and been left alone, by reader.

use std::{io, thread, time::Duration};

use super::Bench;
use crate::{
    feeder::Pace,
    report::{Figure, Goal, Report, grouped, usual},
    rig::{Rig, wish, zipf_choices},
    servers::{Contender, Mode, Peer},
};

const NAME: &str = "S";
const EACH: usize = 10;
const SYMBOLS: usize = 100;
/// Deliveries a second, by reader.
const RATES: [f64; 2] = [20.0, 100.0];

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.event_contenders(), NAME, report, |report, contender| once(bench, report, contender))
}

fn case(rate: f64) -> String {
    format!("{:>4} a reader and s", grouped(rate, 0))
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let readers = bench.full_or_quick(1000, 50);
    let rest = bench.full_or_quick(Duration::from_secs(1), Duration::from_millis(50));
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let choices = zipf_choices(readers, EACH, SYMBOLS);
    let plan = |(number, chosen): (usize, &Vec<String>)| contender.reader(&wish(chosen, number, readers));
    let before = rig.server.rss_bytes()?;
    rig.connect(choices.iter().enumerate().map(plan).collect())?;
    thread::sleep(rest);
    let grown = rig.server.rss_bytes()? as f64 - before as f64;
    for rate in RATES {
        rig.feeder.run(Pace::new(rate * SYMBOLS as f64 / EACH as f64));
        let (warm, length) = bench.spans();
        let window = rig.window(warm, length)?;
        let mut figures = usual(&window, rate * readers as f64);
        figures.insert(Figure::SessionKb, grown / 1e3 / readers as f64);
        figures.insert(Figure::Gone, window.gone() as f64);
        figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
        report.add(NAME, &case(rate), &contender.name(), figures);
    }
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let ours = Contender::tickcast(Mode::Every, 0).name();
    let others = || Peer::ALL.into_iter().filter(|peer| *peer != Peer::Tickcast && peer.has_events());
    let mut goals = Vec::new();
    for rate in RATES {
        let case = case(rate);
        for (figure, what) in [
            (Figure::CpuUsPerMessage, "CPU a message"),
            (Figure::AgeP50Ms, "p50"),
            (Figure::AgeP99Ms, "p99"),
            (Figure::SessionKb, "memory a session"),
        ] {
            let best = others().filter_map(|peer| report.median(NAME, &case, peer.name(), figure));
            let ratio = report
                .median(NAME, &case, &ours, figure)
                .zip(best.reduce(f64::min))
                .map(|(ours, best)| ours / best);
            let aim = format!("{}: {what} below that of each other", case.trim());
            goals.push(Goal::new(NAME, aim, ratio, "x", |ratio| ratio < 1.0));
        }
    }
    goals
}
