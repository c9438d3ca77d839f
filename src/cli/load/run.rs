//! A run, phase by phase: ask for the symbols, connect, measure, check, leave, report.
//!
//! Everything happens on one thread, in a [`LocalSet`](tokio::task::LocalSet) that the caller provides. Invariant: a
//! run always ends, with a report; an interrupt only shortens it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinHandle, spawn_local},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};

use super::{
    args::LoadArgs,
    checks::{self, CODE_AWAY, Compared, LOOK_AGAIN, Reached},
    client::{Client, Order, Sampled, Stage, Wish},
    ledger::{Fault, Law, Ledger, Sums, histogram},
    plan::{Chooser, Class, classes},
    process::{self, ProcessError},
    report::{
        ClassReport, Laws, Own, Quantiles, Rates, Report, Resume, Server as ServerReport, Verdict, bytes,
        grouped, time,
    },
    scan::Scanner,
    scrapes::{Scrapes, breach, disagreement},
    server::{Server, ServerError, number},
    session::{HANDSHAKES_MAX, READ_BYTES, Shared, live},
};
use crate::{cli::endpoint::EndpointError, clock::Clock};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the server has no symbols to subscribe to")]
    NoSymbols,
    #[error("interrupted before the first client connected")]
    Interrupted,
}

/// The person's wish to stop, as often as it came: once ends the measuring, twice skips the checks.
#[derive(Default)]
pub struct Interrupt {
    count: Cell<u32>,
    changed: Notify,
}

/// A run under way.
struct Run<'a> {
    args: &'a LoadArgs,
    interrupt: &'a Interrupt,
    server: Server,
    shared: Rc<Shared>,
    clients: Vec<Rc<RefCell<Client>>>,
    scrapes: Rc<RefCell<Scrapes>>,
    per_client: usize,
}

/// What was measured between the start and the end of the measured time.
struct Measured {
    time: Duration,
    sums: Sums,
    cpu: Duration,
    lag: Quantiles,
    server_cpu_seconds: Option<f64>,
    returned: Option<u32>,
}

/// How often a server that does not answer yet is asked again.
const RETRY: Duration = Duration::from_millis(250);
/// Every so many normal clients one leaves and comes back, with `--resume-check`.
const RETURNING_ONE_IN: usize = 10;

/// Runs the load that `args` ask for.
///
/// # Errors
/// When no client could even begin: no server, no symbols, not enough descriptors.
pub async fn drive(args: &LoadArgs, interrupt: &Interrupt) -> Result<Report, LoadError> {
    process::allow_clients(args.clients.get())?;
    let run = Run::prepare(args, interrupt).await?;
    run.scrape().await;
    let begun = Instant::now();
    let tasks = run.connect();
    run.until_settled().await;
    let ramp = begun.elapsed();
    let scraper = run.keep_scraping();
    let measured = run.measure().await;
    scraper.abort();
    run.until_back().await;
    let (reached, compared) = run.check_latest_wins().await;
    run.leave(tasks).await;
    let sums_compared = run.check_conservation().await;
    Ok(run.report(ramp, &measured, reached, compared, sums_compared))
}

// === impl Interrupt ===

impl Interrupt {
    pub fn raise(&self) {
        self.count.set(self.count.get() + 1);
        self.changed.notify_waiters();
    }

    fn is_raised(&self, times: u32) -> bool {
        self.count.get() >= times
    }

    async fn raised(&self, times: u32) {
        while !self.is_raised(times) {
            self.changed.notified().await;
        }
    }
}

// === impl Run ===

