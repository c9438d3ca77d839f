//! [`Service`]: the running service: counts, reload, and shutdown in two phases.
//!
//! Its start is in `start.rs`. Nothing here is on the path of a tick. A call waits for shards at most
//! [`SHARDS_ANSWER`].

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, PoisonError, atomic::Ordering, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    access::Products,
    feed::{
        Source,
        replay::ReplayControl,
        source::SourceKind,
        upstream::{UpstreamConfig, driver::control::SymbolsChange},
    },
    limits::Limits,
    memory,
    proxies::TrustedProxies,
    server::{admission::balancer::Role, intake::FeedStatus, listener, message::ToShard, state::ServerState},
    session::stats::ShardReport,
    shutdown::Stop,
    web::AllowedOrigins,
    wire::CloseReason,
};

#[cfg(feature = "tls")]
use crate::{
    access::{faults::AuthFault, settings::AuthSettings},
    server::keys::AuthWatch,
};

/// The running service.
pub struct Service {
    pub address: SocketAddr,
    /// The operators' address, if separate.
    pub admin_address: Option<SocketAddr>,
    /// Whether TLS is used, on every address.
    pub is_tls: bool,
    pub epoch: String,
    pub shards: usize,
    pub(super) server: Arc<ServerState>,
    /// Kept so that the addresses stay bound until the end.
    pub(super) listeners: Vec<(Role, TcpListener)>,
    pub(super) stop_feeds: Stop,
    pub(super) shard_threads: Vec<JoinHandle<()>>,
    pub(super) feeds: Vec<Arc<FeedStatus>>,
    #[cfg(feature = "tls")]
    pub(super) auth: AuthWatch,
}

/// Counts since the service started, and gauges.
#[derive(Debug)]
pub struct Figures {
    /// Ticks ingested from all feeds.
    pub ticks: u64,
    /// Summed over the shards that answered.
    pub report: ShardReport,
    pub shards_silent: usize,
}

/// The outcome of a drain in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drained {
    /// Sessions that the drain ended, on shards that are done.
    pub sessions: u64,
    /// Of these, sessions cut off because they accepted no bytes.
    pub cut: u64,
    /// Sessions still open.
    pub left: usize,
}

/// How often to check whether the shards have ended; a join cannot have a deadline.
const POLL: Duration = Duration::from_millis(5);
/// Maximum wait for shards to handle a request, which each does between two turns.
const SHARDS_ANSWER: Duration = Duration::from_secs(2);

impl Service {
    pub fn feed_names(&self) -> impl Iterator<Item = &str> {
        self.feeds.iter().map(|feed| feed.name.as_str())
    }

    /// Switches to new access settings, and rereads all their files.
    ///
    /// # Errors
    /// All errors of all files; then nothing changes.
    #[cfg(feature = "tls")]
    pub fn reload_auth(&self, settings: AuthSettings) -> Result<(), Vec<AuthFault>> {
        self.auth.reload(settings)
    }

    /// Applies changed delays of the same products and symbols; done when [`Self::reload`] returns.
    pub fn reload_delays(&self, products: &Arc<Products>) {
        let node = &self.server.node;
        let Some(delayed) = node.ingest.delayed() else { return };
        let before = delayed.products();
        if before != *products && before.are_of_same_symbols(products) {
            node.ingest.change_delays(Arc::clone(products), node.market.now());
        }
    }

