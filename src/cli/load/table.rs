//! A report as a table for people.
//!
//! Pure. Invariant: the table says nothing that the JSON does not have.

use std::fmt::Write;

use tickcast::escape::Escaped;

use super::{
    hostile::HostileReport,
    quantiles::Quantiles,
    report::{ResumeReport, RunReport, RunVerdict},
    scrape::ServerCounts,
    trades::TradeCounts,
};
use crate::cli::figures::{bytes, grouped, time};

// === impl RunReport ===

impl RunReport {
    /// The table, with a newline behind each line.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail.
        let parts = [
            Self::write_load,
            Self::write_ages,
            Self::write_cost,
            Self::write_endings,
            Self::write_hostile,
            Self::write_laws,
        ];
        let _infallible: std::fmt::Result = parts.iter().try_for_each(|write| write(self, &mut out));
        out
    }

    fn write_load(&self, out: &mut String) -> std::fmt::Result {
        let RunReport { sums, rates, .. } = self;
        let encoding = self.encoding.map(|encoding| format!(", {encoding}")).unwrap_or_default();
        line(out, "server", &format!("{}{encoding}", self.url))?;
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
        let (all, rate) = (bytes(sums.bytes as f64), bytes(rates.bytes));
        let each = self.bytes_per_message.map(|each| format!(", {each:.1} a message")).unwrap_or_default();
        line(out, "bytes", &format!("{all} in all, {rate}/s{each}"))?;
        Ok(())
    }

    fn write_ages(&self, out: &mut String) -> std::fmt::Result {
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
        Ok(())
    }

    fn write_cost(&self, out: &mut String) -> std::fmt::Result {
        let RunReport { own, server, .. } = self;
        line(out, "own CPU", &format!("{:.2} s, timers late by {}", own.cpu_seconds, quantiles(&own.lag)))?;
        let cpu = server.cpu_seconds.zip(server.cpu_us_per_message);
        let cpu = cpu.map(|(seconds, each)| format!("{seconds:.2} s, {each:.2} us a message"));
        line(out, "server CPU", cpu.as_deref().unwrap_or("unknown"))?;
        let memory = server.memory_bytes.map(|memory| bytes(memory as f64));
        line(out, "server memory", memory.as_deref().unwrap_or("unknown"))?;
        Ok(())
    }

    fn write_endings(&self, out: &mut String) -> std::fmt::Result {
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
        if let Some(ResumeReport { returned, resumed_symbols, not_resumed_symbols }) = self.resume {
            let what = format!(
                "{returned} clients returned: {resumed_symbols} symbols resumed, {not_resumed_symbols} not"
            );
            line(out, "resume", &what)?;
        }
        Ok(())
    }

    fn write_hostile(&self, out: &mut String) -> std::fmt::Result {
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
            let ServerCounts { offered, delivered, conflated, filtered, gapped, discarded, pending } = counts;
            let what = format!(
                "offered {offered} = delivered {delivered} + conflated {conflated} + filtered {filtered} \
                 + gapped {gapped} + discarded {discarded} + pending {pending}"
            );
            line(out, "", &what)?;
        }
        if let Some(TradeCounts { trades, corrections }) = laws.trades {
            let (trades, corrections) = (grouped(trades), grouped(corrections));
            let what = format!(
                "{trades} trades, {corrections} cancels and corrections, each looked for at each client"
            );
            line(out, "mode trades", &what)?;
        }
        for fault in &laws.first_breaches {
            let client =
                fault.client.map_or_else(|| "server".to_owned(), |client| format!("client {client}"));
            let symbol =
                fault.symbol.as_ref().map_or_else(String::new, |symbol| format!(", {}", Escaped(symbol)));
            line(out, "BREACH", &format!("{}: {client}{symbol}: {}", fault.law.name(), fault.what))?;
        }
        let more = laws.breaches.saturating_sub(laws.first_breaches.len() as u64);
        if more > 0 {
            line(out, "BREACH", &format!("and {} more", grouped(more)))?;
        }
        let verdict = match self.verdict {
            RunVerdict::Kept => "every law that was checked was kept".to_owned(),
            RunVerdict::Broken => format!("{} breaches", grouped(laws.breaches)),
            RunVerdict::NotConnected => {
                "not every client could stay connected with all its symbols".to_owned()
            }
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
