//! Model tests of the fan-out: a real market and fan-out run beside a naive model that is obviously correct.
//!
//! The model records, for each subscription, the fate of every tick ever offered to it, and each client applies the
//! messages that it is sent. Every law is checked after every operation; a test here is named after the law that its
//! mix of operations stresses most. Further tests show that each check can fail and that rare paths are reached: a
//! model that accepts everything proves nothing.

#![expect(clippy::cast_possible_truncation, reason = "a model's numbers are small")]

mod acts;
mod checks;
mod client;
mod commands;
mod crowds;
mod deliver;
mod entitled;
mod fairness;
mod gathered;
mod law;
mod ledger;
mod message;
mod naive;
mod ops;
mod sabotage;
mod scenarios;
mod shard;
mod structure;
mod ticks;
mod told;
mod world;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use law::{Broken, Coverage, Held, ensure};
use ops::{Mix, Run, runs};
use sabotage::Sabotage;
use world::{MIXES, run, transcript};

/// Operations per run.
const OPS_MAX: usize = 140;

/// This many cases, unless `PROPTEST_CASES` says otherwise.
fn config(cases: u32) -> ProptestConfig {
    let given = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig { cases: if given { default.cases } else { cases }, max_shrink_iters: 20_000, ..default }
}

fn holds(given: &Run) -> Result<(), TestCaseError> {
    run(given, Sabotage::None).map(drop).map_err(|broken| TestCaseError::fail(broken.to_string()))
}

proptest! {
    #![proptest_config(config(400))]

    /// Law 5, and every account by itself.
    #[test]
    fn conservation_each_tick_is_in_one_account(run in runs(Mix::Everything, OPS_MAX)) {
        holds(&run)?;
    }

    /// Law 4, and mode `every`.
    #[test]
    fn seqs_rise_by_n_or_a_gap_says_what_is_gone(run in runs(Mix::Slow, OPS_MAX)) {
        holds(&run)?;
    }

    #[test]
    fn intervals_are_kept_and_trailing_values_arrive(run in runs(Mix::Intervals, OPS_MAX)) {
        holds(&run)?;
    }

    /// Law 3.
    #[test]
    fn latest_wins_though_batches_are_lost(run in runs(Mix::Lossy, OPS_MAX)) {
        holds(&run)?;
    }

    #[test]
    fn a_client_that_resumes_misses_nothing_in_silence(run in runs(Mix::Returns, OPS_MAX)) {
        holds(&run)?;
    }

    /// Mode `trades`; cancels and corrections in every mode.
    #[test]
    fn every_trade_is_a_message_of_its_own_with_the_quote_as_it_stood(run in runs(Mix::Trades, OPS_MAX)) {
        holds(&run)?;
    }

    /// A frame is repeated for the next session when both are due the same, and only then.
    #[test]
    fn sessions_that_are_due_the_same_are_sent_the_same(run in runs(Mix::SameFrames, OPS_MAX)) {
        holds(&run)?;
    }

    /// Laws 2 and 7.
    #[test]
    fn sessions_get_and_hold_what_they_asked_for(run in runs(Mix::Commands, OPS_MAX)) {
        holds(&run)?;
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// Law 9: hash maps iterate differently in each run, which must have no effect.
    #[test]
    fn determinism_the_same_operations_give_the_same_messages(run in runs(Mix::Commands, OPS_MAX)) {
        same_twice(&run).map_err(|broken| TestCaseError::fail(broken.to_string()))?;
    }
}

fn same_twice(given: &Run) -> Held {
    let (first, second) = (transcript(given)?, transcript(given)?);
    let differs = first.iter().zip(&second).find(|(first, second)| first != second);
    ensure!(first.len() == second.len() && differs.is_none(), Determinism, "once and again: {differs:?}");
    Ok(())
}

/// The same runs each time, so that what they reach does not depend on luck.
fn fixed_runs(count: usize) -> impl Iterator<Item = Run> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    (0..count).map(move |index| {
        let strategy = runs(MIXES[index % MIXES.len()], OPS_MAX);
        strategy.new_tree(&mut runner).expect("nothing is filtered out").current()
    })
}

#[test]
fn a_broken_core_is_found() {
    let all: Vec<Run> = fixed_runs(400).collect();
    for (sabotage, laws) in Sabotage::ALL {
        let found: Vec<(usize, Broken)> = (all.iter().enumerate())
            .filter_map(|(index, given)| run(given, sabotage).err().map(|broken| (index, broken)))
            .take(3)
            .collect();
        let Some((first, _)) = found.first() else { panic!("{sabotage:?} is not found") };
        println!("{sabotage:?}: run {first}, {}", found[0].1);
        for (_, broken) in &found {
            assert!(laws.contains(&broken.law), "{sabotage:?} is found by {broken}");
        }
    }
}

#[test]
fn rare_paths_are_reached() {
    let mut coverage = Coverage::default();
    for given in fixed_runs(1_600) {
        coverage.add(&run(&given, Sabotage::None).unwrap_or_else(|broken| panic!("{broken}")));
    }
    for (path, hits) in &coverage.0 {
        println!("{hits:>7}  {path}");
    }
    let reached = |path: &&str| coverage.0.get(path).is_some_and(|&hits| hits >= 5);
    let missed: Vec<_> = PATHS.into_iter().filter(|path| !reached(path)).collect();
    assert!(missed.is_empty(), "hardly ever reached: {missed:?}");
}

/// Paths that runs of the model must reach.
const PATHS: [&str; 56] = [
    "a correction by itself",
    "a correction stands for the ticks before it",
    "a correction begins a subscription",
    "a correction among trades",
    "a gap for a correction",
    "a trade with its quote",
    "a trade carries quotes",
    "a trade ends an interval",
    "quotes behind a trade wait",
    "a trade out of the ring",
    "a run of trades ends",
    "a gap in mode trades",
    "the every-mode queue goes first",
    "held to the order of arrival",
    "cleared with an every-mode queue",
    "conflated",
    "some fields of a record have changed",
    "no wanted field has changed",
    "filtered",
    "filtered while catching up",
    "gap: slow",
    "gap: resume",
    "gap: epoch",
    "ticks out of the ring",
    "ticks of several symbols in turn",
    "passes over ticks without a wanted field",
    "passes over more ticks than the ring holds",
    "mode every from the first tick on",
    "snapshot after set",
    "whole record after set",
    "once is over",
    "in the wheel",
    "waits for an interval",
    "message after an interval",
    "interval cut short",
    "frame is full",
    "one frame for two",
    "one frame for two, and more to come",
    "several frames under way",
    "frame abandoned",
    "resync",
    "batch without its ticks",
    "resumed out of the ring",
    "resumed out of the recent ticks",
    "claim ahead of the listing",
    "claim ahead of the shard",
    "claim from the future",
    "claim to a symbol without a tick",
    "glob catches a new topic",
    "glob is full",
    "several names for a symbol",
    "too many",
    "too many patterns",
    "live",
    "stale",
    "closed",
];
