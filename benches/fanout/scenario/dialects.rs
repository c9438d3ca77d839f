//! `dialects`: dashboards whose clients speak a venue's protocol, beside the same in ours: 2,000 clients with 20 of 500
//! symbols each, of which each ticks five times a second. All ticks are trades, each of which every client is sent; or all
//! are quotes, of which the newest is.
//!
//! Messages of venues are marked by a text that each has once, and counted by it. Ages are not looked at.

use std::io;

use super::Bench;
use crate::{
    feeder::Pace,
    generator::Detail,
    report::{Figure, Goal, Report, usual},
    rig::{Rig, wish, zipf_choices},
    servers::{Contender, Mode, Peer, Protocol, Wish},
};

const NAME: &str = "dialects";
const TRADES: &str = "trades";
const QUOTES: &str = "quotes";
const EACH: usize = 20;
const TICKS_PER_SYMBOL_PER_S: f64 = 5.0;
const RATIO_MAX: f64 = 1.2;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    for protocol in Protocol::TRADES {
        once(bench, report, TRADES, protocol)?;
    }
    for protocol in Protocol::QUOTES {
        once(bench, report, QUOTES, protocol)?;
    }
    Ok(())
}

fn once(bench: &Bench, report: &mut Report, case: &str, protocol: Protocol) -> io::Result<()> {
    let (clients, symbols) = (bench.full_or_quick(2000, 50), bench.full_or_quick(500, 50));
    let contender = Contender::tickcast(Mode::Every, 0).speaking(protocol);
    let mut rig = Rig::start(contender, symbols, &bench.places)?;
    let choices = zipf_choices(clients, EACH, symbols);
    let plan = |(number, chosen): (usize, &Vec<String>)| {
        contender.plan(&Wish { detail: Detail::Count, ..wish(chosen, number, clients) })
    };
    rig.connect(choices.iter().enumerate().map(plan).collect())?;
    rig.feeder.run(Pace::new(TICKS_PER_SYMBOL_PER_S * symbols as f64));
    let (warm, length) = bench.spans();
    let window = rig.window(warm, length)?;
    let mut figures = usual(&window, TICKS_PER_SYMBOL_PER_S * (clients * EACH) as f64);
    figures.retain(|figure, _| {
        !matches!(figure, Figure::AgeP50Ms | Figure::AgeP99Ms | Figure::AgeP999Ms | Figure::AgeMaxMs)
    });
    figures.extend(window.bytes_per_message().map(|bytes| (Figure::BytesPerMessage, bytes)));
    let write = window.messages_a_write().map(|messages| window.cpu_us_per_message() * messages);
    figures.extend(write.map(|write| (Figure::CpuUsPerWrite, write)));
    figures.insert(Figure::Gone, (clients - window.open) as f64);
    figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
    report.add(NAME, case, protocol.name(), figures);
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (case, protocols) in [(TRADES, &Protocol::TRADES[..]), (QUOTES, &Protocol::QUOTES[..])] {
        let of = |protocol: Protocol| report.median(NAME, case, protocol.name(), Figure::CpuUsPerMessage);
        for protocol in &protocols[1..] {
            let ratio = of(*protocol).zip(of(protocols[0])).map(|(ours, native)| ours / native);
            let aim = format!(
                "{case} of {}: CPU a message at most 1.2 x that of a native session",
                protocol.name()
            );
            goals.push(Goal::new(NAME, aim, ratio, "x", |ratio| ratio <= RATIO_MAX));
        }
    }
    goals
}
