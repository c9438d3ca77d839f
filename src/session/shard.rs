//! One shard: a thread's sessions, and the turn in which everything that waits is done.
//!
//! Smart batching: a turn takes in all ticks that wait, marks cursors, and then writes once for each session touched.
//! Under load the batches grow and the cost of a message falls; when there is slack a tick is on the wire at once.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
    time::{Instant, MissedTickBehavior},
};

use super::{
    accept::{Places, Rejected},
    pace::Pace,
    state::Session,
    stats::{LimitHit, Report, Stats},
};
use crate::{
    clock::Clock,
    fanout::{Fanout, Notice, SessionKey},
    limits::Limits,
    tick::Nanos,
    topic::{Batch, Ingest, handover::Handover},
    wire::{CloseReason, Control, Framer, command::CommandReader},
};

/// What all shards share; read only, or counted in atomics.
pub struct Shared {
    pub limits: Limits,
    pub epoch: String,
    pub clock: Clock,
    pub ingest: Arc<Ingest>,
    /// Origins that pages may come from, beside the server's own; `*` for all.
    pub allowed_origins: Vec<String>,
    pub sessions: AtomicUsize,
    pub session_numbers: AtomicU64,
    pub places: Places,
    pub rejected: Rejected,
    pub draining: AtomicBool,
    /// Last words of shards that have ended, by their numbers: the books balance until the process is gone.
    pub ended: Mutex<HashMap<usize, Report>>,
}

/// What other threads ask of a shard.
pub enum ToShard {
    Connection(std::net::TcpStream, SocketAddr),
    Report(oneshot::Sender<Report>),
    Slowest(usize, oneshot::Sender<Vec<SlowSession>>),
    Drain,
}

/// A session, as `GET /debug/slow` shows it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SlowSession {
    /// As its `welcome` named it.
    pub session: String,
    pub peer: String,
    pub pace: crate::wire::control::Pace,
    /// Why it stands here, for a person.
    pub why: String,
    /// Since when it has been behind without a break.
    pub behind_ms: u64,
    /// Since the socket last took a byte, when it takes none.
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

pub struct Shard {
    pub shared: Arc<Shared>,
    number: usize,
    pub core: RefCell<Core>,
    handover: Arc<Handover<Batch>>,
    wake: Arc<Notify>,
}

/// What the turn works on. Borrowed for the length of a call, never across an await.
pub struct Core {
    pub shared: Arc<Shared>,
    pub fanout: Fanout,
    pub framer: Framer,
    /// By their place in the fan-out.
    pub sessions: Vec<Option<Box<Session>>>,
    pub stats: Stats,
    pub reader: CommandReader,
    pub scratch: Vec<u8>,
    pub draining_since: Option<Nanos>,
    batches: Vec<Arc<Batch>>,
    pace: Pace,
    round: Round,
}

/// Everyone who has something to send when it begins is written to once.
#[derive(Clone, Copy, Default)]
struct Round {
    sessions_left: usize,
    /// What had been sent before it.
    frames: u64,
    ticks: u64,
}

/// Sessions that one slice of a turn writes to before the runtime gets its share, and new ticks are looked for.
const SESSIONS_A_SLICE: usize = 128;
/// How often deadlines are looked at. No session has a timer of its own.
const SWEEP: Duration = Duration::from_millis(250);

impl Shard {
    pub fn new(
        number: usize,
        shared: Arc<Shared>,
        handover: Arc<Handover<Batch>>,
        wake: Arc<Notify>,
    ) -> Rc<Self> {
        let now = shared.clock.now();
        let pause_nanos = u64::try_from(shared.limits.pause.as_nanos()).unwrap_or(u64::MAX);
        let core = Core {
            fanout: Fanout::new(now, shared.limits.stale, shared.limits.subscriptions),
            framer: Framer::new(shared.limits.frame_bytes),
            sessions: Vec::new(),
            stats: Stats::default(),
            reader: CommandReader::new(),
            scratch: Vec::new(),
            draining_since: None,
            batches: Vec::new(),
            pace: Pace::new(now, pause_nanos),
            round: Round::default(),
            shared: Arc::clone(&shared),
        };
        Rc::new(Shard { shared, number, core: RefCell::new(core), handover, wake })
    }

    /// Serves until drained. `serve` is given each new connection, and spawns what it needs on this thread.
    pub async fn run(
        self: Rc<Self>,
        mut inbox: mpsc::UnboundedReceiver<ToShard>,
        serve: impl Fn(&Rc<Self>, TcpStream, SocketAddr),
    ) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.core.borrow_mut().turn(&self.handover);
            if self.core.borrow().is_drained() {
                let report = self.core.borrow_mut().report();
                self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number, report);
                return;
            }
            // With work left, only look whether anything else is there, and give the runtime its share.
            let wait = match due {
                Due::Now => Duration::ZERO,
                Due::At(time) => Duration::from_nanos(time.since(self.shared.clock.now())),
                Due::Never => SWEEP,
            };
            tokio::select! {
                // In the order of urgency; every branch can be dropped without loss: permits and messages stay.
                biased;
                Some(message) = inbox.recv() => {
                    self.handle(message, &serve);
                    // In a storm of clients each is let in before the next: a handshake costs ten times the memory of
                    // the session that comes of it.
                    tokio::task::yield_now().await;
                }
                _ = sweep.tick() => self.core.borrow_mut().sweep(),
                () = self.wake.notified() => {}
                () = rest(wait) => {}
            }
        }
    }

    /// Asks for a turn, from this thread: a command has made sessions ready.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    fn handle(self: &Rc<Self>, message: ToShard, serve: &impl Fn(&Rc<Self>, TcpStream, SocketAddr)) {
        match message {
            ToShard::Connection(stream, peer) => match TcpStream::from_std(stream) {
                Ok(stream) => serve(self, stream, peer),
                Err(error) => tracing::warn!(%peer, %error, "a connection could not be registered"),
            },
            // Whoever asked may have gone; then nobody misses the answer.
            ToShard::Report(reply) => drop(reply.send(self.core.borrow_mut().report())),
            ToShard::Slowest(count, reply) => drop(reply.send(self.core.borrow().slowest(count))),
            ToShard::Drain => self.core.borrow_mut().drain(),
        }
    }
}

