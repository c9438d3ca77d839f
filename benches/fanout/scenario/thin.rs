//! C2, thin links: 50 clients that read a tenth of what they would need, beside 4 that read all.
//!
//! First all that is offered is measured at the 4, then the others come, each at a tenth of that. How old is what they
//! see? A queue can only answer with its length.

use std::{io, thread};

use super::Bench;
use crate::{
    feeder::Pace,
    generator::{Detail, Reading},
    report::{Figure, Figures, Goal, Report},
    rig::{Rig, symbols},
    servers::{Contender, Records, Wish},
};

const NAME: &str = "C2";
const CASE: &str = "a tenth";
const SYMBOLS: usize = 20;
const WHOLE: usize = 4;
const PART: f64 = 0.1;
/// The kernel doubles it, so that each has 64 KiB.
const RECEIVE_BUFFER_BYTES: usize = 32 * 1024;
const WHOLE_GROUP: usize = 0;
const THIN_GROUP: usize = 1;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    Bench::each(&bench.contenders_latest(), NAME, report, |report, contender| once(bench, report, contender))
}

fn once(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let thin = bench.full_or_quick(50, 5);
    let wanted = symbols(SYMBOLS);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    let wish = |reading, group, receive_buffer_bytes| {
        let (symbols, detail) = (&wanted[..], Detail::Ages);
        let records = Records::AsServed;
        contender.plan(&Wish { symbols, reading, group, detail, receive_buffer_bytes, records })
    };
    rig.connect(vec![wish(Reading::All, WHOLE_GROUP, 0); WHOLE])?;
    let pace = Pace::new(bench.full_or_quick(20_000.0, 2_000.0));
    rig.feeder.run(pace);
    let (warm, length) = bench.spans();
    let whole = rig.window(warm / 2, length / 2)?;
    let bytes_per_s = whole.bytes_per_s() / WHOLE as f64 * PART;
    // They come while nothing is sent, so that none is behind before it is there.
    rig.feeder.rest()?;
    thread::sleep(warm / 2);
    rig.connect(vec![wish(Reading::Paced(bytes_per_s), THIN_GROUP, RECEIVE_BUFFER_BYTES); thin])?;
    rig.feeder.run(pace);
    let window = rig.window(warm * 2, length)?;
    let seen = &window.groups[THIN_GROUP];
    report.add(
        NAME,
        CASE,
        &contender.name(),
        Figures::from([
            (Figure::OfferedPerS, pace.ticks_per_s * thin as f64),
            (Figure::DeliveredPerS, seen.messages as f64 / window.seconds),
            (Figure::CpuShare, window.server_cpu_s / window.seconds),
            (Figure::AgeP50Ms, seen.age_ms(0.5)),
            (Figure::AgeP99Ms, seen.age_ms(0.99)),
            (Figure::AgeMaxMs, seen.age_ms(1.0)),
            (Figure::FeedLagP99Ms, window.lag_p99_ms),
            (Figure::MbPerS, seen.bytes as f64 / window.seconds / 1e6),
            (Figure::RssMb, window.rss_bytes as f64 / 1e6),
            (Figure::Gone, (thin + WHOLE - window.open) as f64),
            (Figure::GeneratorShare, window.generator_share),
        ]),
    );
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let p99 = report.median(NAME, CASE, "tickcast latest", Figure::AgeP99Ms);
    vec![Goal::new(NAME, "p99 at clients that read a tenth below 250 ms", p99, "ms", |age| age < 250.0)]
}
