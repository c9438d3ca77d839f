//! The simulator: a whole node on one thread, with its feed, its shards, its sessions, the network and its clients, on a
//! clock that jumps whenever nothing is left to do. One seed chooses everything.
//!
//! What runs is the service's own: ingest, market, batch queues, shards and sessions, from a connection's first byte to its
//! last. What is simulated is what they are handed: sockets, the time, wake-ups. Beside it stand clients that know the
//! public contract, and laws that are held after every step.
//!
//! ```text
//! cargo test --test sim                                               200 seeds, and everything else here
//! SIM_SEEDS=10000 cargo test --release --test sim -- many --nocapture as many as wanted
//! SIM_SEED=17 cargo test --test sim -- replay --nocapture             one of them, printed message by message
//! ```
//!
//! CONTRIBUTING.md says how to read what a seed that fails prints.

mod acks;
mod ahead;
mod asker;
mod audited;
mod client;
mod corrected;
mod deadlines;
mod dialect_rights;
mod dialects;
mod entitled;
#[path = "../support/judge/mod.rs"]
#[expect(dead_code, reason = "the integration suite asks more of the judge than the simulation does")]
mod judge;
mod http;
mod law;
// A release build has no planted faults.
#[cfg(debug_assertions)]
mod faults;
mod network;
mod node;
mod plan;
#[path = "../support/dialects.rs"]
#[expect(dead_code, reason = "the integration suite asks for more of it")]
mod protocols;
mod runtime;
mod revoked;
mod scenes;
mod shrink;
mod spans;
mod stage;
mod tape;
mod views;
mod websocket;
mod witness;
mod world;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use plan::Plan;
use shrink::{read_parts, shrink, write_parts};
use world::{Outcome, run, run_as};

/// Seeds of a usual run of the tests.
const SEEDS: u64 = 200;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// What a failed seed says: how it fails, and the commands that play it whole and as small as it could be made.
fn tell(seed: u64, outcome: &Outcome) -> String {
    let Some(breach) = &outcome.breach else { return String::new() };
    let plan = Plan::of(seed);
    let (without, smallest) = shrink(&plan, breach.law);
    let small = plan.without(&without);
    let parts = write_parts(&without);
    let smallest = smallest.as_ref().unwrap_or(breach);
    format!(
        "seed {seed} breaks a law: {breach}\n\
         SIM_SEED={seed} cargo test --test sim -- replay --nocapture\n\
         and with {} of its {} parts: {smallest}\n\
         SIM_SEED={seed} SIM_WITHOUT='{parts}' cargo test --test sim -- replay --nocapture\n",
        small.size(),
        plan.size()
    )
}

/// One seed, printed message by message.
#[test]
fn replay() {
    let seed = number("SIM_SEED").unwrap_or(1);
    let without = read_parts(&variable("SIM_WITHOUT").unwrap_or_default()).unwrap();
    let plan = Plan::of(seed).without(&without);
    println!("{plan:#?}");
    let outcome = run_as(&plan, true);
    println!("{outcome:?}");
    assert_eq!(outcome.breach, None);
}

/// What one worker came to.
#[derive(Default)]
struct Sum {
    broken: Vec<(u64, Outcome)>,
    simulated: Duration,
    ticks: u64,
    messages: u64,
    steps: u64,
    connections: u64,
    answers: u64,
}

impl Sum {
    /// Runs one seed after the other, until there are no more, or too many have failed.
    fn of_seeds(next: &AtomicU64, end: u64) -> Sum {
        let mut sum = Sum::default();
        while sum.broken.len() < 5 {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            let outcome = run(&Plan::of(seed));
            sum.simulated += outcome.simulated;
            sum.ticks += outcome.ticks;
            sum.messages += outcome.messages;
            sum.steps += outcome.steps;
            sum.connections += outcome.connections;
            sum.answers += outcome.answers;
            if outcome.breach.is_some() {
                sum.broken.push((seed, outcome));
            }
        }
        sum
    }

