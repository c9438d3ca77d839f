//! `tls`: what TLS costs, each row beside the same in the clear, and beside Bun with both.
//!
//! Writes: 1,000 clients of the same 10 symbols, as in A, at rates at which a write has one tick or a few. How many it has
//! depends on how busy the machine is, so two rows are compared by the write only where both have as many: 1,000 clients
//! with one symbol and an interval have one record a write, and B2 with an interval 20. Dashboards: B. Handshakes: 5,000 clients with 20 symbols each come at once, as
//! in E, and ask for no records; they come again, with the tickets that they were given. Then 10,000 come at once, without
//! tickets, each with its hello before any of them reads an answer. Memory: as in D.

use std::{io, thread, time::Duration};

use super::{
    Bench,
    dashboard::{self, FASTER, INTERVAL_MS, TICKS_PER_SYMBOL_PER_S},
    idle,
};
use crate::{
    feeder::Pace,
    generator::{Generator, IN_FLIGHT_MAX},
    report::{Figure, Figures, Goal, Report, grouped, usual},
    rig::{Rig, Window, symbols, wish, zipf_choices},
    servers::{Contender, Mode, Peer, Records, Security, Wish},
    tls,
};

const NAME: &str = "tls";
/// Deliveries a second.
const RATES: [u32; 3] = [100_000, 400_000, 1_200_000];
const QUICK_RATES: [u32; 1] = [5_000];
const SYMBOLS: usize = 10;
const ONE: &str = "1 record a write";
const B: &str = "B";
const B2: &str = "B2";
/// Of the one symbol.
const ONE_TICKS_PER_S: f64 = 200.0;
const FULL: &str = "handshakes";
const RESUMED: &str = "resumed";
const AT_ONCE: &str = "10,000 at once";
const IDLE: &str = "idle";
const EACH: usize = 20;
const RAMP_SYMBOLS: usize = 500;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let all = contenders(bench, Mode::Every, 0);
    Bench::each(&all, NAME, report, |report, contender| writes(bench, report, contender))?;
    Bench::each(&all, NAME, report, |report, contender| {
        dashboards(bench, report, contender, B, TICKS_PER_SYMBOL_PER_S)
    })?;
    let paced = contenders(bench, Mode::Latest, INTERVAL_MS);
    let paced: Vec<_> = paced.into_iter().filter(|one| one.peer == Peer::Tickcast).collect();
    Bench::each(&paced, NAME, report, |report, contender| one_record(bench, report, contender))?;
    Bench::each(&paced, NAME, report, |report, contender| {
        dashboards(bench, report, contender, B2, TICKS_PER_SYMBOL_PER_S * FASTER)
    })?;
    Bench::each(&all, NAME, report, |report, contender| handshakes(bench, report, contender))?;
    Bench::each(&all, NAME, report, |report, contender| {
        let figures = idle::weigh(bench, contender, bench.full_or_quick(5_000, 100))?;
        report.add(NAME, IDLE, &contender.name(), figures);
        Ok(())
    })
}

/// Plain and encrypted follow one another, so that the machine is the same for them.
fn contenders(bench: &Bench, mode: Mode, interval_ms: u32) -> Vec<Contender> {
    let peers = bench.peers.iter().copied().filter(|peer| peer.has_tls());
    let of = |peer| match peer {
        Peer::Tickcast => Contender::tickcast(mode, interval_ms),
        peer => Contender::other(peer),
    };
    peers.map(of).flat_map(|contender| [contender, contender.over_tls()]).collect()
}

fn case(rate: u32) -> String {
    format!("{:>9}/s", grouped(f64::from(rate), 0))
}

fn writes(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = bench.full_or_quick(1000, 50);
    let wanted = symbols(SYMBOLS);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    rig.connect((0..clients).map(|number| contender.plan(&wish(&wanted, number, clients))).collect())?;
    for rate in bench.full_or_quick(&RATES[..], &QUICK_RATES[..]) {
        rig.feeder.run(Pace::new(f64::from(*rate) / clients as f64));
        let (warm, length) = bench.spans();
        let window = rig.window(warm, length)?;
        let mut figures = usual(&window, f64::from(*rate));
        add_of_writes(&window, &mut figures);
        figures.insert(Figure::Gone, (clients - window.open) as f64);
        report.add(NAME, &case(*rate), &contender.name(), figures);
    }
    Ok(())
}

/// Every client is sent one record at each end of its interval, whatever the machine does besides.
fn one_record(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let (clients, wanted) = (bench.full_or_quick(1000, 50), symbols(1));
    let mut rig = Rig::start(contender, wanted.len(), &bench.places)?;
    rig.connect((0..clients).map(|number| contender.plan(&wish(&wanted, number, clients))).collect())?;
    rig.feeder.run(Pace::new(ONE_TICKS_PER_S));
    let (warm, length) = bench.spans();
    let window = rig.window(warm, length)?;
    let mut figures = usual(&window, clients as f64 * 1e3 / f64::from(INTERVAL_MS));
    add_of_writes(&window, &mut figures);
    report.add(NAME, ONE, &contender.name(), figures);
    Ok(())
}

fn dashboards(
    bench: &Bench,
    report: &mut Report,
    contender: Contender,
    case: &str,
    ticks_per_symbol_per_s: f64,
) -> io::Result<()> {
    let (window, mut figures) = dashboard::look(bench, contender, ticks_per_symbol_per_s)?;
    add_of_writes(&window, &mut figures);
    report.add(NAME, case, &contender.name(), figures);
    Ok(())
}