/// When the next turn is wanted.
enum Due {
    Now,
    At(Nanos),
    Never,
}

async fn rest(wait: Duration) {
    if wait.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep_until(Instant::now() + wait).await;
    }
}

impl Core {
    /// Takes in what waits and writes to a slice of the sessions that it concerns.
    fn turn(&mut self, handover: &Handover<Batch>) -> Due {
        let now = self.shared.clock.now();
        if !self.pace.may_write(now) {
            return Due::At(self.pace.until());
        }
        self.take_in(handover, now);
        if self.round.sessions_left == 0 {
            let Stats { frames_sent, .. } = self.stats;
            let ticks = self.fanout.delivered();
            self.round = Round { sessions_left: self.fanout.ready(), frames: frames_sent, ticks };
        }
        let slice = self.round.sessions_left.min(SESSIONS_A_SLICE);
        for _ in 0..slice {
            let Some(key) = self.fanout.next_ready() else { break };
            self.flush(key);
        }
        let done = self.shared.clock.now();
        self.pace.worked(now, done);
        self.round.sessions_left = (self.round.sessions_left - slice).min(self.fanout.ready());
        if self.round.sessions_left == 0 && slice > 0 {
            let frames = self.stats.frames_sent - self.round.frames;
            self.pace.round_is_over(done, frames, self.fanout.delivered() - self.round.ticks);
        }
        if self.fanout.has_ready() {
            return if self.pace.may_write(done) { Due::Now } else { Due::At(self.pace.until()) };
        }
        self.fanout.next_due().map_or(Due::Never, Due::At)
    }

    /// Takes in the batches that wait, and the time: sessions become ready.
    fn take_in(&mut self, handover: &Handover<Batch>, now: Nanos) {
        let mut batches = std::mem::take(&mut self.batches);
        let shared = Arc::clone(&self.shared);
        if handover.take(&mut batches).missed {
            self.stats.resyncs += 1;
            self.stats.limits[LimitHit::ShardQueue as usize] += 1;
            self.fanout.resync(now, &*shared.ingest);
        }
        for batch in batches.drain(..) {
            self.fanout.apply(&batch, now, &*shared.ingest);
        }
        self.batches = batches;
        self.fanout.advance(now);
        self.tell();
    }

    /// Puts what sessions must be told on their control lanes.
    pub fn tell(&mut self) {
        for notice in self.fanout.take_notices() {
            match notice {
                Notice::State { session, symbol, state } => {
                    self.control(session, &Control::SymbolStatus { symbol: symbol.as_str(), state });
                    self.fanout.make_ready(session);
                }
                Notice::Full { session, symbol } => {
                    self.tell_full(session, &symbol);
                    self.fanout.make_ready(session);
                }
            }
        }
    }

    pub fn session(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.sessions.get_mut(key.0 as usize)?.as_deref_mut()
    }

    /// Takes a session in, and says welcome.
    pub fn open(&mut self, session: Session) -> SessionKey {
        let key = self.fanout.open();
        let place = key.0 as usize;
        if place >= self.sessions.len() {
            self.sessions.resize_with(place + 1, || None);
        }
        let number = format!("{}", session.number);
        self.sessions[place] = Some(Box::new(session));
        self.stats.opened += 1;
        self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        self.control(key, &Control::welcome(&number, &shared.epoch, &shared.limits));
        if self.draining_since.is_some() {
            self.drain_session(key);
        }
        key
    }

    /// Appends to a session's control lane; a lane that grows beyond its limit ends the session.
    pub fn control(&mut self, key: SessionKey, message: &Control<'_>) {
        let most = self.shared.limits.control_bytes;
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        if session.closing.is_some() {
            return;
        }
        let framing = session.framing();
        crate::wire::frame::write_control(message, framing, &mut self.scratch, &mut session.control);
        session.control_frames += 1;
        session.frame_at = self.shared.clock.now();
        if self.scratch.capacity() > 64 * 1024 {
            self.scratch = Vec::new();
        }
        if session.control.len() > most {
            self.stats.limits[LimitHit::ControlBytes as usize] += 1;
            self.close(key, CloseReason::MemoryBudget);
        }
    }

    fn report(&mut self) -> Report {
        let mut report = Report {
            accounts: self.fanout.accounts(),
            stats: self.stats.clone(),
            subscriptions: self.fanout.subscriptions(),
            ..Report::default()
        };
        for session in self.sessions.iter().flatten().filter(|session| session.is_open()) {
            match session.pace {
                crate::wire::control::Pace::Live => report.live += 1,
                crate::wire::control::Pace::Conflating => report.conflating += 1,
            }
        }
        report
    }

    fn is_drained(&self) -> bool {
        self.draining_since.is_some() && self.sessions.iter().all(Option::is_none)
    }
}