    fn add(&mut self, other: Sum) {
        self.broken.extend(other.broken);
        self.simulated += other.simulated;
        self.ticks += other.ticks;
        self.messages += other.messages;
        self.steps += other.steps;
        self.connections += other.connections;
        self.answers += other.answers;
    }
}

#[test]
fn many_seeds_keep_every_law() {
    let (seeds, first) = (number("SIM_SEEDS").unwrap_or(SEEDS), number("SIM_FIRST").unwrap_or(0));
    let next = AtomicU64::new(first);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut sum = Sum::default();
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..workers).map(|_| scope.spawn(|| Sum::of_seeds(&next, first + seeds))).collect();
        for worker in workers {
            sum.add(worker.join().expect("a worker"));
        }
    });
    println!(
        "{seeds} seeds: {:.1} h of market, {} ticks, {} messages, {} connections, {} answers by HTTP, {} steps",
        sum.simulated.as_secs_f64() / 3_600.0,
        sum.ticks,
        sum.messages,
        sum.connections,
        sum.answers,
        sum.steps
    );
    sum.broken.sort_by_key(|(seed, _)| *seed);
    let brief = sum.broken.iter().filter_map(|(seed, outcome)| {
        let told = outcome.breach.as_ref()?.to_string();
        Some(format!("{seed}: {told:.300}\n"))
    });
    let told: String = sum.broken.iter().take(2).map(|(seed, outcome)| tell(*seed, outcome)).collect();
    assert!(sum.broken.is_empty(), "{}{told}", brief.collect::<String>());
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let plan = Plan::of(seed);
        assert_eq!(run(&plan), run(&plan), "seed {seed}");
    }
}

#[test]
fn what_a_run_is_without_is_read_as_it_is_written() {
    let text = "c3 a0.1 s2.0 n4 f0-5 f9";
    assert_eq!(write_parts(&read_parts(text).unwrap()), text);
    assert!(read_parts("x1").is_err() && read_parts("f1-").is_err());
}

/// A fault that the simulator found: a client that took a byte in the quarter of a second before the first check of its
/// full socket was closed as slow too soon, by that time.
#[test]
fn nobody_is_closed_as_slow_too_soon() {
    for seed in [515, 849, 1_701] {
        assert_eq!(run(&Plan::of(seed)).breach, None, "seed {seed}");
    }
}

/// What the simulator has found: a burst overflows a shard's queue, and is the last that is published. The feed that waits
/// for its readers must not wait for what was lost.
#[test]
fn a_feed_does_not_wait_for_what_a_shard_has_lost() {
    let mut plan = Plan::of(0);
    plan.limits =
        tickcast::limits::Limits { ring_ticks: 16, shard_queue_ticks: 64, ..tickcast::limits::DEFAULT };
    (plan.is_lossless, plan.ends_ms) = (true, 3_000);
    plan.node.clear();
    plan.clients.clear();
    let burst = |at_ms, ticks, is_pushed| plan::Burst { at_ms, ticks, is_pushed };
    plan.feed = vec![burst(100, 200, true), burst(200, 50, false)];
    assert_eq!(run(&plan).breach, None);
}

/// A request's head that comes in parts is read to its end. Of a `Last-Event-ID` cut short the stream would begin at a
/// place long before the one that its client stands at.
#[test]
fn a_head_in_parts_is_read_whole() {
    assert_eq!(run(&Plan::of(412)).breach, None);
}

/// A feed that finds room again and again, however seldom, goes on: its reader is behind a long link with a small window.
#[test]
fn a_feed_whose_reader_is_slow_goes_on() {
    assert_eq!(run(&Plan::of(1_104)).breach, None);
}

/// Right, and once taken for faults: an answer with a fault to a client that broke the protocol right behind its command; a
/// feed that waits for readers while the market ends; new fields for a symbol that has no tick due.
#[test]
fn what_was_misjudged_is_right() {
    for seed in [1_870, 2_002, 2_795, 20_260] {
        assert_eq!(run(&Plan::of(seed)).breach, None, "seed {seed}");
    }
}
