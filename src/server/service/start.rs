//! Starts a service: feeds, addresses, shards, and their threads.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{
        Notify, Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::LocalSet,
};

use super::{
    feeds::{begin_faults, ending, market_clock, open_feeds},
    running::Service,
    setup::{Setup, StartError},
};
#[cfg(feature = "tls")]
use crate::server::{
    tls::{TlsFaults, accept, state::TlsState},
    tls_files::TlsFiles,
};
use crate::{
    access::Authority,
    access::Products,
    audit::{AuditLog, AuditSetup},
    clock::{Clock, MarketClock},
    feed::{Feed, with_sources},
    limits::Limits,
    live::Live,
    proxies::TrustedProxies,
    replays::library::Library,
    server::{
        admission::balancer::Role,
        delayed,
        http::{self, App, scrapes::ScrapeQueue},
        intake::{Condition, FeedSink, FeedStatus},
        listener,
        message::ToShard,
        metrics::Metrics,
        replays::Replays,
        shard::Shard,
        state::ServerState,
    },
    session::node::NodeState,
    shutdown::Stop,
    throttle::Throttle,
    tick::Symbol,
    topic::{Batch, BatchQueue, Ingest, Interest, Market, Outlet},
    web::AllowedOrigins,
};

#[cfg(feature = "tls")]
use crate::server::keys::AuthWatch;

/// The two ends of a shard's channel, before its thread takes them.
struct Ends {
    batch_queue: Arc<BatchQueue<Batch>>,
    wake: Arc<Notify>,
    inbox: UnboundedReceiver<ToShard>,
    runtime: Runtime,
    interest: Arc<Interest>,
}

/// The listeners, with their addresses.
struct BoundListeners {
    listeners: Vec<(Role, TcpListener)>,
    addresses: Vec<SocketAddr>,
}

impl Service {
    /// Opens the feeds, binds the addresses, starts all threads. On return, clients are served.
    ///
    /// # Errors
    /// When a feed cannot be opened, an address bound, or a thread started.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let clock = Clock::system();
        #[cfg(feature = "tls")]
        let (authority, auth) = AuthWatch::start(setup.auth.clone()).map_err(StartError::Auth)?;
        #[cfg(not(feature = "tls"))]
        let authority = if setup.auth.is_open() {
            Arc::new(Authority::open())
        } else {
            return Err(StartError::NoTokens);
        };
        let mut feeds = open_feeds(&setup)?;
        let market_clock = market_clock(clock, &feeds)?;
        let is_tls = setup.tls.is_some();
        #[cfg(feature = "tls")]
        let tls = tls_state(setup.tls.clone(), &setup.limits, clock)?;
        #[cfg(not(feature = "tls"))]
        if is_tls {
            return Err(StartError::NoTls);
        }
        let BoundListeners { listeners, addresses } = listen_all(&setup)?;
        let (address, admin_address) = (addresses[0], addresses.get(1).copied());
        let shards = shard_count(setup.shards);
        let (inboxes, ends): (Vec<_>, Vec<_>) = (0..shards)
            .map(|_| shard_ends(&setup.limits))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?
            .into_iter()
            .unzip();
        let statuses = feeds.statuses.clone();
        let ingest = Ingest::new(market_of(&statuses, &setup.limits), ends.iter().map(outlet).collect());
        let (ingest, delayed_wakeup) = delayed::join(ingest, &setup.auth, &market_clock);
        let ingest = Arc::new(ingest.with_listings(std::mem::take(&mut feeds.listings)));
        let epoch = setup.epoch.unwrap_or_else(|| new_epoch(&clock));
        let node = NodeState::new(epoch, setup.limits, clock, market_clock.clone(), Arc::clone(&ingest))
            .with_authority(authority)
            .with_fields(setup.fields)
            .with_faults(begin_faults(&setup.feeds)?);
        // Publishing ends only with the process.
        let push = feed_sink(&feeds.push, &ingest, clock, &market_clock, Arc::new(|| {}));
        let audit = start_audit(setup.audit.as_ref(), clock, &setup.auth.products)?;
        let node = node.with_push(Arc::new(push)).with_audit(audit, Arc::clone(&setup.auth.products));
        let allowed_origins = AllowedOrigins::new(&setup.allowed_origins);
        let server = ServerState::new(Arc::new(node), inboxes.clone(), allowed_origins);
        let proxies = Live::new(TrustedProxies::new(&setup.trusted_proxies));
        let server = ServerState { proxies, dialects: setup.dialects, ..server };
        #[cfg(feature = "tls")]
        let server = ServerState { tls, key_servers: auth.stats(), ..server };
        let replays = Arc::new(Replays::new(library(setup.recordings)?));
        let server = Arc::new(ServerState { replays, ..server });
        look_at_rights(&server.node.authority, inboxes.clone());
        let ended = ending(&feeds, &server);
        let sink =
            |status: &Arc<FeedStatus>| feed_sink(status, &ingest, clock, &market_clock, Arc::clone(&ended));
        let app = Arc::new(App {
            metrics: Metrics::new()?,
            shards: inboxes.clone(),
            feeds: statuses.clone(),
            clock,
            market: market_clock.clone(),
            began: clock.now(),
            shard_silent: Throttle::default(),
            log_lines_dropped: setup.log_lines_dropped,
            scrapes: ScrapeQueue::default(),
            bulk: Arc::default(),
            // One report at a time.
            reports: Arc::new(Semaphore::new(1)),
            has_admin: admin_address.is_some(),
        });
        // With TLS, other threads accept.
        let accepted: &[_] = if is_tls { &[] } else { &listeners };
        let shard_threads = ends
            .into_iter()
            .enumerate()
            .map(|(number, ends)| start_shard(number, ends, accepted, &server, &app))
            .collect::<Result<_, _>>()
            .map_err(StartError::Thread)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &server.tls {
            accept::start(&listeners, &server, tls).map_err(StartError::Thread)?;
        }
        let stop_feeds = Stop::default();
        delayed::start(&ingest, delayed_wakeup, clock, &market_clock, &stop_feeds)
            .map_err(StartError::Thread)?;
        for (status, feed) in feeds.to_run {
            start_feed(feed, sink(&status), &stop_feeds).map_err(StartError::Thread)?;
        }
        #[cfg(feature = "tls")]
        auth.watch().map_err(StartError::Thread)?;
        Ok(Service {
            address,
            admin_address,
            is_tls,
            epoch: server.node.epoch.clone(),
            shards,
            server,
            listeners,
            stop_feeds,
            shard_threads,
            feeds: statuses,
            #[cfg(feature = "tls")]
            auth,
        })
    }
}