fn add_of_writes(window: &Window, figures: &mut Figures) {
    figures.insert(Figure::Gone, window.gone() as f64);
    figures.extend(window.residual.map(|residual| (Figure::Residual, residual)));
    let write = window.messages_a_write().map(|messages| window.cpu_us_per_message() * messages);
    figures.extend(write.map(|write| (Figure::CpuUsPerWrite, write)));
}

/// All come at once; over TLS they go, and come again.
fn handshakes(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = bench.full_or_quick(5000, 100);
    let rest = bench.full_or_quick(Duration::from_secs(2), Duration::from_millis(100));
    let mut rig = Rig::start(contender, RAMP_SYMBOLS, &bench.places)?;
    thread::sleep(rest);
    let full = come(&rig, clients, IN_FLIGHT_MAX)?;
    report.add(NAME, FULL, &contender.name(), full);
    if contender.security == Security::Plain {
        return Ok(());
    }
    rig.generator = Generator::start()?;
    let tickets = rig.clients.as_ref().map_or(0, tls::Clients::resume);
    if tickets < clients {
        return Err(io::Error::other(format!("{clients} clients were given {tickets} tickets")));
    }
    thread::sleep(rest);
    report.add(NAME, RESUMED, &contender.name(), come(&rig, clients, IN_FLIGHT_MAX)?);
    rig.generator = Generator::start()?;
    rig.clients = Some(tls::Clients::new()?);
    thread::sleep(rest);
    let clients = bench.full_or_quick(10_000, 300);
    report.add(NAME, AT_ONCE, &contender.name(), come(&rig, clients, clients)?);
    Ok(())
}

fn come(rig: &Rig, clients: usize, at_once: usize) -> io::Result<Figures> {
    let choices = zipf_choices(clients, EACH, RAMP_SYMBOLS);
    let plan = |(number, chosen): (usize, &Vec<String>)| {
        rig.contender.plan(&Wish { records: Records::None, ..wish(chosen, number, clients) })
    };
    let plans = choices.iter().enumerate().map(plan).collect();
    let cpu = rig.server.cpu()?;
    rig.generator.mark()?;
    let ramp = rig.connect_at_once(plans, at_once)?;
    let (mark, cpu) = (rig.generator.mark()?, rig.server.cpu()?.saturating_sub(cpu));
    Ok(Figures::from([
        (Figure::RampS, ramp.seconds),
        (Figure::CpuS, cpu.as_secs_f64()),
        (Figure::CpuUsPerSession, cpu.as_secs_f64() * 1e6 / clients as f64),
        (Figure::Resumed, mark.groups.iter().map(|group| group.resumed).sum::<u64>() as f64),
        (Figure::GeneratorShare, mark.cpu_seconds / mark.seconds),
        (Figure::Gone, (clients - ramp.ready) as f64),
    ]))
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let every = Contender::tickcast(Mode::Every, 0);
    let paced = Contender::tickcast(Mode::Latest, INTERVAL_MS);
    let of = |case: &str, server: Contender, figure| report.median(NAME, case, &server.name(), figure);
    let mut goals = Vec::new();
    let rates = RATES.into_iter().chain(QUICK_RATES).map(case);
    let rates: Vec<String> = rates.filter(|case| report.cases(NAME).contains(&case.as_str())).collect();
    for case in [ONE, B2] {
        let write = |server| of(case, server, Figure::CpuUsPerWrite);
        let ratio = write(paced.over_tls()).zip(write(paced)).map(|(tls, plain)| tls / plain);
        let aim = format!("{}: CPU a write at most 1.35 x that in the clear", case.trim());
        goals.push(Goal::new(NAME, aim, ratio, "x", |ratio| ratio <= 1.35));
    }
    for (case, most) in [(FULL, 0.8), (RESUMED, 0.6)] {
        for (figure, clock) in [(Figure::RampS, "by the clock"), (Figure::CpuS, "of CPU")] {
            let aim = format!("5,000 {case} in at most {most} s {clock}");
            goals.push(Goal::new(NAME, aim, of(case, every.over_tls(), figure), "s", |taken| taken <= most));
        }
    }
    let gone = of(AT_ONCE, every.over_tls(), Figure::Gone);
    goals.push(Goal::new(NAME, "of 10,000 at once, nobody is cut off", gone, "clients", |gone| gone == 0.0));
    let weight = |server| of(IDLE, server, Figure::SessionKb);
    let more = weight(every.over_tls()).zip(weight(every)).map(|(tls, plain)| tls - plain);
    goals.push(Goal::new(NAME, "at most 8 KB more a session", more, "KB", |more| more <= 8.0));
    goals.extend(beside_bun(&rates, of));
    goals
}

fn beside_bun(rates: &[String], of: impl Fn(&str, Contender, Figure) -> Option<f64>) -> Vec<Goal> {
    let (ours, bun) =
        (Contender::tickcast(Mode::Every, 0).over_tls(), Contender::other(Peer::Bun).over_tls());
    let mut goals = Vec::new();
    let mut compare = |case: &str, figure, what: &str| {
        let ratio = of(case, ours, figure).zip(of(case, bun, figure)).map(|(ours, theirs)| ours / theirs);
        let aim = format!("{}: {what} below that of Bun with TLS", case.trim());
        goals.push(Goal::new(NAME, aim, ratio, "x", |ratio| ratio < 1.0));
    };
    for case in rates.iter().map(String::as_str).chain([B]) {
        compare(case, Figure::CpuUsPerMessage, "CPU a message");
        compare(case, Figure::AgeP99Ms, "p99");
    }
    for case in [FULL, RESUMED] {
        compare(case, Figure::RampS, "time");
        compare(case, Figure::CpuS, "CPU");
    }
    compare(IDLE, Figure::SessionKb, "memory a session");
    goals
}
