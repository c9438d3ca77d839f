//! A, saturation: 1,000 clients want the same 10 symbols, and ticks come faster and faster.
//!
//! A rate is held when at least 95 % of what is offered is delivered, and p99 of the age, with the feeder's lag on top,
//! is below 100 ms. Of mode latest, whose purpose is to deliver less, only the age is asked. A server's series ends
//! with the first rate that it does not hold. Beside it the floor: at 1, 16 and 64 messages a write, and with the very
//! writes that tickcast made at some of the rates.

use std::io;

use super::Bench;
use crate::{
    feeder::Pace,
    report::{Figure, Figures, Goal, Report, grouped, usual},
    rig::{Rig, Window, floor_window, symbols, wish},
    servers::{Contender, floor::Work},
};

const NAME: &str = "A";
/// The row of the highest rate that was held.
const HELD: &str = "highest held";
const SYMBOLS: usize = 10;
const AGE_P99_MAX_MS: f64 = 100.0;
const DELIVERED_SHARE_MIN: f64 = 0.95;
/// Deliveries a second.
const STEPS: [u32; 22] = [
    100_000, 200_000, 400_000, 800_000, 1_200_000, 1_600_000, 2_000_000, 2_400_000, 3_000_000, 3_600_000,
    4_200_000, 5_000_000, 6_200_000, 8_000_000, 9_000_000, 10_000_000, 11_000_000, 12_000_000, 13_000_000,
    14_500_000, 16_000_000, 18_000_000,
];
const QUICK_STEPS: [u32; 2] = [5_000, 20_000];
/// At these the floor is run with the same writes.
const MATCHED_STEPS: [u32; 6] = [20_000, 100_000, 400_000, 1_200_000, 3_000_000, 8_000_000];
const FLOOR_MESSAGES: [f64; 3] = [1.0, 16.0, 64.0];
/// About the length of tickcast's messages.
const FLOOR_MESSAGE_BYTES: f64 = 180.0;

pub fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    if bench.with_floor {
        floors(bench, report)?;
    }
    Bench::each(&bench.contenders(), NAME, report, |report, contender| series(bench, report, contender))
}

fn clients(bench: &Bench) -> usize {
    bench.full_or_quick(1000, 50)
}

/// One server, from the lowest rate to the first that it does not hold.
fn series(bench: &Bench, report: &mut Report, contender: Contender) -> io::Result<()> {
    let clients = clients(bench);
    let wanted = symbols(SYMBOLS);
    let mut rig = Rig::start(contender, SYMBOLS, &bench.places)?;
    rig.connect((0..clients).map(|number| contender.plan(&wish(&wanted, number, clients))).collect())?;
    let mut held = 0.0;
    let mut to_match = Vec::new();
    let steps = bench.full_or_quick(&STEPS[..], &QUICK_STEPS[..]);
    let steps = if bench.rates.is_empty() { steps } else { &bench.rates };
    for step in steps.iter().copied() {
        let pace = Pace::new(f64::from(step) / clients as f64);
        rig.feeder.run(pace);
        let (warm, length) = bench.spans();
        // It has been running: half the time is enough to get used to the rate.
        let window = rig.window(warm / 2, length)?;
        report.add(NAME, &case(step), &contender.name(), usual(&window, f64::from(step)));
        if !is_held(contender, &window, step) {
            break;
        }
        held = window.messages_per_s().max(held);
        if MATCHED_STEPS.contains(&step) {
            to_match.extend(
                window.matched_floor(clients, pace.ticks_per_s.min(1000.0)).map(|work| (step, work, window)),
            );
        }
    }
    drop(rig);
    report.add(NAME, HELD, &contender.name(), Figures::from([(Figure::DeliveredPerS, held)]));
    for (step, work, window) in to_match {
        let floor = floor_window(&work, clients, bench.spans(), &bench.places)?;
        report.add(NAME, &case(step), &contender.name(), against(&window, &floor));
    }
    Ok(())
}

fn case(step: u32) -> String {
    format!("{:>9}/s", grouped(f64::from(step), 0))
}

fn is_held(contender: Contender, window: &Window, step: u32) -> bool {
    window.gone() == 0
        && (!contender.delivers_all() || window.messages_per_s() >= DELIVERED_SHARE_MIN * f64::from(step))
        && window.groups[0].age_ms(0.99) + window.lag_p99_ms < AGE_P99_MAX_MS
}

/// A server's cost beside that of the floor.
pub fn against(window: &Window, floor: &Window) -> Figures {
    Figures::from([
        (Figure::FloorCpuUsPerMessage, floor.cpu_us_per_message()),
        (Figure::FloorRatio, window.cpu_us_per_message() / floor.cpu_us_per_message()),
    ])
}

/// What writes of several sizes cost, by themselves.
fn floors(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let clients = clients(bench);
    for messages_a_write in FLOOR_MESSAGES {
        let messages_per_s =
            bench.full_or_quick(100_000.0 * messages_a_write.sqrt(), 5_000.0 * messages_a_write);
        let work = Work {
            rounds_per_s: messages_per_s / messages_a_write / clients as f64,
            share: 1.0,
            messages_a_write,
            bytes_a_message: FLOOR_MESSAGE_BYTES,
            greeting_bytes: 0,
        };
        let window = floor_window(&work, clients, bench.spans(), &bench.places)?;
        let mut figures = usual(&window, work.messages_per_s(clients));
        figures.insert(Figure::MessagesAWrite, messages_a_write);
        report.add(NAME, &format!("floor, {messages_a_write} a write"), "floor", figures);
    }
    Ok(())
}

pub fn goals(report: &Report) -> Vec<Goal> {
    let held = |server: &str| report.median(NAME, HELD, server, Figure::DeliveredPerS);
    let p99 = |case: &str, server: &str| report.median(NAME, case, server, Figure::AgeP99Ms);
    let rate = held("tickcast every").zip(held("bun"));
    let mut worse = Vec::new();
    let mut compared = 0;
    for case in report.cases(NAME) {
        let Some((ours, theirs)) = p99(case, "tickcast every").zip(p99(case, "bun")) else { continue };
        compared += 1;
        if ours > theirs {
            worse.push(format!("{}: {ours:.2} > {theirs:.2} ms", case.trim()));
        }
    }
    let ratios: Vec<f64> = report
        .cases(NAME)
        .iter()
        .filter_map(|case| report.median(NAME, case, "tickcast every", Figure::FloorRatio))
        .collect();
    let worst = ratios.iter().copied().reduce(f64::max);
    vec![
        Goal {
            scenario: NAME,
            aim: "highest rate held at least 1.5 x bun's".to_owned(),
            measured: rate.map_or_else(String::new, |(ours, theirs)| format!("{:.2} x", ours / theirs)),
            met: rate.map(|(ours, theirs)| ours >= 1.5 * theirs),
        },
        Goal {
            scenario: NAME,
            aim: "p99 no higher than bun's at each rate".to_owned(),
            measured: format!("{} of {compared}; {}", compared - worse.len(), worse.join(", ")),
            met: (compared > 0).then_some(worse.is_empty()),
        },
        Goal {
            scenario: NAME,
            aim: "CPU a message at most 1.3 x the matched floor's".to_owned(),
            measured: worst.map_or_else(String::new, |worst| format!("{worst:.2} x at most")),
            met: worst.map(|worst| worst <= 1.3),
        },
    ]
}
