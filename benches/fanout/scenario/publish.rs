//! `publish`: ticks that publishers push over WebSocket, 500 a message, with and without a number of their own; each has a
//! few messages under way, and goes on with each acknowledgement. 500 symbols, nobody subscribes.
//!
//! The rate is by the server's own CPU time, as in F.

use std::{fmt::Write as _, io, thread, time::Instant};

use super::Bench;
use crate::{
    frames,
    lines::{now_us, symbol},
    machine,
    report::{Figure, Figures, Goal, Report},
    servers::{Books, Peer, tickcast},
    wire::Wire,
};

const NAME: &str = "publish";
const ANONYMOUS: &str = "without numbers";
const NUMBERED: &str = "numbered";
const SERVER: &str = "tickcast";
const SYMBOLS: usize = 500;
const TICKS_A_MESSAGE: usize = 500;
const PUBLISHERS: usize = 4;
const UNDER_WAY: u64 = 4;
const TICKS_PER_CORE_S: f64 = 1e6;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    once(bench, report, ANONYMOUS)?;
    once(bench, report, NUMBERED)
}

fn once(bench: &Bench, report: &mut Report, case: &str) -> io::Result<()> {
    let server = tickcast::start_with_feed(&bench.places, "push")?;
    let (warm, length) = bench.spans();
    let (begin, end) = (Instant::now() + warm, Instant::now() + warm + length);
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let (port, is_numbered) = (server.port, case == NUMBERED);
            thread::spawn(move || publish(port, number, is_numbered, end))
        })
        .collect();
    thread::sleep(begin.saturating_duration_since(Instant::now()));
    let (before, cpu, at) = (Books::scrape(&server)?, server.cpu()?, Instant::now());
    thread::sleep(end.saturating_duration_since(Instant::now()));
    let (after, cpu, seconds) = (
        Books::scrape(&server)?,
        server.cpu()?.saturating_sub(cpu).as_secs_f64(),
        at.elapsed().as_secs_f64(),
    );
    for publisher in publishers {
        publisher.join().map_err(|_| io::Error::other("a publisher panicked"))??;
    }
    let books = after.since(&before);
    let ticks = books.get("tickcast_ticks_ingested_total");
    if books.get("tickcast_ticks_rejected_total") > 0.0 {
        return Err(io::Error::other("the server rejects ticks"));
    }
    report.add(
        NAME,
        case,
        SERVER,
        Figures::from([
            (Figure::TicksPerS, ticks / seconds),
            (Figure::TicksPerCoreS, ticks / cpu),
            (Figure::CpuShare, cpu / seconds),
            (Figure::RssMb, server.rss_bytes()? as f64 / 1e6),
        ]),
    );
    Ok(())
}

/// One publisher, until the end.
fn publish(port: u16, number: usize, is_numbered: bool, end: Instant) -> io::Result<()> {
    machine::pin(machine::LOAD_CORE)?;
    let mut wire = Wire::connect(port, "/v1/stream")?;
    let (mut sent, mut answered, mut refused) = (0, 0, None);
    while Instant::now() < end || answered < sent {
        while Instant::now() < end && sent < answered + UNDER_WAY {
            sent += 1;
            let by = if is_numbered {
                format!(r#","publisher":"bench-{number}","number":{sent}"#)
            } else {
                String::new()
            };
            wire.send(&frames::masked(frames::TEXT, message(sent, &by, number).as_bytes()))?;
        }
        wire.read(|message| {
            if message.starts_with(br#"[{"type":"published""#) {
                answered += 1;
            } else if message.starts_with(br#"[{"type":"error""#) {
                refused.get_or_insert(String::from_utf8_lossy(message).into_owned());
            }
        })?;
        if let Some(refused) = refused.take() {
            return Err(io::Error::other(refused));
        }
    }
    Ok(())
}

/// Quotes as the feeder's are.
fn message(id: u64, by: &str, publisher: usize) -> String {
    let ts = now_us();
    let mut text = format!(r#"{{"op":"publish","id":{id}{by},"ticks":["#);
    for at in 0..TICKS_A_MESSAGE {
        let (comma, cents) = (if at == 0 { "" } else { "," }, 6_000_000 + at * 137 + publisher);
        // A string takes all that is written.
        let _ = write!(
            text,
            r#"{comma}{{"symbol":"{}","ts":{ts},"bid":{}.{:02}25,"bid_size":1000.375,"ask":{}.{:02}75,"ask_size":2000.625}}"#,
            symbol(at % SYMBOLS),
            cents / 100,
            cents % 100,
            cents / 100 + 1,
            cents % 100,
        );
    }
    text + "]}"
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let goal = |case| {
        let rate = report.median(NAME, case, SERVER, Figure::TicksPerCoreS);
        let aim = format!("{case}: at least 1,000,000 ticks for each second of a core");
        Goal::new(NAME, aim, rate, "ticks", |rate| rate >= TICKS_PER_CORE_S)
    };
    vec![goal(ANONYMOUS), goal(NUMBERED)]
}
