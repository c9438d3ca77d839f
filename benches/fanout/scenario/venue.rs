//! `venue`: a live market from a venue on loopback that speaks Binance's protocol (`venue.rs`), one trade to four quotes.
//!
//! Age: a client of the venue itself, and one of tickcast that is fed by it, in mode `every`, both of the same ten symbols.
//! The difference is what tickcast adds. Load: 1,000 symbols, which is 2,000 streams, at rates of messages over all of
//! them; nobody subscribes.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::Bench;
use crate::{
    frames,
    lines::now_us,
    report::{Figure, Figures, Goal, Report, grouped},
    servers::{Books, Peer, Server, tickcast},
    venue::Venue,
    wire::Wire,
};

const NAME: &str = "venue";
const DIRECT: &str = "the venue itself";
const THROUGH: &str = "tickcast";
const AGES: &str = "age of a trade";
const AGE_SYMBOLS: usize = 10;
const AGE_RATE: u64 = 1_000;
/// Messages a second, over all symbols.
const RATES: [u64; 3] = [5_000, 20_000, 50_000];
const QUICK_RATES: [u64; 1] = [1_000];
/// By which the goal is judged; docs/PERFORMANCE.md says why.
const PEAK: u64 = 20_000;
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(60);

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.has(Peer::Tickcast) {
        return Ok(());
    }
    ages(bench, report)?;
    load(bench, report)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("S{number:04}USDT")).collect()
}

/// tickcast, fed by the venue, when it has subscribed to all.
fn fed(bench: &Bench, venue: &Venue, symbols: &[String]) -> io::Result<Server> {
    let feed = format!("binance?symbols={}&url=ws://127.0.0.1:{}", symbols.join(","), venue.port);
    let (before, server) = (venue.streams(), tickcast::start_with_feed(&bench.places, &feed)?);
    let deadline = Instant::now() + SUBSCRIBED_WITHIN;
    while venue.streams() - before < 2 * symbols.len() {
        if Instant::now() > deadline {
            return Err(io::Error::other("tickcast does not subscribe to all streams of the venue"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

fn ages(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let symbols = names(AGE_SYMBOLS);
    let venue = Venue::start(symbols.clone())?;
    let server = fed(bench, &venue, &symbols)?;
    let streams: Vec<String> =
        symbols.iter().map(|symbol| format!(r#""{}@trade""#, symbol.to_lowercase())).collect();
    let subscribe = format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, streams.join(","));
    venue.run_at(AGE_RATE);
    let (warm, length) = bench.spans();
    let path = format!("/v1/stream?symbols={}&mode=every", symbols.join(","));
    let clients = [
        (venue.port, "/stream", subscribe.as_str(), DIRECT_KEY, DIRECT),
        (server.port, path.as_str(), "", THROUGH_KEY, THROUGH),
    ];
    for (port, path, said, key, name) in clients {
        let mut wire = Wire::connect(port, path)?;
        if !said.is_empty() {
            wire.send(&frames::masked(frames::TEXT, said.as_bytes()))?;
        }
        let ages = look(wire, key, warm, length * 2)?;
        let age = |quantile| ages.value_at_quantile(quantile) as f64 / 1e3;
        report.add(
            NAME,
            AGES,
            name,
            Figures::from([
                (Figure::AgeP50Ms, age(0.5)),
                (Figure::AgeP99Ms, age(0.99)),
                (Figure::AgeMaxMs, age(1.0)),
                (Figure::DeliveredPerS, ages.len() as f64 / (length * 2).as_secs_f64()),
            ]),
        );
    }
    Ok(())
}

/// Behind these is the size of a trade: when it was written, in seconds.
const DIRECT_KEY: &[u8] = br#""q":""#;
const THROUGH_KEY: &[u8] = br#""last_size":"#;

/// The ages of the trades that a client reads.
fn look(mut wire: Wire, key: &[u8], warm: Duration, length: Duration) -> io::Result<Histogram<u64>> {
    let begin = Instant::now() + warm;
    let mut ages = Histogram::new_with_bounds(1, 600_000_000, 3).map_err(io::Error::other)?;
    while Instant::now() < begin + length {
        wire.read(|message| {
            let now_us = now_us();
            let is_snapshot = message.starts_with(br#"[{"type":"sn"#);
            if is_snapshot || Instant::now() < begin {
                return;
            }
            for at in memchr::memmem::find_iter(message, key) {
                let rest = &message[at + key.len()..];
                let size = rest.split(|byte| !byte.is_ascii_digit() && *byte != b'.').next();
                let seconds = size.and_then(|size| std::str::from_utf8(size).ok()?.parse::<f64>().ok());
                if let Some(seconds) = seconds {
                    ages.saturating_record(now_us.saturating_sub((seconds * 1e6) as u64));
                }
            }
        })?;
    }
    Ok(ages)
}

fn case(rate: u64) -> String {
    format!("1,000 symbols, {:>6}/s", grouped(rate as f64, 0))
}

fn load(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let symbols = names(bench.full_or_quick(1_000, 50));
    let venue = Venue::start(symbols.clone())?;
    let server = fed(bench, &venue, &symbols)?;
    for rate in bench.full_or_quick(&RATES[..], &QUICK_RATES[..]) {
        venue.run_at(*rate);
        let (warm, length) = bench.spans();
        thread::sleep(warm);
        let (before, cpu, sent, at) = (Books::scrape(&server)?, server.cpu()?, venue.sent(), Instant::now());
        thread::sleep(length);
        let (cpu, seconds) = (server.cpu()?.saturating_sub(cpu).as_secs_f64(), at.elapsed().as_secs_f64());
        let (sent, books) = (venue.sent() - sent, Books::scrape(&server)?.since(&before));
        let ticks = books.get("tickcast_ticks_ingested_total");
        report.add(
            NAME,
            &case(*rate),
            THROUGH,
            Figures::from([
                (Figure::OfferedPerS, sent as f64 / seconds),
                (Figure::TicksPerS, ticks / seconds),
                (Figure::TicksPerCoreS, ticks / cpu),
                (Figure::CpuShare, cpu / seconds),
                (Figure::RssMb, server.rss_bytes()? as f64 / 1e6),
            ]),
        );
    }
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let age = |server, figure| report.median(NAME, AGES, server, figure);
    let mut goals = Vec::new();
    for (figure, what) in [(Figure::AgeP50Ms, "p50"), (Figure::AgeP99Ms, "p99")] {
        let added = age(THROUGH, figure).zip(age(DIRECT, figure)).map(|(through, direct)| through - direct);
        goals.push(Goal::new(NAME, format!("added age, {what}, below 1 ms"), added, "ms", |added| {
            added < 1.0
        }));
    }
    let share = report.median(NAME, &case(PEAK), THROUGH, Figure::CpuShare);
    goals.push(Goal::new(NAME, format!("{}: a fraction of a core", case(PEAK)), share, "cores", |share| {
        share < 1.0
    }));
    goals
}
