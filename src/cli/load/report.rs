//! What a run found: as one JSON object, or as a table for people.
//!
//! Pure. Invariant: the table says nothing that the JSON does not have.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use serde::Serialize;

use super::{
    hostile::HostileReport,
    ledger::{Fault, Sums, Tally},
    plan::Class,
    quantiles::Quantiles,
    scrape::Counts,
};
use crate::cli::figures::{bytes, grouped, time};

/// The whole of it.
#[derive(Clone, Serialize, Debug)]
pub struct Report {
    pub url: String,
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
    pub rates: Rates,
    /// Of the whole run.
    pub sums: Sums,
    pub classes: Vec<ClassReport>,
    /// How connections ended that were not ours to end, by close code.
    pub disconnects: BTreeMap<String, u64>,
    pub refused_subscriptions: BTreeMap<String, u64>,
    pub server_errors: BTreeMap<String, u64>,
    pub heartbeats: u64,
    pub drains: u64,
    /// Clients that were told that the market is over.
    pub over: u32,
    pub resume: Option<Resume>,
    /// Those that did harm meanwhile, and what their neighbours felt of it.
    pub hostile: Option<HostileReport>,
    pub own: Own,
    pub server: Server,
    pub laws: Laws,
    pub interrupted: bool,
    pub verdict: Verdict,
}

/// A second's worth, on average.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct Rates {
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
pub struct Resume {
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
pub struct Server {
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
    /// Law 5: scrapes judged, scrapes that failed, and the residual furthest from 0.
    pub scrapes: u64,
    pub scrapes_failed: u64,
    pub scrape_failure: Option<String>,
    pub residual: i64,
    /// What the server counted from the first scrape to the last.
    pub server_counts: Option<Counts>,
    /// Whether our own sums were compared with the server's.
    pub sums_compared: bool,
    pub breaches: u64,
    pub first_breaches: Vec<Fault>,
}

/// How the run ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Kept,
    Broken,
    /// Clients could not connect, were refused, or the server went away.
    NotConnected,
}

// === impl Verdict ===

impl Verdict {
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Kept => 0,
            Verdict::Broken => 1,
            Verdict::NotConnected => 2,
        }
    }
}

// === impl Rates ===

impl Rates {
    pub fn of(sums: &Sums, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Rates { messages: rate(sums.messages), updates: rate(sums.updates), bytes: rate(sums.bytes) }
    }
}

// === impl ClassReport ===

impl ClassReport {
    pub fn of(class: Class, clients: u32, tally: &Tally) -> Self {
        let age = Quantiles::of(&tally.ages_us);
        ClassReport { class, clients, sums: tally.sums, age, from_the_future: tally.from_the_future }
    }
}

// === impl Report ===

