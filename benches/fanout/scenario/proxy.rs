//! `proxy`: clients that read 40 KB a second of a stream that has 20 times as much, behind nginx and `HAProxy` with the
//! buffers that these have by default. How old is what they read, as time goes by? Beside tickcast without its window,
//! and Bun. Then clients that read all, without a proxy: what the window costs those who do not need it.

use std::{io, time::Duration};

use super::{
    Bench,
    dashboard::{self, TICKS_PER_SYMBOL_PER_S},
};
use crate::{
    feeder::Pace,
    generator::{Detail, IN_FLIGHT_MAX, Reading},
    report::{Figure, Figures, Goal, Report, usual},
    rig::{Rig, Window, connect, symbols, wish},
    servers::{Contender, Mode, Peer, Proxy, Wish},
};

const NAME: &str = "proxy";
const ALL_IS_READ: &str = "no proxy, all is read";
const SYMBOLS: usize = 20;
const TICKS_PER_S: f64 = 5_000.0;
const READ_BYTES_PER_S: f64 = 40_000.0;
/// It is looked at between these moments after the feed has begun.
const LOOKS_S: [u32; 4] = [5, 10, 20, 40];

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    for proxy in Proxy::ALL {
        if let Some(missing) = proxy.missing() {
            eprintln!("{missing}");
            report.missing.push(missing);
            continue;
        }
        report.versions.insert(proxy.name(), proxy.version());
        Bench::each(&contenders(bench), NAME, report, |report, contender| {
            behind(bench, report, contender, proxy)
        })?;
    }
    for mode in Mode::ALL {
        let ours = Contender::tickcast(mode, 0);
        let contenders = if bench.has(Peer::Tickcast) { vec![ours, ours.without_window()] } else { vec![] };
        Bench::each(&contenders, NAME, report, |report, contender| {
            let (_, figures) = dashboard::look(bench, contender, TICKS_PER_SYMBOL_PER_S)?;
            report.add(NAME, ALL_IS_READ, &contender.name(), figures);
            Ok(())
        })?;
    }
    Ok(())
}

fn contenders(bench: &Bench) -> Vec<Contender> {
    let ours = Contender::tickcast(Mode::Latest, 0);
    let all = [ours, ours.without_window(), Contender::other(Peer::Bun)];
    all.into_iter().filter(|contender| bench.has(contender.peer)).collect()
}

fn case(proxy: Proxy, from_s: u32, to_s: u32) -> String {
    format!("{}, {from_s:>2} to {to_s} s", proxy.name())
}

fn whole_case(proxy: Proxy) -> String {
    format!("{}, from {} s on", proxy.name(), LOOKS_S[0])
}

fn behind(bench: &Bench, report: &mut Report, contender: Contender, proxy: Proxy) -> io::Result<()> {
    let clients = bench.full_or_quick(20, 3);
    // A second of the full size is this long.
    let second = bench.full_or_quick(Duration::from_secs(1), Duration::from_millis(10));
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let proxied = proxy.start(rig.server.port, &bench.places)?;
    let wanted = symbols(SYMBOLS);
    let plan = |number| {
        let (reading, detail) = (Reading::Paced(READ_BYTES_PER_S), Detail::Ages);
        contender.plan(&Wish { reading, detail, ..wish(&wanted, number, clients) })
    };
    connect(&rig.generator, proxied.port, (0..clients).map(plan).collect(), IN_FLIGHT_MAX)?;
    rig.feeder.run(Pace::new(TICKS_PER_S));
    let mut whole: Option<Window> = None;
    let mut warm = second * LOOKS_S[0];
    for (from_s, to_s) in LOOKS_S.into_iter().zip(LOOKS_S.into_iter().skip(1)) {
        let window = rig.window(warm, second * (to_s - from_s))?;
        warm = Duration::ZERO;
        report.add(NAME, &case(proxy, from_s, to_s), &contender.name(), figures(&window, clients));
        whole = Some(match whole {
            None => window,
            Some(before) => before.and(&window),
        });
    }
    if let Some(whole) = whole {
        report.add(NAME, &whole_case(proxy), &contender.name(), figures(&whole, clients));
    }
    Ok(())
}

fn figures(window: &Window, clients: usize) -> Figures {
    let mut figures = usual(window, TICKS_PER_S * clients as f64);
    figures.insert(Figure::Gone, window.gone() as f64);
    figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
    figures
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let mut goals = Vec::new();
    let ours = Contender::tickcast(Mode::Latest, 0);
    for proxy in Proxy::ALL {
        let of = |figure| report.median(NAME, &whole_case(proxy), &ours.name(), figure);
        let aim = format!("{}: p99 from 5 s on below 1 s", proxy.name());
        goals.push(Goal::new(NAME, aim, of(Figure::AgeP99Ms), "ms", |age| age < 1_000.0));
        let aim = format!("{}: no client is closed", proxy.name());
        goals.push(Goal::new(NAME, aim, of(Figure::Gone), "closed", |gone| gone == 0.0));
    }
    for mode in Mode::ALL {
        let ours = Contender::tickcast(mode, 0);
        let of = |server: Contender, figure| report.median(NAME, ALL_IS_READ, &server.name(), figure);
        for (figure, what) in [(Figure::CpuUsPerMessage, "CPU a message"), (Figure::AgeP99Ms, "p99")] {
            let ratio = of(ours, figure).zip(of(ours.without_window(), figure)).map(|(on, off)| on / off);
            let aim = format!("all is read, {}: {what} within 2 % of that without a window", ours.name());
            goals.push(Goal::new(NAME, aim, ratio, "x", |ratio| ratio <= 1.02));
        }
    }
    goals
}
