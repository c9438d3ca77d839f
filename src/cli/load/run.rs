//! A run, phase by phase: ask for the symbols, connect, measure, check, leave, report.
//!
//! Everything happens on one thread, in a [`LocalSet`](tokio::task::LocalSet) that the caller provides. Invariant: a
//! run always ends, with a report; an interrupt only shortens it.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tickcast::clock::Clock;
use tickcast_client::EndpointError;
use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinHandle, spawn_local},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};

use super::{
    args::LoadArgs,
    checks::{self, Compared, LOOK_AGAIN, Reached},
    client::{Client, ClientOrder, ClientStage, LoadWish, Sampled},
    hostile::Hostile,
    interrupt::Interrupt,
    ledger::{Law, LawBreach, Ledger},
    life::live,
    plan::{Chooser, Class, classes},
    process::{self, TooManyClients},
    report::RunReport,
    scrapes::{ScrapeSeries, breach, disagreement},
    server::{Server, ServerError, number},
    session::READ_BYTES,
    shared::{HANDSHAKES_MAX, LoadShared},
};
use crate::cli::{access::AccessError, figures::grouped, mode::ModeArg, shell::complain};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    TooManyClients(#[from] TooManyClients),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("no server listens at {address} ({source}): start one there, or name another with --url")]
    NoServer { address: SocketAddr, source: io::Error },
    #[error(
        "the server has no symbols to subscribe to; a replay that waits for clients has some once `tickcast replay step` has played a few records"
    )]
    NoSymbols,
    #[error("interrupted before the first client connected")]
    Interrupted,
}

/// A run under way.
pub(super) struct LoadRun<'a> {
    pub(super) args: &'a LoadArgs,
    pub(super) interrupt: &'a Interrupt,
    pub(super) server: Server,
    pub(super) shared: Rc<LoadShared>,
    pub(super) clients: Vec<Rc<RefCell<Client>>>,
    pub(super) scrapes: Rc<RefCell<ScrapeSeries>>,
    pub(super) per_client: usize,
    /// Whether the server no longer accepted requests.
    pub(super) gone: Cell<bool>,
}

/// How often a request is repeated while the server does not answer yet.
const RETRY: Duration = Duration::from_millis(50);
/// For a server that was started together with this program. A port that is closed for longer has no server.
const START: Duration = Duration::from_millis(500);
/// Runs the load that `args` ask for.
///
/// # Errors
/// When no client could even begin: no server, no symbols, not enough descriptors.
pub async fn drive(args: &LoadArgs, interrupt: &Interrupt) -> Result<RunReport, LoadError> {
    process::allow_clients(args.clients.get().saturating_add(args.hostile))?;
    let run = LoadRun::prepare(args, interrupt).await?;
    run.scrape().await;
    let begun = Instant::now();
    let tasks = run.connect();
    run.until_settled().await;
    let ramp = begun.elapsed();
    let scraper = run.keep_scraping();
    let hostile = Hostile::begin(&run.shared, args.hostile);
    let measured = run.measure().await;
    let hostile = hostile.end(run.server.longest_slice_seconds().await);
    scraper.abort();
    run.until_back().await;
    let (reached, compared) = run.check_latest_wins().await;
    run.leave(tasks).await;
    let sums_compared = run.check_conservation().await;
    Ok(RunReport { hostile, ..run.report(ramp, &measured, reached, compared, sums_compared) })
}

// === impl LoadRun ===

impl<'a> LoadRun<'a> {
    async fn prepare(args: &'a LoadArgs, interrupt: &'a Interrupt) -> Result<Self, LoadError> {
        let endpoint = args.access.apply(args.url.clone())?;
        let address = endpoint.resolve().await?;
        let admin = match &args.admin_url {
            Some(url) => {
                let url = args.access.apply_to_admin(url.clone())?;
                let address = url.resolve().await?;
                Some((url, address))
            }
            None => None,
        };
        let server = Server { endpoint: endpoint.clone(), address, admin };
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
        let mut ledger = Ledger::new(symbols);
        if args.mode == ModeArg::Trades {
            ledger.follow_trades();
        }
        let shared = LoadShared {
            endpoint: endpoint.with_encoding(args.encoding.into()),
            encoding: Cell::default(),
            address,
            wish: LoadWish { mode: args.mode.name().into(), interval_ms: args.interval_ms },
            receive_buffer_bytes: args.rcvbuf,
            slow_bytes_per_second: args.slow.map(|slow| slow.bytes_per_second),
            clock: Clock::system(),
            ledger: RefCell::new(ledger),
            buffer: RefCell::new(vec![0; READ_BYTES]),
            random: RefCell::new(Pcg64Mcg::seed_from_u64(args.seed)),
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            settled: Cell::new(0),
            progress: Notify::new(),
            first_failure: RefCell::new(None),
        };
        let scrapes = Rc::default();
        Ok(LoadRun {
            args,
            interrupt,
            server,
            shared: Rc::new(shared),
            clients,
            scrapes,
            per_client,
            gone: Cell::new(false),
        })
    }

    /// Starts every client, at the requested rate.
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
                _ = seconds.tick() => complain(format_args!("subscribed {} of {}\n", grouped(self.shared.settled.get().into()), grouped(all.into()))),
            }
        }
    }

    /// Waits until those that were sent away are back, or will not come.
    async fn until_back(&self) {
        let deadline = Instant::now() + self.args.settle;
        let away = |client: &Client| {
            client.order == ClientOrder::Return
                || matches!(client.stage, ClientStage::Left | ClientStage::Subscribing)
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
        // Slow ones too: what waits in the kernel's buffers is not the law's concern, and draining it slowly takes long.
        for client in self.clients.iter().filter(|client| client.borrow().class != Class::Normal) {
            client.borrow_mut().tell(ClientOrder::CatchUp);
        }
        let place = |name: &str| ledger.borrow().symbols.place(name);
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

    /// A check that cannot be made is not a check that was passed; but a server that has gone breaks no law.
    fn cannot_check(&self, error: &ServerError) -> (Reached, Compared) {
        if matches!(error, ServerError::Endpoint(EndpointError::Connect { .. })) {
            self.gone.set(true);
        } else {
            let what = format!("cannot be checked: {error}");
            let fault = LawBreach { law: Law::LatestWins, client: None, symbol: None, what };
            self.shared.ledger.borrow_mut().faults.note(|| fault);
        }
        Default::default()
    }

    /// Every client closes and reads to the end of what it was sent.
    async fn leave(&self, tasks: Vec<JoinHandle<()>>) {
        for client in &self.clients {
            client.borrow_mut().tell(ClientOrder::Leave);
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
        let all_left = self.clients.iter().all(|client| {
            matches!(client.borrow().stage, ClientStage::Left | ClientStage::Over | ClientStage::Failed)
        });
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
    pub(super) async fn scrape(&self) -> Option<f64> {
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
    let begun = Instant::now();
    loop {
        match server.heads().await {
            Ok(heads) if !heads.is_empty() => return Ok(heads),
            Ok(_) if begun.elapsed() >= patience => return Err(LoadError::NoSymbols),
            Err(ServerError::Endpoint(EndpointError::Connect { address, source })) => {
                if begun.elapsed() >= START {
                    return Err(LoadError::NoServer { address, source });
                }
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        sleep(RETRY).await;
    }
}