impl<'a> Run<'a> {
    async fn prepare(args: &'a LoadArgs, interrupt: &'a Interrupt) -> Result<Self, LoadError> {
        let address = args.url.resolve().await?;
        let server = Server { endpoint: args.url.clone(), address };
        let heads = tokio::select! {
            heads = first_heads(&server, args.settle) => heads?,
            () = interrupt.raised(1) => return Err(LoadError::Interrupted),
        };
        let symbols = number(heads);
        let clients = args.clients.get();
        let slow = args.slow.map_or(0, |slow| slow.share.of(clients));
        let per_client = (args.symbols_per_client.get() as usize).min(symbols.len());
        let mut chooser = Chooser::new(args.choose, args.seed, symbols.len(), per_client);
        let classes = classes(clients, args.stalled.of(clients), slow);
        let sampled_one_in = if args.sample == 0 { u32::MAX } else { clients.div_ceil(args.sample) };
        let client = |(index, class): (u32, Class)| {
            let sampled = args.sample > 0 && index % sampled_one_in == 0;
            let sampled = if sampled { Sampled::Yes } else { Sampled::No };
            Rc::new(RefCell::new(Client::new(index, class, chooser.next_client(), sampled)))
        };
        let clients = (0u32..).zip(classes).map(client).collect();
        let shared = Shared {
            endpoint: args.url.clone(),
            address,
            wish: Wish { mode: args.mode, interval_ms: args.interval_ms },
            receive_buffer_bytes: args.rcvbuf,
            slow_bytes_per_second: args.slow.map(|slow| slow.bytes_per_second),
            clock: Clock::system(),
            scanner: Scanner::default(),
            ledger: RefCell::new(Ledger::new(symbols)),
            buffer: RefCell::new(vec![0; READ_BYTES]),
            random: RefCell::new(Pcg64Mcg::seed_from_u64(args.seed)),
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            settled: Cell::new(0),
            progress: Notify::new(),
            first_failure: RefCell::new(None),
        };
        let scrapes = Rc::default();
        Ok(Run { args, interrupt, server, shared: Rc::new(shared), clients, scrapes, per_client })
    }

    /// Starts every client, at the rate that was asked for.
    fn connect(&self) -> Vec<JoinHandle<()>> {
        let begun = Instant::now();
        let rate = self.args.connect_rate;
        let start = |(index, client): (u32, &Rc<RefCell<Client>>)| {
            let (shared, client) = (Rc::clone(&self.shared), Rc::clone(client));
            spawn_local(async move {
                if rate > 0 {
                    tokio::time::sleep_until(
                        begun + Duration::from_secs_f64(f64::from(index) / f64::from(rate)),
                    )
                    .await;
                }
                live(&shared, &client).await;
            })
        };
        (0u32..).zip(&self.clients).map(start).collect()
    }

    /// Waits until every client is ready or never will be.
    async fn until_settled(&self) {
        let all = self.args.clients.get();
        let ramp =
            if self.args.connect_rate > 0 { f64::from(all) / f64::from(self.args.connect_rate) } else { 0.0 };
        let deadline = Instant::now() + self.args.settle + Duration::from_secs_f64(ramp);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        seconds.reset();
        while self.shared.settled.get() < all && !self.interrupt.is_raised(1) && Instant::now() < deadline {
            tokio::select! {
                () = self.shared.progress.notified() => {}
                () = self.interrupt.raised(1) => {}
                () = tokio::time::sleep_until(deadline) => {}
                _ = seconds.tick() => eprintln!("subscribed {} of {}", grouped(self.shared.settled.get().into()), grouped(all.into())),
            }
        }
    }

