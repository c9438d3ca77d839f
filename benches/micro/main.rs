//! Micro-benchmarks of the path from a feed's bytes to a frame's bytes, without a socket.
//!
//! One table of cases, and three ways to run it:
//! - `cargo bench --bench micro [-- FILTER…]`: how long each takes, by divan;
//! - `benches/instructions.sh`: how many instructions each takes, against a saved baseline ([`count`]);
//! - `cargo test --bench micro`: each as a test, on small inputs, so that none can rot.
//!
//! Only the crate's public names are used. A case checks its answer, whichever way it is run.

mod access;
mod count;
mod decode;
mod dialect_client;
mod dialects;
mod encode;
mod fanout;
mod handover;
mod ingest;
mod inputs;
mod session;
mod venues;
mod work;

use std::{cell::RefCell, process::ExitCode};

use divan::{Bencher, counter::BytesCount, counter::ItemsCount};
use libtest_mimic::{Arguments, Trial};

use work::{Case, Scale, WARM_UP};

/// The groups, in the order in which a tick meets them.
const GROUPS: [(&str, &[Case]); 9] = [
    ("decode", &decode::CASES),
    ("venues", &venues::CASES),
    ("ingest", &ingest::CASES),
    ("handover", &handover::CASES),
    ("fanout", &fanout::CASES),
    ("encode", &encode::CASES),
    ("session", &session::CASES),
    ("dialects", &dialects::CASES),
    ("access", &access::CASES),
];

fn main() -> ExitCode {
    let exit = run();
    // Most runs make none.
    let _ = std::fs::remove_dir_all(inputs::files());
    exit
}

fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if matches!(arguments.first().map(String::as_str), Some("--cases" | "--count")) {
        return count::main(&arguments);
    }
    if arguments.iter().any(|argument| argument == "--bench") {
        divan::main();
        return ExitCode::SUCCESS;
    }
    let trials = cases().map(|(name, case)| Trial::test(name, || works(case)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Every case, with its full name: `group/case`.
fn cases() -> impl Iterator<Item = (String, &'static Case)> {
    GROUPS.iter().flat_map(|(group, cases)| cases.iter().map(move |case| (format!("{group}/{case}"), case)))
}

/// A case as a test: more iterations than a warm-up has, each of which must say that it did something.
fn works(case: &Case) -> Result<(), libtest_mimic::Failed> {
    let mut work = case.make(Scale::Small);
    for _ in 0..=WARM_UP {
        work.prepare();
        if work.run().items == 0 {
            return Err("an iteration did nothing".into());
        }
    }
    work.audit();
    Ok(())
}

/// A case by the clock. What an iteration works on is made outside of what is measured.
fn measure(bencher: Bencher<'_, '_>, case: &Case) {
    let mut work = case.make(Scale::Full);
    let done = work.warm_up();
    let work = RefCell::new(work);
    let bencher = bencher.counter(ItemsCount::new(done.items));
    let bencher = if done.bytes > 0 { bencher.counter(BytesCount::new(done.bytes)) } else { bencher };
    bencher.with_inputs(|| work.borrow_mut().prepare()).bench_local_values(|()| work.borrow_mut().run());
    work.borrow_mut().audit();
}

#[divan::bench(args = &decode::CASES, max_time = 1)]
fn decode(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &ingest::CASES, max_time = 1)]
fn ingest(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &handover::CASES, max_time = 1)]
fn handover(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &fanout::CASES, max_time = 1)]
fn fanout(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &encode::CASES, max_time = 1)]
fn encode(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &session::CASES, max_time = 1)]
fn session(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &venues::CASES, max_time = 1)]
fn venues(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &dialects::CASES, max_time = 1)]
fn dialects(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}

#[divan::bench(args = &access::CASES, max_time = 1)]
fn access(bencher: Bencher<'_, '_>, case: &Case) {
    measure(bencher, case);
}