impl Report {
    /// The table, with a newline behind each line.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _infallible = self.write_load(&mut out).and_then(|()| self.write_laws(&mut out));
        out
    }

    fn write_load(&self, out: &mut String) -> std::fmt::Result {
        let Report { sums, rates, own, server, .. } = self;
        line(out, "server", &self.url)?;
        let each = format!("{} of {} symbols each", self.symbols_per_client, self.symbols);
        let failed =
            if self.failed > 0 { format!(", {} failed", grouped(self.failed.into())) } else { String::new() };
        line(out, "clients", &format!("{} connected{failed}; {each}", grouped(self.connected.into())))?;
        if let Some(why) = &self.first_failure {
            line(out, "first failure", why)?;
        }
        line(
            out,
            "time",
            &format!("{:.2} s to subscribe, {:.1} s measured", self.ramp_seconds, self.measured_seconds),
        )?;
        line(
            out,
            "messages",
            &format!("{} in all, {}/s", grouped(sums.messages), grouped_rate(rates.messages)),
        )?;
        line(
            out,
            "updates",
            &format!("{} in all, {}/s", grouped(sums.updates), grouped_rate(rates.updates)),
        )?;
        line(out, "conflated", &format!("{} ticks merged into them", grouped(sums.conflated)))?;
        line(out, "snapshots", &grouped(sums.snapshots))?;
        line(out, "gaps", &format!("{}, of {} ticks", grouped(sums.gaps), grouped(sums.gapped)))?;
        line(out, "bytes", &format!("{} in all, {}/s", bytes(sums.bytes as f64), bytes(rates.bytes)))?;
        for class in self.classes.iter().filter(|class| class.clients > 0) {
            let name = format!("age, {}", class.class.name());
            line(
                out,
                &name,
                &format!("{}; {} clients", quantiles(&class.age), grouped(class.clients.into())),
            )?;
            if class.from_the_future > 0 {
                let what =
                    format!("{} updates were read before they were stamped", grouped(class.from_the_future));
                line(out, "clocks differ", &what)?;
            }
        }
        line(out, "own CPU", &format!("{:.2} s, timers late by {}", own.cpu_seconds, quantiles(&own.lag)))?;
        let cpu = server.cpu_seconds.zip(server.cpu_us_per_message);
        let cpu = cpu.map(|(seconds, each)| format!("{seconds:.2} s, {each:.2} us a message"));
        line(out, "server CPU", cpu.as_deref().unwrap_or("unknown"))?;
        let memory = server.memory_bytes.map(|memory| bytes(memory as f64));
        line(out, "server memory", memory.as_deref().unwrap_or("unknown"))?;
        let counted = [
            ("disconnects", &self.disconnects),
            ("refused symbols", &self.refused_subscriptions),
            ("server errors", &self.server_errors),
        ];
        for (name, counts) in counted {
            let shown: Vec<String> =
                counts.iter().map(|(what, &count)| format!("{} x {what}", grouped(count))).collect();
            line(out, name, &if shown.is_empty() { "none".to_owned() } else { shown.join(", ") })?;
        }
        if self.over > 0 {
            let what = format!(
                "{} clients were told, sent all they were due, and closed with 1000",
                grouped(self.over.into())
            );
            line(out, "market over", &what)?;
        }
        if let Some(Resume { returned, resumed_symbols, not_resumed_symbols }) = self.resume {
            let what = format!(
                "{returned} clients returned: {resumed_symbols} symbols resumed, {not_resumed_symbols} not"
            );
            line(out, "resume", &what)?;
        }
        if let Some(hostile) = &self.hostile {
            let HostileReport { clients, commands, cut_off, ping, longest_slice_seconds } = hostile;
            let what =
                format!("{clients} clients sent {} commands; cut off {cut_off} times", grouped(*commands));
            line(out, "hostile", &what)?;
            line(out, "ping, neighbours", &quantiles(ping))?;
            let longest =
                longest_slice_seconds.map(|seconds| format!("{:.2} ms of processor time", seconds * 1e3));
            line(out, "longest slice", longest.as_deref().unwrap_or("unknown"))?;
        }
        Ok(())
    }

    fn write_laws(&self, out: &mut String) -> std::fmt::Result {
        let laws = &self.laws;
        if self.interrupted {
            line(out, "interrupted", "some checks were left out")?;
        }
        let compared = format!("{} records equal to the server's", grouped(laws.records_compared));
        let missed = match laws.records_not_met {
            0 => String::new(),
            missed => format!(" ({} not met at the same seq)", grouped(missed)),
        };
        let reached = format!("{} of {} clients reached the heads", laws.heads_reached, laws.heads_expected);
        line(out, "law 3", &format!("{reached}, {compared}{missed}"))?;
        line(
            out,
            "law 4",
            &format!(
                "{} messages checked",
                grouped(self.sums.updates + self.sums.snapshots + self.sums.gaps)
            ),
        )?;
        let mut conservation = match laws.scrapes {
            0 => "not checked".to_owned(),
            scrapes => format!("residual {} in {} scrapes", laws.residual, grouped(scrapes)),
        };
        if let Some(why) = &laws.scrape_failure {
            write!(conservation, ", {} failed: {why}", laws.scrapes_failed)?;
        }
        if laws.sums_compared {
            conservation.push_str("; our sums were compared with the server's");
        }
        line(out, "law 5", &conservation)?;
        if let Some(counts) = &laws.server_counts {
            let Counts { offered, delivered, conflated, filtered, gapped, discarded, pending } = counts;
            let what = format!(
                "offered {offered} = delivered {delivered} + conflated {conflated} + filtered {filtered} \
                 + gapped {gapped} + discarded {discarded} + pending {pending}"
            );
            line(out, "", &what)?;
        }
        for fault in &laws.first_breaches {
            let client =
                fault.client.map_or_else(|| "server".to_owned(), |client| format!("client {client}"));
            let symbol = fault.symbol.as_ref().map_or_else(String::new, |symbol| format!(", {symbol}"));
            line(out, "BREACH", &format!("{}: {client}{symbol}: {}", fault.law.name(), fault.what))?;
        }
        let more = laws.breaches.saturating_sub(laws.first_breaches.len() as u64);
        if more > 0 {
            line(out, "BREACH", &format!("and {} more", grouped(more)))?;
        }
        let verdict = match self.verdict {
            Verdict::Kept => "every law that was checked was kept".to_owned(),
            Verdict::Broken => format!("{} breaches", grouped(laws.breaches)),
            Verdict::NotConnected => "not every client could stay connected with all its symbols".to_owned(),
        };
        line(out, "verdict", &verdict)
    }
}

fn line(out: &mut String, name: &str, value: &str) -> std::fmt::Result {
    writeln!(out, "{name:<16} {value}")
}

fn quantiles(found: &Quantiles) -> String {
    if found.count == 0 {
        return "none".to_owned();
    }
    let Quantiles { p50_us, p99_us, p999_us, max_us, .. } = *found;
    format!("p50 {}  p99 {}  p99.9 {}  max {}", time(p50_us), time(p99_us), time(p999_us), time(max_us))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts over seconds are not negative"
)]
fn grouped_rate(rate: f64) -> String {
    grouped(rate.round() as u64)
}