    /// Lets the clients read for the measured time, and shows progress.
    async fn measure(&self) -> Measured {
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
        while Instant::now() < end && !self.interrupt.is_raised(1) {
            tokio::select! {
                () = tokio::time::sleep_until(end) => {}
                () = self.interrupt.raised(1) => {}
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
        Measured { time, sums, cpu, lag, server_cpu_seconds, returned }
    }

    /// One line on standard error; the answer is what it has shown.
    fn show_progress(&self, elapsed: Duration, seen: &Sums) -> Sums {
        let ledger = self.shared.ledger.borrow();
        let sums = ledger.sums();
        let news = sums.since(seen);
        let connected = self.clients.iter().filter(|client| client.borrow().is_connected()).count();
        let mut ages = histogram();
        for tally in ledger.tallies() {
            // Both have the same bounds.
            let _infallible = ages.add(&tally.ages_us);
        }
        eprintln!(
            "{:>4} s  {} connected  {} messages/s  {} updates/s  {}/s  age p50 {} p99 {}  breaches {}",
            elapsed.as_secs(),
            grouped(connected as u64),
            grouped(news.messages),
            grouped(news.updates),
            bytes(news.bytes as f64),
            time(ages.value_at_quantile(0.5)),
            time(ages.value_at_quantile(0.99)),
            grouped(ledger.faults.total),
        );
        sums
    }

    /// Sends one in ten of the normal clients away, to come back with `resume`.
    fn send_some_away(&self) -> u32 {
        let normal = self.clients.iter().filter(|client| {
            let client = client.borrow();
            client.class == Class::Normal && client.stage == Stage::Ready
        });
        let mut sent = 0;
        for client in normal.step_by(RETURNING_ONE_IN) {
            client.borrow_mut().tell(Order::Return);
            sent += 1;
        }
        sent
    }

    /// Waits until those that were sent away are back, or will not come.
    async fn until_back(&self) {
        let deadline = Instant::now() + self.args.settle;
        let away = |client: &Client| {
            client.order == Order::Return || matches!(client.stage, Stage::Left | Stage::Subscribing)
        };
        while self.clients.iter().any(|client| away(&client.borrow()))
            && Instant::now() < deadline
            && !self.interrupt.is_raised(2)
        {
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn check_latest_wins(&self) -> (Reached, Compared) {
        let ledger = &self.shared.ledger;
        for client in self.clients.iter().filter(|client| client.borrow().class == Class::Stalled) {
            client.borrow_mut().tell(Order::Stay);
        }
        let place = |name: &[u8]| ledger.borrow().symbols.place(name);
        let count = ledger.borrow().symbols.len();
        let heads = match self.server.heads_of(place, count).await {
            Ok(heads) => heads,
            Err(error) => return self.cannot_check(&error),
        };
        let deadline = Instant::now() + self.args.settle;
        let stop = || self.interrupt.is_raised(2);
        let reached = checks::reach_heads(&self.clients, &heads, deadline, stop, ledger).await;
        match checks::compare_records(&self.clients, &heads, &self.server, ledger, stop).await {
            Ok(compared) => (reached, compared),
            Err(error) => (reached, self.cannot_check(&error).1),
        }
    }

    /// A check that cannot be made is no check that was passed; but a server that has gone breaks no law.
    fn cannot_check(&self, error: &ServerError) -> (Reached, Compared) {
        if !self.is_deserted() {
            let what = format!("cannot be checked: {error}");
            let fault = Fault { law: Law::LatestWins, client: None, symbol: None, what };
            self.shared.ledger.borrow_mut().faults.note(|| fault);
        }
        Default::default()
    }

    fn is_deserted(&self) -> bool {
        self.clients.iter().all(|client| !client.borrow().is_connected())
    }

    /// Every client closes and reads to the end of what it was sent.
    async fn leave(&self, tasks: Vec<JoinHandle<()>>) {
        for client in &self.clients {
            client.borrow_mut().tell(Order::Leave);
        }
        let deadline = Instant::now() + self.args.settle;
        for task in tasks {
            tokio::select! {
                ended = timeout_at(deadline, task) => {
                    if ended.is_err() {
                        return;
                    }
                }
                () = self.interrupt.raised(2) => return,
            }
        }
    }

    /// The last scrape; when we were alone, until the server's sums are ours. Says whether they were compared.
    async fn check_conservation(&self) -> bool {
        self.scrape().await;
        let all_left =
            self.clients.iter().all(|client| matches!(client.borrow().stage, Stage::Left | Stage::Failed));
        if !self.args.exclusive || !all_left || self.interrupt.is_raised(2) {
            return false;
        }
        let deadline = Instant::now() + self.args.settle;
        loop {
            let Some(counts) = self.scrapes.borrow().counts() else { return false };
            let Some(what) = disagreement(&counts, &self.shared.ledger.borrow().sums()) else { return true };
            if Instant::now() >= deadline || self.interrupt.is_raised(2) {
                self.shared.ledger.borrow_mut().faults.note(|| breach(what));
                return true;
            }
            // The server may publish its counts a little later than it sends.
            sleep(LOOK_AGAIN).await;
            self.scrape().await;
        }
    }

    /// One scrape; the answer is the processor time that the server says it has used.
    async fn scrape(&self) -> Option<f64> {
        let scrape = self.server.scrape().await;
        let cpu = scrape.as_ref().ok().and_then(|scrape| scrape.server_cpu_seconds);
        self.scrapes.borrow_mut().take(scrape, &mut self.shared.ledger.borrow_mut().faults);
        cpu
    }

    /// Scrapes every second, until the task is aborted.
    fn keep_scraping(&self) -> JoinHandle<()> {
        let (server, scrapes, shared) =
            (self.server.clone(), Rc::clone(&self.scrapes), Rc::clone(&self.shared));
        spawn_local(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                let scrape = server.scrape().await;
                scrapes.borrow_mut().take(scrape, &mut shared.ledger.borrow_mut().faults);
            }
        })
    }
}

/// The server's symbols, as soon as it listens and has some.
async fn first_heads(server: &Server, patience: Duration) -> Result<Vec<super::server::Head>, LoadError> {
    let deadline = Instant::now() + patience;
    loop {
        let heads = server.heads().await;
        let waiting = match &heads {
            Ok(heads) => heads.is_empty(),
            Err(error) => matches!(error, ServerError::Endpoint(EndpointError::Connect { .. })),
        };
        if !waiting || Instant::now() >= deadline {
            let heads = heads?;
            return if heads.is_empty() { Err(LoadError::NoSymbols) } else { Ok(heads) };
        }
        sleep(RETRY).await;
    }
}

// === the report ===

impl Run<'_> {
    fn report(
        &self,
        ramp: Duration,
        measured: &Measured,
        reached: Reached,
        compared: Compared,
        sums_compared: bool,
    ) -> Report {
        let ledger = self.shared.ledger.borrow();
        let of_class =
            |class| self.clients.iter().filter(|client| client.borrow().class == class).count() as u32;
        let classes = Class::ALL
            .into_iter()
            .zip(ledger.tallies())
            .map(|(class, tally)| ClassReport::of(class, of_class(class), tally))
            .collect();
        let failed = self
            .clients
            .iter()
            .filter(|client| matches!(client.borrow().stage, Stage::Failed | Stage::Waiting))
            .count() as u32;
        let resume = measured.returned.map(|returned| Resume {
            returned,
            resumed_symbols: ledger.resumed,
            not_resumed_symbols: ledger.not_resumed,
        });
        Report {
            url: self.args.url.to_string(),
            clients: self.args.clients.get(),
            connected: self.args.clients.get() - failed,
            failed,
            first_failure: self.shared.first_failure.borrow().as_ref().map(ToString::to_string),
            symbols: ledger.symbols.len(),
            symbols_per_client: self.per_client,
            ramp_seconds: ramp.as_secs_f64(),
            measured_seconds: measured.time.as_secs_f64(),
            rates: Rates::of(&measured.sums, measured.time),
            sums: ledger.sums(),
            classes,
            disconnects: ledger.ended.clone(),
            refused_subscriptions: ledger.refused.clone(),
            server_errors: ledger.errors.clone(),
            heartbeats: ledger.heartbeats,
            drains: ledger.drains,
            resume,
            own: Own { cpu_seconds: measured.cpu.as_secs_f64(), lag: measured.lag },
            server: self.server_report(measured),
            laws: self.laws(&ledger, reached, compared, sums_compared),
            interrupted: self.interrupt.is_raised(2),
            verdict: self.verdict(&ledger),
        }
    }

    fn server_report(&self, measured: &Measured) -> ServerReport {
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
            breaches: ledger.faults.total,
            first_breaches: ledger.faults.first.clone(),
        }
    }

    fn verdict(&self, ledger: &Ledger) -> Verdict {
        let away = self.clients.iter().any(|client| {
            matches!(
                client.borrow().stage,
                Stage::Failed | Stage::Waiting | Stage::Lost { code: Some(CODE_AWAY) }
            )
        });
        if ledger.faults.total > 0 {
            Verdict::Broken
        } else if away || !ledger.refused.is_empty() {
            Verdict::NotConnected
        } else {
            Verdict::Kept
        }
    }
}
