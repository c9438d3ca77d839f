//! One shard: the sessions of one thread, and the loop that runs its turns.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
    time::MissedTickBehavior,
};

use super::{
    accept::{self, Arrival, Listener, Rejected},
    alarm::Alarm,
    balancer::{ConnectionBalancer, Role},
    core::{Core, Due},
    opening::{ConnectionTask, Unread},
    places::Places,
    socket::SessionSocket,
    stats::Report,
    turns::Turns,
};
use crate::{
    clock::{Clock, MarketClock},
    limits::Limits,
    live::Live,
    throttle::Throttle,
    tick::Nanos,
    topic::{Batch, BatchQueue, Ingest},
    web::AllowedOrigins,
    wire::CloseReason,
};

/// The state that all shards share. It is read only, or counted in atomics.
pub struct Shared {
    /// The present limits: see [`ToShard::Reload`].
    pub limits: Live<Limits>,
    pub epoch: String,
    /// The machine's clock, for sockets.
    pub clock: Clock,
    /// The market's clock, for ticks and everything that follows from them.
    pub market: MarketClock,
    pub ingest: Arc<Ingest>,
    pub allowed_origins: Live<AllowedOrigins>,
    pub sessions: AtomicUsize,
    pub session_numbers: AtomicU64,
    pub places: Places,
    pub balancer: ConnectionBalancer,
    pub rejected: Rejected,
    /// A shutdown has been requested: the service runs on for a while and is not ready.
    pub leaving: AtomicBool,
    pub draining: AtomicBool,
    /// Every feed is a replay that has ended.
    pub over: AtomicBool,
    pub repeating: Repeating,
    /// Final reports of shards that have ended, by shard number: the accounts balance until the process ends.
    pub ended: Mutex<HashMap<usize, Report>>,
}

/// Warnings with a cause, such as a client or a shortage, that can recur again and again.
#[derive(Default, Debug)]
pub struct Repeating {
    pub accept_failed: Throttle,
    pub unregistered: Throttle,
    /// By the reason for which a session was closed.
    pub closed: [Throttle; CloseReason::ALL.len()],
}

/// Requests from other threads to a shard.
pub enum ToShard {
    Connection(Arrival),
    Report(oneshot::Sender<Report>),
    Slowest(usize, oneshot::Sender<Vec<SlowSession>>),
    /// The limits have changed. The shard copies those that it keeps, so that the way of a tick reads its own. Answers
    /// when it has.
    Reload(std::sync::mpsc::Sender<()>),
    Drain,
    /// Frees unused memory; answers when it has.
    Shrink(std::sync::mpsc::Sender<()>),
    /// Asks whether the shard still runs its turns.
    Alive(oneshot::Sender<()>),
    /// Whether every feed is a replay that has ended.
    Over(bool),
    /// Asks whether every session has been sent what it was due at this market time.
    Level(Nanos, LevelReply),
}

/// A function, because the asker may be a thread that blocks or a task that does not.
pub type LevelReply = Box<dyn FnOnce(bool) + Send>;

/// A session, as `GET /debug/slow` shows it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SlowSession {
    /// As its `welcome` named it.
    pub session: String,
    /// Address and port.
    pub peer: String,
    /// From its first request, cut and made printable.
    pub user_agent: String,
    pub pace: crate::wire::control::Pace,
    /// Why the session is in this list, for a person.
    pub why: String,
    /// For how long it has been behind without a break.
    pub behind_ms: u64,
    /// For how long the socket has taken no byte, when it takes none.
    pub blocked_ms: u64,
    pub dirty: usize,
    pub pending_ticks: u64,
    pub oldest_ms: u64,
    /// In the kernel, not yet sent.
    pub kernel_unsent_bytes: usize,
    /// In the session's own buffers.
    pub waiting_bytes: usize,
    pub subscriptions: usize,
    pub frames_sent: u64,
    pub bytes_sent: u64,
}

impl SlowSession {
    /// Sorts the worst first.
    pub fn rank(&self) -> impl Ord + use<> {
        std::cmp::Reverse((self.blocked_ms, self.oldest_ms, self.pending_ticks))
    }
}

/// Serves a connection that is not a plain upgrade: spawns tasks on the shard's thread.
pub type Serve<S> = Box<dyn Fn(&Rc<Shard<S>>, Unread<S>)>;

pub struct Shard<S: SessionSocket = TcpStream> {
    pub shared: Arc<Shared>,
    pub number: usize,
    pub core: RefCell<Core<S>>,
    pub serve: Serve<S>,
    pub turns: Turns,
    batch_queue: Arc<BatchQueue<Batch>>,
    wake: Arc<Notify>,
}

/// Turns that a feed may cause in a row before the runtime gets its share.
const TURNS_IN_A_ROW: u32 = 8;
/// The period of checks of deadlines. No session has a timer of its own.
pub const SWEEP: Duration = Duration::from_millis(250);

