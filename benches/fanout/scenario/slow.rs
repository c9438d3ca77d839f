//! C, slow clients: 500 clients with 20 of 100 symbols each, 100,000 deliveries a second; then the same with every tenth
//! client not reading at all.
//!
//! The others should not notice. When the feed has stopped, those that did not read do: what they find, and whether it
//! ends with the newest tick of each symbol, is looked at message by message. tickcast's deadline for clients that take
//! no byte is put off: here they are to come back.

use std::{
    collections::HashMap,
    io, thread,
    time::{Duration, Instant},
};

use super::Bench;
use crate::{
    feeder::Pace,
    generator::{Detail, Plan, Reading},
    lines::symbol,
    machine,
    report::{Figure, Figures, Goal, Report, usual},
    rig::{Rig, wish, zipf_choices},
    servers::{Contender, Wish},
};

const NAME: &str = "C";
const ALL_READ: &str = "all read";
const SOME_STALL: &str = "one in 10 stalls";
const EACH: usize = 20;
const SYMBOLS: usize = 100;
const ONE_IN: usize = 10;
const TICKS_PER_SYMBOL_PER_S: f64 = 10.0;
/// So little that the kernel's buffers are soon full.
const STALLED_RECEIVE_BUFFER_BYTES: usize = 16 * 1024;
/// The others are in the first group, of which `usual` gives the ages.
const STALLED: usize = 1;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Nothing for so long means that nothing more comes. A full receive buffer drops what arrives, and TCP sends it again
/// by a timer that may have been doubled all the while the client did not read.
const QUIET: Duration = Duration::from_secs(10);

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders_latest(), NAME, report, |report, contender| {
        once(bench, report, contender, ALL_READ)?;
        once(bench, report, contender, SOME_STALL)
    })
}

fn once(bench: &Bench, report: &mut Report, contender: Contender, case: &str) -> io::Result<()> {
    let clients = bench.full_or_quick(500, 40);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let choices = zipf_choices(clients, EACH, SYMBOLS);
    let is_stalled = |number: usize| case == SOME_STALL && number % ONE_IN == ONE_IN - 1;
    let plan = |(number, chosen): (usize, &Vec<String>)| {
        let usual = wish(chosen, number, clients);
        if is_stalled(number) { stalled(contender, &usual) } else { contender.plan(&usual) }
    };
    rig.connect(choices.iter().enumerate().map(plan).collect())?;
    let (warm, length) = bench.spans();
    thread::sleep(warm);
    let (rss, sockets) = (rig.server.rss_bytes()?, machine::socket_bytes()?);
    rig.feeder.run(Pace::new(TICKS_PER_SYMBOL_PER_S * SYMBOLS as f64));
    // Time for the kernel's buffers to fill.
    let window = rig.window(warm * 2, length)?;
    let grown = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e6;
    let mut figures = usual(&window, TICKS_PER_SYMBOL_PER_S * (clients * EACH) as f64);
    figures.insert(Figure::RssGrowthMb, grown(rig.server.rss_bytes()?, rss));
    figures.insert(Figure::SocketGrowthMb, grown(machine::socket_bytes()?, sockets));
    if case == SOME_STALL {
        let stalled = (0..clients).filter(|number| is_stalled(*number)).count();
        figures.extend(read_on(&rig, stalled)?);
    }
    report.add(NAME, case, &contender.name(), figures);
    Ok(())
}

fn stalled(contender: Contender, wish: &Wish<'_>) -> Plan {
    contender.plan(&Wish {
        reading: Reading::Nothing,
        group: STALLED,
        detail: Detail::Heads,
        receive_buffer_bytes: STALLED_RECEIVE_BUFFER_BYTES,
        ..*wish
    })
}

/// The feed stops, and those that stalled read all that is there for them: until each has the newest tick of each of its
/// symbols, or nothing more comes.
fn read_on(rig: &Rig, stalled: usize) -> io::Result<Figures> {
    rig.feeder.rest()?;
    let fed = rig.feeder.take().heads_us;
    rig.generator.mark()?;
    rig.generator.read_on(STALLED)?;
    let newest: HashMap<String, u64> =
        fed.iter().enumerate().map(|(number, ts)| (symbol(number), *ts)).collect();
    let is_right = |heads: &&HashMap<String, u64>| {
        heads.len() == EACH && heads.iter().all(|(symbol, ts)| newest.get(symbol) == Some(ts))
    };
    let begin = Instant::now();
    let (mut messages, mut gone, mut heard_at) = (0, 0, begin);
    let (right, right_at) = loop {
        thread::sleep(LOOK_EVERY);
        let mark = rig.generator.mark()?;
        if mark.groups.iter().any(|group| group.messages > 0) {
            heard_at = Instant::now();
        }
        messages += mark.groups[STALLED].messages;
        gone += mark.groups[STALLED].gone;
        // Clients that are gone are not among these, and are not right.
        let right = rig.generator.heads(STALLED)?.iter().filter(is_right).count();
        if right == stalled || heard_at.elapsed() > QUIET {
            break (right, begin.elapsed());
        }
    };
    let mut figures = Figures::from([
        (Figure::FinalRight, right as f64 / stalled as f64),
        (Figure::BacklogMessages, messages as f64 / stalled as f64),
        (Figure::Gone, gone as f64),
    ]);
    if right == stalled {
        figures.insert(Figure::FinalS, right_at.as_secs_f64());
    }
    Ok(figures)
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let server = "tickcast latest";
    let of = |case, figure| report.median(NAME, case, server, figure);
    let p99 = of(SOME_STALL, Figure::AgeP99Ms).zip(of(ALL_READ, Figure::AgeP99Ms));
    let p99 = p99.map(|(beside, alone)| beside / alone);
    vec![
        Goal::new(NAME, "p99 of those that read within 10 % beside those that stall", p99, "x", |ratio| {
            ratio <= 1.1
        }),
        Goal::new(
            NAME,
            "every client that stalled ends with the newest tick of each symbol",
            of(SOME_STALL, Figure::FinalRight),
            "of them",
            |share| share >= 1.0,
        ),
    ]
}
