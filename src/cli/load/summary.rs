//! The report of a run, put together out of what its parts have gathered.

use std::time::Duration;

use tickcast_client::{close, encoding::Encoding};

use super::{
    checks::{Compared, Reached},
    client::{Client, ClientStage},
    ledger::Ledger,
    measure::Measurement,
    plan::Class,
    report::{
        ClassReport, Laws, Own, ResumeReport, RunRates, RunReport, RunVerdict, ServerReport,
        bytes_per_message,
    },
    run::LoadRun,
};

impl LoadRun<'_> {
    pub(super) fn report(
        &self,
        ramp: Duration,
        measured: &Measurement,
        reached: Reached,
        compared: Compared,
        sums_compared: bool,
    ) -> RunReport {
        let ledger = self.shared.ledger.borrow();
        let classes = Class::ALL
            .into_iter()
            .zip(ledger.tallies())
            .map(|(class, tally)| ClassReport::of(class, self.count(|client| client.class == class), tally))
            .collect();
        let failed = self.count(|client| matches!(client.stage, ClientStage::Failed | ClientStage::Waiting));
        let resume = measured.returned.map(|returned| ResumeReport {
            returned,
            resumed_symbols: ledger.resumed,
            not_resumed_symbols: ledger.not_resumed,
        });
        RunReport {
            url: self.args.url.to_string(),
            encoding: self.shared.encoding.get().map(Encoding::subprotocol),
            clients: self.args.clients.get(),
            connected: self.args.clients.get() - failed,
            failed,
            first_failure: self.shared.first_failure.borrow().as_ref().map(ToString::to_string),
            symbols: ledger.symbols.len(),
            symbols_per_client: self.per_client,
            ramp_seconds: ramp.as_secs_f64(),
            measured_seconds: measured.time.as_secs_f64(),
            rates: RunRates::of(&measured.sums, measured.time),
            bytes_per_message: bytes_per_message(&measured.sums)
                .or_else(|| bytes_per_message(&ledger.sums())),
            sums: ledger.sums(),
            classes,
            disconnects: ledger.ended.clone(),
            refused_subscriptions: ledger.refused.clone(),
            server_errors: ledger.errors.clone(),
            heartbeats: ledger.heartbeats,
            drains: ledger.drains,
            over: self.count(|client| client.stage == ClientStage::Over),
            resume,
            hostile: None,
            own: Own { cpu_seconds: measured.cpu.as_secs_f64(), lag: measured.lag },
            server: self.server_report(measured),
            laws: self.laws(&ledger, reached, compared, sums_compared),
            interrupted: self.interrupt.is_raised(2),
            verdict: self.verdict(&ledger),
        }
    }

    fn count(&self, counts: impl Fn(&Client) -> bool) -> u32 {
        self.clients.iter().map(|client| u32::from(counts(&client.borrow()))).sum()
    }

    fn server_report(&self, measured: &Measurement) -> ServerReport {
        let cpu_seconds = measured.server_cpu_seconds;
        let messages = measured.sums.messages;
        ServerReport {
            cpu_seconds,
            cpu_us_per_message: cpu_seconds.filter(|_| messages > 0).map(|cpu| cpu * 1e6 / messages as f64),
            memory_bytes: self.scrapes.borrow().last.and_then(|scrape| scrape.server_memory_bytes),
        }
    }

    fn laws(&self, ledger: &Ledger, reached: Reached, compared: Compared, sums_compared: bool) -> Laws {
        let scrapes = self.scrapes.borrow();
        Laws {
            heads_expected: reached.expected,
            heads_reached: reached.reached,
            records_compared: compared.equal,
            records_not_met: compared.not_met,
            scrapes: scrapes.judged,
            scrapes_failed: scrapes.failed,
            scrape_failure: scrapes.failure.clone(),
            residual: scrapes.residual,
            server_counts: scrapes.counts(),
            sums_compared,
            trades: ledger.trade_counts(),
            breaches: ledger.faults.total,
            first_breaches: ledger.faults.first.clone(),
        }
    }

    fn verdict(&self, ledger: &Ledger) -> RunVerdict {
        let away = self.clients.iter().any(|client| {
            matches!(
                client.borrow().stage,
                ClientStage::Failed | ClientStage::Waiting | ClientStage::Lost { code: Some(close::AWAY) }
            )
        });
        if ledger.faults.total > 0 {
            RunVerdict::Broken
        } else if away || self.gone.get() || !ledger.refused.is_empty() {
            RunVerdict::NotConnected
        } else {
            RunVerdict::Kept
        }
    }
}
