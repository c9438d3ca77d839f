//! The measured time of a run: rates, ages, processor time, and progress while it lasts.

use std::{cell::RefCell, rc::Rc, time::Duration};

use tokio::{
    task::spawn_local,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    client::{ClientOrder, ClientStage},
    ledger::Sums,
    plan::Class,
    process,
    quantiles::{Quantiles, histogram},
    run::LoadRun,
};
use crate::cli::{
    figures::{bytes, grouped, time},
    shell::complain,
};

/// What was measured between the start and the end of the measured time.
pub struct Measurement {
    pub time: Duration,
    pub sums: Sums,
    pub cpu: Duration,
    pub lag: Quantiles,
    pub server_cpu_seconds: Option<f64>,
    pub returned: Option<u32>,
}

/// Every so many normal clients one leaves and comes back, with `--resume-check`.
const RETURNING_ONE_IN: usize = 10;

impl LoadRun<'_> {
    /// Lets the clients read for the measured time, and shows progress.
    pub(super) async fn measure(&self) -> Measurement {
        let lag = Rc::new(RefCell::new(histogram()));
        let watched = Rc::clone(&lag);
        let lag_task = spawn_local(async move { process::watch_lag(&watched).await });
        let server_cpu = self.scrape().await;
        let (begun, cpu, before) = (Instant::now(), process::cpu(), self.shared.ledger.borrow().sums());
        self.shared.ledger.borrow_mut().measuring = true;
        let end = begun + self.args.duration;
        let mut returned = None;
        let mut seen = before;
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        seconds.reset();
        while Instant::now() < end && !self.interrupt.is_raised(1) && self.is_anyone_connected() {
            tokio::select! {
                () = tokio::time::sleep_until(end) => {}
                () = self.interrupt.raised(1) => {}
                // A client has gone, maybe the last.
                () = self.shared.progress.notified() => {}
                () = tokio::time::sleep_until(begun + self.args.duration / 2),
                    if self.args.resume_check && returned.is_none() => returned = Some(self.send_some_away()),
                _ = seconds.tick() => seen = self.show_progress(begun.elapsed(), &seen),
            }
        }
        self.shared.ledger.borrow_mut().measuring = false;
        lag_task.abort();
        let (time, cpu) = (begun.elapsed(), process::cpu().saturating_sub(cpu));
        let sums = self.shared.ledger.borrow().sums().since(&before);
        let server_cpu_seconds = self.scrape().await.zip(server_cpu).map(|(after, before)| after - before);
        let lag = Quantiles::of(&lag.borrow());
        Measurement { time, sums, cpu, lag, server_cpu_seconds, returned }
    }

    /// Whoever was sent away for a moment counts too.
    fn is_anyone_connected(&self) -> bool {
        self.clients.iter().any(|client| {
            let client = client.borrow();
            client.is_connected() || client.order == ClientOrder::Return || client.stage == ClientStage::Left
        })
    }

    /// One line on standard error; the answer is what it has shown.
    fn show_progress(&self, elapsed: Duration, seen: &Sums) -> Sums {
        let ledger = self.shared.ledger.borrow();
        let sums = ledger.sums();
        let news = sums.since(seen);
        let connected = self.clients.iter().filter(|client| client.borrow().is_connected()).count();
        // The normal clients' ages; where there are none, the slow ones'.
        let [normal, slow, _] = ledger.tallies();
        let ages = if normal.ages_us.is_empty() { &slow.ages_us } else { &normal.ages_us };
        complain(format_args!(
            "{:>4} s  {} connected  {} messages/s  {} updates/s  {}/s  age p50 {} p99 {}  breaches {}\n",
            elapsed.as_secs(),
            grouped(connected as u64),
            grouped(news.messages),
            grouped(news.updates),
            bytes(news.bytes as f64),
            time(ages.value_at_quantile(0.5)),
            time(ages.value_at_quantile(0.99)),
            grouped(ledger.faults.total),
        ));
        sums
    }

    /// Sends one in ten of the normal clients away, to come back with `resume`.
    fn send_some_away(&self) -> u32 {
        let normal = self.clients.iter().filter(|client| {
            let client = client.borrow();
            client.class == Class::Normal && client.stage == ClientStage::Ready
        });
        let mut sent = 0;
        for client in normal.step_by(RETURNING_ONE_IN) {
            client.borrow_mut().tell(ClientOrder::Return);
            sent += 1;
        }
        sent
    }
}