    /// The handles of its replays.
    pub fn replays(&self) -> impl Iterator<Item = Arc<ReplayControl>> + '_ {
        self.feeds.iter().filter_map(|feed| feed.replay.clone())
    }

    /// The number of clients subscribed now.
    pub fn clients(&self) -> usize {
        self.server.node.ingest.readers.clients()
    }

    /// Whether every session has been sent everything due of what was ingested so far.
    pub fn is_caught_up(&self) -> bool {
        let as_of = self.server.node.market.now();
        let replies = self.server.inboxes.iter().map(|inbox| {
            let (reply, answer) = mpsc::channel();
            let reply = move |is_caught_up| {
                let _ = reply.send(is_caught_up);
            };
            // A shard that has ended has no sessions left.
            let _ = inbox.send(ToShard::CaughtUp(as_of, Box::new(reply)));
            answer
        });
        replies.collect::<Vec<_>>().into_iter().all(|answer| answer.recv().unwrap_or(true))
    }

    /// The number of sessions open now.
    pub fn sessions(&self) -> usize {
        self.server.node.sessions.load(Ordering::Relaxed)
    }

    /// The counts, at about this moment.
    pub fn figures(&self) -> Figures {
        let replies: Vec<_> = self
            .server
            .inboxes
            .iter()
            .map(|inbox| {
                let (reply, answer) = oneshot::channel();
                // A shard that has ended does not answer; handled below.
                let _ = inbox.send(ToShard::Report(reply));
                answer
            })
            .collect();
        let deadline = Instant::now() + SHARDS_ANSWER;
        let ticks = self.feeds.iter().map(|feed| feed.ingested.load(Ordering::Relaxed)).sum();
        let mut figures = Figures { ticks, report: ShardReport::default(), shards_silent: 0 };
        for answer in replies {
            match answered(answer, deadline) {
                Some(report) => figures.report.add(&report),
                None => figures.shards_silent += 1,
            }
        }
        figures
    }

    /// Returns memory of ended sessions to the system; returns how long the allocator took.
    pub fn shrink(&self) -> Duration {
        self.ask_all(ToShard::Shrink);
        memory::give_back()
    }

    /// The number of sessions opened since the start.
    pub fn opened(&self) -> u64 {
        self.server.node.session_numbers.load(Ordering::Relaxed)
    }

    /// Asks every shard, and waits until each has answered or counts as stuck.
    fn ask_all(&self, question: impl Fn(mpsc::Sender<()>) -> ToShard) {
        let (done, all_done) = mpsc::channel();
        for inbox in &self.server.inboxes {
            // A shard that has ended has nothing to do.
            let _ = inbox.send(question(done.clone()));
        }
        drop(done);
        let deadline = Instant::now() + SHARDS_ANSWER;
        // The channel ends when every shard has answered or has ended.
        while all_done.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }

    /// Logs which certificates are in use.
    pub fn tell_certificates(&self) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.server.tls {
            tls.tell();
        }
    }

    /// Switches venue feeds to other symbols, without a reconnect. `false`, and nothing changes, if the feeds differ in
    /// anything else.
    pub fn reload_symbols(&self, feeds: &[String]) -> bool {
        let sources: Vec<Source> = feeds.iter().filter_map(|feed| Source::parse(feed).ok()).collect();
        let of = |source: &Source| {
            let SourceKind::Upstream(config) = &source.kind else { return None };
            let status = self.feeds.iter().find(|status| status.name == source.name())?;
            Some((status.clone(), status.upstream.clone()?, UpstreamConfig::clone(config)))
        };
        let found: Vec<_> = sources.iter().filter_map(of).collect();
        let is_all = found.len() == self.feeds.iter().filter(|status| status.upstream.is_some()).count();
        if sources.len() != feeds.len()
            || !is_all
            || !found.iter().all(|(_, control, new)| control.may_become(new))
        {
            return false;
        }
        for (status, control, new) in found {
            let SymbolsChange { added, removed } = control.take(&new);
            if !added.is_empty() || !removed.is_empty() {
                let (added, removed) = (added.len(), removed.len());
                tracing::info!(feed = status.name, added, removed, "symbols of a feed changed");
            }
        }
        true
    }

    /// Applies the settings that may change at run time; the others must be unchanged. On return every shard uses them,
    /// unless it is stuck.
    pub fn reload(&self, limits: Limits, allowed_origins: &[String], trusted_proxies: &[String]) {
        let (server, node) = (&self.server, &self.server.node);
        server.balancer.set_limits(&limits);
        node.ingest.set_topics_max(limits.topics);
        node.ingest.set_tape_limits(&limits);
        for (_, listener) in &self.listeners {
            if let Err(error) = listener::retune(listener, &limits) {
                tracing::warn!(%error, "connections to come keep the old time without an acknowledgement");
            }
        }
        if *node.limits != limits {
            node.limits.set(limits);
        }
        let allowed_origins = AllowedOrigins::new(allowed_origins);
        if *server.allowed_origins != allowed_origins {
            server.allowed_origins.set(allowed_origins);
        }
        let proxies = TrustedProxies::new(trusted_proxies);
        if *server.proxies != proxies {
            server.proxies.set(proxies);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &server.tls {
            tls.reload();
        }
        self.ask_all(ToShard::Reload);
    }

    /// Ends readiness, so that load balancers send no new clients. Service continues unchanged.
    pub fn leave(&self) {
        self.server.leaving.store(true, Ordering::Relaxed);
    }

    /// Starts to drain: no client is admitted, no tick ingested; sessions are sent what is due, and end.
    pub fn drain(&self) {
        self.leave();
        self.server.draining.store(true, Ordering::Relaxed);
        self.stop_feeds.set();
        for inbox in &self.server.inboxes {
            // A shard that has ended already needs no message.
            let _ = inbox.send(ToShard::Drain);
        }
    }

    /// Whether every session and every shard has ended.
    pub fn is_drained(&self) -> bool {
        self.shard_threads.iter().all(JoinHandle::is_finished)
    }

    /// Drains, and waits until every session has ended or the deadline has passed; returns whether all ended in time.
    pub fn stop(self) -> bool {
        let deadline = self.server.node.clock.now().plus(self.server.node.limits.drain);
        self.drain();
        while !self.is_drained() && self.server.node.clock.now() < deadline {
            thread::sleep(POLL);
        }
        self.is_drained()
    }

    /// Writes the pending usage audit, after a drain.
    pub fn close_audit(&self) {
        if let Some(audit) = &self.server.node.audit {
            audit.close(self.server.node.clock.now());
        }
    }

    /// The outcome of a drain: sessions ended, cut off, and left.
    pub fn drained(&self) -> Drained {
        let ended = self.server.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let all = ended.values().fold(ShardReport::default(), |mut all, report| {
            all.add(report);
            all
        });
        let closed = all.stats.closed[CloseReason::Drain as usize];
        Drained { sessions: closed, cut: all.stats.cut, left: self.sessions() }
    }
}

/// This channel has no blocking receive with a deadline, and the answer comes within milliseconds.
fn answered<T>(mut answer: oneshot::Receiver<T>, deadline: Instant) -> Option<T> {
    loop {
        match answer.try_recv() {
            Ok(answer) => return Some(answer),
            Err(TryRecvError::Empty) if Instant::now() < deadline => thread::sleep(POLL),
            Err(_) => return None,
        }
    }
}