/// One shard per core unless configured.
fn shard_count(configured: usize) -> usize {
    match configured {
        0 => thread::available_parallelism().map_or(1, usize::from),
        shards => shards,
    }
}

/// Makes shards check their sessions as soon as rights may have been revoked.
fn look_at_rights(authority: &Authority, inboxes: Vec<UnboundedSender<ToShard>>) {
    authority.tell_changes(move || {
        for inbox in &inboxes {
            // A shard that has ended has no sessions left.
            let _ = inbox.send(ToShard::Rights);
        }
    });
}

fn feed_sink(
    status: &Arc<FeedStatus>,
    ingest: &Arc<Ingest>,
    clock: Clock,
    market: &MarketClock,
    ended: Arc<dyn Fn() + Send + Sync>,
) -> FeedSink {
    let (status, ingest, market) = (Arc::clone(status), Arc::clone(ingest), market.clone());
    FeedSink { status, ingest, clock, market, ended, watches_readers: false }
}

/// Starts the usage audit, which names products.
fn start_audit(
    setup: Option<&AuditSetup>,
    clock: Clock,
    products: &Arc<Products>,
) -> Result<Option<Arc<AuditLog>>, StartError> {
    let Some(setup) = setup else { return Ok(None) };
    let products = Arc::clone(products);
    let of = move |symbol: &Symbol| products.of(symbol).name.clone();
    Ok(Some(Arc::new(AuditLog::start(setup, clock.now())?.with_products(Box::new(of)))))
}

fn market_of(feeds: &[Arc<FeedStatus>], limits: &Limits) -> Market {
    let names = feeds.iter().map(|status| status.name.clone()).collect();
    let mut market = Market::new(names, limits.topics, limits.ring_ticks);
    market.set_tape_limits(limits);
    market
}

/// The recordings that clients may replay; a missing directory fails here rather than at a client's request.
fn library(directory: Option<PathBuf>) -> Result<Library, StartError> {
    let library = Library::new(directory.clone());
    match (library.exchanges(), directory) {
        (Err(source), Some(path)) => Err(StartError::Recordings { path, source }),
        _ => Ok(library),
    }
}

