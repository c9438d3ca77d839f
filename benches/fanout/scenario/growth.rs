//! G, growth: does a message cost more when there is more of everything? tickcast only.
//!
//! Clients from 10 to 10,000, symbols from 10 to 10,000, subscriptions of a session from 1 to 2,000: one grows, and 50,000
//! deliveries a second and the messages in a write stay. Clients: bursts of 4 ticks, of which each client wants all, so
//! that a write has 4 messages however many clients share the deliveries. Symbols: 1,000 clients with 10 of them each;
//! the more symbols, the fewer want each tick, so that ticks grow with them. Subscriptions: 100 clients that want every
//! symbol there is.
//!
//! Ingest has a cost of its own, without any client. It is measured before the clients connect, and subtracted in "net".
//! The same writes by the floor show what the kernel takes for more sockets.

use std::{io, thread, time::Duration};

use rand::{SeedableRng, seq::index};
use rand_pcg::Pcg64Mcg;

use super::{Bench, Size, saturation::against};
use crate::{
    feeder::{CHUNK, Pace},
    lines::symbol,
    report::{Figure, Goal, Report, grouped, usual},
    rig::{Rig, floor_window, symbols, wish},
    servers::{Contender, Mode, Peer},
};

const NAME: &str = "G";
const SERVER: &str = "tickcast";
const BURST: usize = 4;
const SHARED_CLIENTS: usize = 1000;
const SHARED_EACH: usize = 10;
const FEW_CLIENTS: usize = 100;
const CLIENTS: &str = "clients";
const SYMBOLS: &str = "symbols";
const SUBSCRIPTIONS: &str = "subscriptions each";

/// What one measurement is made of.
struct Point {
    case: String,
    symbols: usize,
    choices: Vec<Vec<String>>,
    pace: Pace,
}

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    let deliveries_per_s = bench.full_or_quick(50_000.0, 20_000.0);
    let is_quick = bench.size != Size::Full;
    for count in [10, 100, 1000, 10_000].into_iter().filter(|count| !is_quick || *count == 100) {
        once(bench, report, &clients(count, deliveries_per_s))?;
    }
    for count in [10, 100, 1000, 10_000].into_iter().filter(|count| !is_quick || *count == 10) {
        once(bench, report, &of_symbols(count, deliveries_per_s))?;
    }
    for count in [1, 10, 100, 1000, 2000].into_iter().filter(|count| !is_quick || *count == 1000) {
        once(bench, report, &subscriptions(count, deliveries_per_s))?;
    }
    Ok(())
}

fn case(what: &str, count: usize) -> String {
    format!("{:>6} {what}", grouped(count as f64, 0))
}

fn clients(count: usize, deliveries_per_s: f64) -> Point {
    let ticks_per_s = deliveries_per_s / count as f64;
    let chunk = Duration::from_secs_f64(BURST as f64 / ticks_per_s);
    let choices = vec![symbols(BURST); count];
    Point { case: case(CLIENTS, count), symbols: BURST, choices, pace: Pace { ticks_per_s, chunk } }
}

fn of_symbols(count: usize, deliveries_per_s: f64) -> Point {
    let mut random = Pcg64Mcg::seed_from_u64(13);
    let mut choose = || index::sample(&mut random, count, SHARED_EACH).into_iter().map(symbol).collect();
    let choices = (0..SHARED_CLIENTS).map(|_| choose()).collect();
    let ticks_per_s = deliveries_per_s * count as f64 / (SHARED_CLIENTS * SHARED_EACH) as f64;
    Point { case: case(SYMBOLS, count), symbols: count, choices, pace: Pace::new(ticks_per_s) }
}

fn subscriptions(count: usize, deliveries_per_s: f64) -> Point {
    let choices = vec![symbols(count); FEW_CLIENTS];
    let pace = Pace::new(deliveries_per_s / FEW_CLIENTS as f64);
    Point { case: case(SUBSCRIPTIONS, count), symbols: count, choices, pace }
}

fn once(bench: &Bench, report: &mut Report, point: &Point) -> io::Result<()> {
    let contender = Contender::tickcast(Mode::Latest, 0);
    let clients = point.choices.len();
    let (warm, length) = bench.spans();
    let mut rig = Rig::start(contender, point.symbols, &bench.places)?;
    rig.feeder.run(point.pace);
    let alone = rig.window(warm / 2, length / 2)?;
    let ingest_share = alone.server_cpu_s / alone.seconds;
    rig.feeder.rest()?;
    let plan = |(number, chosen): (usize, &Vec<String>)| contender.plan(&wish(chosen, number, clients));
    rig.connect(point.choices.iter().enumerate().map(plan).collect())?;
    thread::sleep(warm / 2);
    rig.feeder.run(point.pace);
    let window = rig.window(warm, length)?;
    drop(rig);
    let mut figures = usual(&window, deliveries_per_s(point));
    let net_share = window.server_cpu_s / window.seconds - ingest_share;
    figures.insert(Figure::NetCpuUsPerMessage, net_share / window.messages_per_s() * 1e6);
    let rounds_per_s = point.pace.ticks_per_s.min(1.0 / point.pace.chunk.max(CHUNK).as_secs_f64());
    if let Some(work) = window.matched_floor(clients, rounds_per_s) {
        let floor = floor_window(&work, clients, bench.spans(), &bench.places)?;
        figures.extend(against(&window, &floor));
    }
    report.add(NAME, &point.case, SERVER, figures);
    Ok(())
}

fn deliveries_per_s(point: &Point) -> f64 {
    let subscriptions: usize = point.choices.iter().map(Vec::len).sum();
    point.pace.ticks_per_s * subscriptions as f64 / point.symbols as f64
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let goals = |what| {
        let growth = |of: &dyn Fn(&str) -> Option<f64>| {
            let cases = report.cases(NAME).into_iter().filter(|case| case.ends_with(what));
            let values: Vec<f64> = cases.filter_map(of).collect();
            let (most, least) =
                (values.iter().copied().reduce(f64::max), values.iter().copied().reduce(f64::min));
            most.zip(least).map(|(most, least)| most / least)
        };
        let net = |case: &str| report.median(NAME, case, SERVER, Figure::NetCpuUsPerMessage);
        let floor = |case: &str| report.median(NAME, case, SERVER, Figure::FloorCpuUsPerMessage);
        let above_floor = |case: &str| net(case).zip(floor(case)).map(|(net, floor)| net / floor);
        let flat = |ratio| ratio <= 1.2;
        let aim = format!("{what}: the dearest message at most 1.2 x the cheapest");
        let by_floor = format!("{aim}, each in parts of the same writes by the floor");
        [
            Goal::new(NAME, aim, growth(&net), "x", flat),
            Goal::new(NAME, by_floor, growth(&above_floor), "x", flat),
        ]
    };
    [CLIENTS, SYMBOLS, SUBSCRIPTIONS].into_iter().flat_map(goals).collect()
}
