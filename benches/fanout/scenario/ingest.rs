//! F, ingest: NDJSON through a pipe as fast as the server takes it, 500 symbols; alone, and beside 100 clients that
//! subscribe to all of it and do not read. tickcast only: it is the one that looks into its ticks.
//!
//! The rate is by the server's own CPU time: ticks for each second that its core was busy.

use std::io;

use super::Bench;
use crate::{
    generator::{Detail, Reading},
    report::{Figure, Figures, Goal, Report},
    rig::Rig,
    servers::{Contender, Mode, Peer, Records, Wish},
};

const NAME: &str = "F";
const ALONE: &str = "no clients";
const BESIDE: &str = "100 stalled";
const SERVER: &str = "tickcast";
const SYMBOLS: usize = 500;
const STALLED: usize = 100;
const RECEIVE_BUFFER_BYTES: usize = 4096;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    once(bench, report, ALONE, 0)?;
    once(bench, report, BESIDE, STALLED)
}

fn once(bench: &Bench, report: &mut Report, case: &str, stalled: usize) -> io::Result<()> {
    let contender = Contender::tickcast(Mode::Latest, 0);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let all = ["*".to_owned()];
    let plan = contender.plan(&Wish {
        symbols: &all,
        reading: Reading::Nothing,
        group: 0,
        detail: Detail::Count,
        receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        records: Records::AsServed,
    });
    rig.connect(vec![plan; stalled])?;
    rig.feeder.flood();
    let (warm, length) = bench.spans();
    let window = rig.window(warm, length)?;
    let Some(books) = &window.books else { return Err(io::Error::other("tickcast has books")) };
    let ticks = books.get("tickcast_ticks_ingested_total");
    let pending = books.get("tickcast_updates_offered_total");
    if stalled > 0 && pending == 0.0 {
        return Err(io::Error::other("nothing was offered to those that stall"));
    }
    // The books' stretch of time is the feeder's and the server's; what was fed is what was taken in, but for a pipe.
    let ticks_per_s = window.ticks_per_s;
    let busy = window.server_cpu_s / window.seconds;
    report.add(
        NAME,
        case,
        SERVER,
        Figures::from([
            (Figure::TicksPerS, ticks_per_s),
            (Figure::TicksPerCoreS, ticks_per_s / busy),
            (Figure::CpuShare, busy),
            (Figure::RssMb, window.rss_bytes as f64 / 1e6),
            (Figure::Residual, window.residual.unwrap_or(f64::NAN)),
        ]),
    );
    if ticks < ticks_per_s * window.seconds * 0.5 {
        return Err(io::Error::other(format!("of {ticks_per_s} ticks/s fed only {ticks} were taken in")));
    }
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let of = |case| report.median(NAME, case, SERVER, Figure::TicksPerCoreS);
    let ratio = of(BESIDE).zip(of(ALONE)).map(|(beside, alone)| beside / alone);
    vec![
        Goal::new(NAME, "at least 1.5 M ticks for each second of a core", of(ALONE), "ticks", |rate| {
            rate >= 1.5e6
        }),
        Goal::new(NAME, "beside stalled clients at least 0.95 of that", ratio, "x", |ratio| ratio >= 0.95),
    ]
}
