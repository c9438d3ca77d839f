//! E, ramp: 5,000 clients come at once, each with 20 symbols, 256 handshakes at a time.
//!
//! The clock runs from the first connect until the last client is in: upgraded, subscribed, and, with tickcast, in
//! possession of a record of each of its symbols. The others have no records to give; their clients are in when their
//! subscription is confirmed. So that like is compared with like, too: tickcast that is asked for no snapshots, and Bun
//! with as many bytes as tickcast's snapshots have, ready-made, in one frame.

use std::io;

use super::Bench;
use crate::{
    generator::{Detail, Dialect, Generator, IN_FLIGHT_MAX, Plan, Reading, Ready, Stream},
    report::{Figure, Figures, Goal, Report},
    rig::{Rig, connect, wish, zipf_choices},
    servers::{Contender, Peer, Records, Server, Wish, floor::Work, upgrade},
};

const NAME: &str = "E";
const CASE: &str = "ramp";
const EACH: usize = 20;
const SYMBOLS: usize = 500;
const WITHOUT_RECORDS: &str = "tickcast, no snapshots";
const WITH_RECORDS: &str = "bun + snapshots";

/// What the floor says with its answer to an upgrade: as much as tickcast does.
const FLOOR_BYTES: usize = 4_400;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if bench.with_floor {
        floor(bench, report)?;
    }
    Bench::each(&bench.contenders_latest(), NAME, report, |report, contender| {
        once(bench, report, contender, (&contender.name(), Records::Awaited))?;
        match contender.peer {
            Peer::Tickcast => once(bench, report, contender, (WITHOUT_RECORDS, Records::None)),
            Peer::Bun => once(bench, report, contender, (WITH_RECORDS, Records::Padded)),
            _ => Ok(()),
        }
    })
}

fn once(
    bench: &Bench,
    report: &mut Report,
    contender: Contender,
    (name, records): (&str, Records),
) -> io::Result<()> {
    let clients = bench.full_or_quick(5000, 100);
    let rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let choices = zipf_choices(clients, EACH, SYMBOLS);
    let plan = |(number, chosen): (usize, &Vec<String>)| {
        contender.plan(&Wish { records, ..wish(chosen, number, clients) })
    };
    let plans = choices.iter().enumerate().map(plan).collect();
    ramp(&rig.generator, &rig.server, plans, name, report)
}

/// What letting clients in costs with nothing around it: accept, read the request, write an answer that is ready.
fn floor(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let (messages_a_write, bytes_a_message) = (1.0, 100.0);
    let work = Work {
        rounds_per_s: 0.1,
        share: 1.0,
        messages_a_write,
        bytes_a_message,
        greeting_bytes: FLOOR_BYTES,
    };
    let server = work.start(&bench.places)?;
    let plan = Plan {
        request: upgrade("/", ""),
        stream: Stream::WebSocket,
        hello: Vec::new(),
        dialect: Dialect::Lines,
        ready: Ready::Messages(1),
        reading: Reading::All,
        group: 0,
        detail: Detail::Count,
        receive_buffer_bytes: 0,
        tls: None,
    };
    let plans = vec![plan; bench.full_or_quick(5000, 100)];
    ramp(&Generator::start()?, &server, plans, "floor", report)
}

fn ramp(
    generator: &Generator,
    server: &Server,
    plans: Vec<Plan>,
    name: &str,
    report: &mut Report,
) -> io::Result<()> {
    let clients = plans.len();
    let cpu = server.cpu()?;
    generator.mark()?;
    let ramp = connect(generator, server.port, plans, IN_FLIGHT_MAX)?;
    let (mark, cpu) = (generator.mark()?, server.cpu()?.saturating_sub(cpu));
    let bytes: u64 = mark.groups.iter().map(|group| group.bytes).sum();
    report.add(
        NAME,
        CASE,
        name,
        Figures::from([
            (Figure::RampS, ramp.seconds),
            (Figure::CpuShare, cpu.as_secs_f64() / mark.seconds),
            (Figure::CpuUsPerSession, cpu.as_secs_f64() * 1e6 / clients as f64),
            (Figure::BytesPerSession, bytes as f64 / clients as f64),
            (Figure::GeneratorShare, mark.cpu_seconds / mark.seconds),
            (Figure::Gone, (clients - ramp.ready) as f64),
        ]),
    );
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |server, figure| report.median(NAME, CASE, server, figure);
    let ratio =
        |ours, theirs, figure| of(ours, figure).zip(of(theirs, figure)).map(|(ours, theirs)| ours / theirs);
    let no_later = |what, ours, theirs| {
        Goal::new(NAME, what, ratio(ours, theirs, Figure::RampS), "x", |ratio| ratio <= 1.0)
    };
    vec![
        no_later("all in, records included, no later than with bun without", "tickcast latest", "bun"),
        no_later("no later than with bun, both with records", "tickcast latest", WITH_RECORDS),
        no_later("no later than with bun, both without", WITHOUT_RECORDS, "bun"),
        Goal::new(
            NAME,
            "CPU a session at most bun's, both with records",
            ratio("tickcast latest", WITH_RECORDS, Figure::CpuUsPerSession),
            "x",
            |ratio| ratio <= 1.0,
        ),
    ]
}