/// Listens for clients, then for operators if they have an address of their own.
fn listen_all(setup: &Setup) -> Result<BoundListeners, StartError> {
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    let wanted = [(Role::Clients, Some(setup.listen)), (Role::Admin, setup.admin_listen)];
    for (role, address) in wanted {
        if let Some(address) = address {
            let (listener, bound) = listen(address, &setup.limits)?;
            listeners.push((role, listener));
            addresses.push(bound);
        }
    }
    Ok(BoundListeners { listeners, addresses })
}

fn listen(address: SocketAddr, limits: &Limits) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = listener::listen(address, limits);
    let listening = listener.and_then(|listener| {
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    });
    listening.map_err(|source| StartError::Listen { address, source })
}

/// Reads the certificates.
#[cfg(feature = "tls")]
fn tls_state(
    files: Option<TlsFiles>,
    limits: &Limits,
    clock: Clock,
) -> Result<Option<Arc<TlsState>>, StartError> {
    let Some(files) = files else { return Ok(None) };
    let state = TlsState::new(files, limits.tls_handshakes, clock);
    state.map(|state| Some(Arc::new(state))).map_err(|faults| StartError::Tls(TlsFaults(faults)))
}

fn shard_ends(limits: &Limits) -> io::Result<(UnboundedSender<ToShard>, Ends)> {
    let (sender, inbox) = unbounded_channel();
    let ends = Ends {
        batch_queue: Arc::new(BatchQueue::new(limits.shard_queue_ticks)),
        wake: Arc::new(Notify::new()),
        inbox,
        runtime: Builder::new_current_thread().enable_all().build()?,
        interest: Arc::default(),
    };
    Ok((sender, ends))
}

fn outlet(ends: &Ends) -> Outlet {
    let wake = Arc::clone(&ends.wake);
    Outlet {
        queue: Arc::clone(&ends.batch_queue),
        wake: Box::new(move || wake.notify_one()),
        interest: Arc::clone(&ends.interest),
    }
}

fn start_shard(
    number: usize,
    ends: Ends,
    listeners: &[(Role, TcpListener)],
    server: &Arc<ServerState>,
    app: &Arc<App>,
) -> io::Result<JoinHandle<()>> {
    let (server, app) = (Arc::clone(server), Arc::clone(app));
    let listeners = {
        let _entered = ends.runtime.enter();
        let watched = listeners.iter().map(|(role, listener)| Ok((*role, listener::watch(listener)?)));
        watched.collect::<io::Result<Vec<_>>>()?
    };
    thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
        let serve = move |shard: &Rc<Shard>, connection| {
            tokio::task::spawn_local(http::serve(Arc::clone(&app), Rc::clone(shard), connection));
        };
        let shard = Shard::new(number, server, ends.batch_queue, ends.wake, ends.interest, Box::new(serve));
        LocalSet::new().block_on(&ends.runtime, shard.run(ends.inbox, listeners));
    })
}

/// Runs a feed on its own thread, which is never joined: it may be blocked in a read that only its peer can end.
fn start_feed(feed: Box<dyn Feed>, mut sink: FeedSink, stop: &Stop) -> io::Result<()> {
    let stop = stop.clone();
    let status = Arc::clone(&sink.status);
    let thread = thread::Builder::new().name(format!("feed-{}", status.name));
    thread.spawn(move || {
        let result = feed.run(&mut sink, &stop);
        if stop.is_set() {
            return;
        }
        match result {
            Ok(()) => {
                tracing::info!(feed = status.name, "the feed has ended");
                status.set_condition(Condition::Ended);
            }
            Err(error) => {
                let why = with_sources(&error);
                tracing::error!(feed = status.name, error = why, "the feed has failed");
                status.set_condition(Condition::Failed(why));
            }
        }
        sink.ingest.close(status.id);
    })?;
    Ok(())
}

/// A unique epoch: the start time in letters and digits.
fn new_epoch(clock: &Clock) -> String {
    let mut micros = clock.now().micros().unsigned_abs();
    let mut text = Vec::new();
    while micros > 0 {
        let digit = u8::try_from(micros % 36).unwrap_or_default();
        text.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        micros /= 36;
    }
    text.reverse();
    String::from_utf8(text).unwrap_or_default()
}
