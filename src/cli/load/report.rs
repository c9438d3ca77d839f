//! What a run found, as one JSON object has it. [`table`](super::table) shows it to people.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    hostile::HostileReport,
    ledger::{ClassTally, LawBreach, Sums},
    plan::Class,
    quantiles::Quantiles,
    scrape::ServerCounts,
    trades::TradeCounts,
};

/// The whole of it.
#[derive(Clone, Serialize, Debug)]
pub struct RunReport {
    pub url: String,
    /// The subprotocol that the server has agreed to; `None` when nobody could connect.
    pub encoding: Option<&'static str>,
    pub clients: u32,
    pub connected: u32,
    pub failed: u32,
    /// Why the first that failed did.
    pub first_failure: Option<String>,
    pub symbols: usize,
    pub symbols_per_client: usize,
    /// From the first connection to the last client having every symbol answered.
    pub ramp_seconds: f64,
    pub measured_seconds: f64,
    /// Of the measured time.
    pub rates: RunRates,
    /// In the measured time, or in the whole run when nothing came in it; with the headers of their frames. `None` without
    /// a message.
    pub bytes_per_message: Option<f64>,
    /// Of the whole run.
    pub sums: Sums,
    pub classes: Vec<ClassReport>,
    /// How connections ended that were not ours to end, by close code.
    pub disconnects: BTreeMap<String, u64>,
    pub refused_subscriptions: BTreeMap<String, u64>,
    pub server_errors: BTreeMap<String, u64>,
    pub heartbeats: u64,
    pub drains: u64,
    /// Clients that got `end`: the market is over.
    pub over: u32,
    pub resume: Option<ResumeReport>,
    /// Those that did harm meanwhile, and what their neighbours felt of it.
    pub hostile: Option<HostileReport>,
    pub own: Own,
    pub server: ServerReport,
    pub laws: Laws,
    pub interrupted: bool,
    pub verdict: RunVerdict,
}

/// A second's worth, on average.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct RunRates {
    pub messages: f64,
    pub updates: f64,
    pub bytes: f64,
}

/// The clients of one class.
#[derive(Clone, Serialize, Debug)]
pub struct ClassReport {
    pub class: Class,
    pub clients: u32,
    pub sums: Sums,
    pub age: Quantiles,
    /// Updates stamped later than they were read: the two clocks differ.
    pub from_the_future: u64,
}

/// What `--resume-check` saw.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
pub struct ResumeReport {
    pub returned: u32,
    pub resumed_symbols: u64,
    /// Answered by a gap or a new beginning.
    pub not_resumed_symbols: u64,
}

/// This process, in the measured time.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct Own {
    pub cpu_seconds: f64,
    /// How late our own timers were: an age cannot be measured better than this.
    pub lag: Quantiles,
}

/// The server, by its own account, in the measured time.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct ServerReport {
    pub cpu_seconds: Option<f64>,
    pub cpu_us_per_message: Option<f64>,
    pub memory_bytes: Option<u64>,
}

/// What was checked, and what came of it.
#[derive(Clone, Serialize, Debug)]
pub struct Laws {
    /// Law 3: clients that had to reach the heads, and those that did.
    pub heads_expected: u32,
    pub heads_reached: u32,
    /// Law 3: records compared with the server's, all equal unless there is a breach.
    pub records_compared: u64,
    pub records_not_met: u64,
    /// Law 5: scrapes checked, scrapes that failed, and the residual furthest from 0.
    pub scrapes: u64,
    pub scrapes_failed: u64,
    pub scrape_failure: Option<String>,
    pub residual: i64,
    /// What the server counted from the first scrape to the last.
    pub server_counts: Option<ServerCounts>,
    /// Whether our own sums were compared with the server's.
    pub sums_compared: bool,
    /// In mode `trades`: what clients were sent by itself.
    pub trades: Option<TradeCounts>,
    pub breaches: u64,
    pub first_breaches: Vec<LawBreach>,
}

/// How the run ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    Kept,
    Broken,
    /// Clients could not connect, were refused, or the server went away.
    NotConnected,
}

// === impl RunVerdict ===

impl RunVerdict {
    pub const fn exit_code(self) -> u8 {
        match self {
            RunVerdict::Kept => 0,
            RunVerdict::Broken => 1,
            RunVerdict::NotConnected => 2,
        }
    }
}

// === impl RunRates ===

impl RunRates {
    pub fn of(sums: &Sums, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        RunRates { messages: rate(sums.messages), updates: rate(sums.updates), bytes: rate(sums.bytes) }
    }
}

/// What a message weighs on average.
pub fn bytes_per_message(sums: &Sums) -> Option<f64> {
    (sums.messages > 0).then(|| sums.bytes as f64 / sums.messages as f64)
}

// === impl ClassReport ===

impl ClassReport {
    pub fn of(class: Class, clients: u32, tally: &ClassTally) -> Self {
        let age = Quantiles::of(&tally.ages_us);
        ClassReport { class, clients, sums: tally.sums, age, from_the_future: tally.from_the_future }
    }
}