impl<S: SessionSocket> Shard<S> {
    pub fn new(
        number: usize,
        shared: Arc<Shared>,
        batch_queue: Arc<BatchQueue<Batch>>,
        wake: Arc<Notify>,
        wants_ticks: Arc<AtomicBool>,
        serve: Serve<S>,
    ) -> Rc<Self> {
        let core = RefCell::new(Core::new(&shared, number, wants_ticks));
        let turns = Turns::new(Arc::clone(&wake));
        Rc::new(Shard { shared, number, core, serve, turns, batch_queue, wake })
    }

    /// Runs one turn and returns when the next is due, or `None` when the shard is drained and has left its last
    /// report.
    pub fn turn(&self) -> Option<Due> {
        let mut core = self.core.borrow_mut();
        let due = core.turn(&self.batch_queue);
        if core.is_drained() {
            let report = core.report();
            self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number, report);
            return None;
        }
        self.turns.renew();
        Some(if self.turns.are_wanted() { Due::Now } else { due })
    }

    /// The time until `due`.
    pub fn wait(&self, due: &Due) -> Duration {
        match *due {
            Due::Now => Duration::ZERO,
            // At most until the next sweep: a market clock that stands still may never reach the time.
            Due::At(time) => Duration::from_nanos(time.since(self.shared.clock.now())).min(SWEEP),
            Due::Never => SWEEP,
        }
    }

    /// Asks for a turn, from this thread: a command has made sessions ready.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Handles a request from another thread. Connections are the driver's task, so an arrival is returned.
    pub fn handle(&self, message: ToShard) -> Option<Arrival> {
        match message {
            ToShard::Connection(arrival) => return Some(arrival),
            // If the asker has gone, nobody needs the answer.
            ToShard::Report(reply) => drop(reply.send(self.core.borrow_mut().report())),
            ToShard::Slowest(count, reply) => drop(reply.send(self.core.borrow().slowest(count))),
            ToShard::Reload(done) => {
                self.core.borrow_mut().reload();
                // The asker may have timed out.
                let _ = done.send(());
            }
            ToShard::Shrink(done) => self.core.borrow_mut().shrink(done),
            ToShard::Alive(reply) => drop(reply.send(())),
            ToShard::Drain => self.core.borrow_mut().drain(),
            ToShard::Level(as_of, reply) => reply(self.core.borrow_mut().is_level(&self.batch_queue, as_of)),
            ToShard::Over(over) => self.core.borrow_mut().set_over(over, &self.batch_queue),
        }
        None
    }
}

impl Shard {
    /// Accepts and serves until drained.
    pub async fn run(
        self: Rc<Self>,
        mut inbox: mpsc::UnboundedReceiver<ToShard>,
        listeners: Vec<(Role, Listener)>,
    ) {
        for (role, listener) in listeners {
            tokio::task::spawn_local(accept::accept(Rc::clone(&self), listener, role));
        }
        let alarm = match Alarm::new() {
            Ok(alarm) => Some(alarm),
            Err(error) => {
                tracing::warn!(%error, "there is no exact timer to be had: pauses are up to a millisecond longer");
                None
            }
        };
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_a_row = 0;
        loop {
            let Some(due) = self.turn() else { return };
            // With work left, only check whether anything else has come, and give the runtime its share.
            let wait = self.wait(&due);
            // Not a branch of the `select!`: a feed that keeps waking the shard would be ready first each time, and
            // sessions would not be read while there is work.
            if wait.is_zero() || in_a_row >= TURNS_IN_A_ROW {
                tokio::task::yield_now().await;
                in_a_row = 0;
            }
            tokio::select! {
                // In order of urgency. Every branch can be cancelled without loss: permits and messages stay.
                biased;
                Some(message) = inbox.recv() => {
                    if let Some(arrival) = self.handle(message) {
                        self.arrived(arrival);
                    }
                }
                _ = sweep.tick() => self.core.borrow_mut().sweep(),
                () = self.wake.notified() => in_a_row += 1,
                () = rest(alarm.as_ref(), wait) => in_a_row = 0,
            }
        }
    }

    /// Begins a connection.
    pub fn arrived(self: &Rc<Self>, Arrival { stream, peer, role, counted }: Arrival) {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                tokio::task::spawn_local(ConnectionTask::new(Rc::clone(self), stream, peer, role, counted));
            }
            Err(error) => {
                if let Some(suppressed) = self.shared.repeating.unregistered.pass(self.shared.clock.now()) {
                    tracing::warn!(%peer, %error, suppressed, "a connection could not be registered");
                }
            }
        }
    }
}

async fn rest(alarm: Option<&Alarm>, wait: Duration) {
    match alarm {
        // The runtime has had its share.
        _ if wait.is_zero() => {}
        Some(alarm) => alarm.rest(wait).await,
        None => tokio::time::sleep(wait).await,
    }
}
