//! The state that a shard's turn works on, and the turn itself: it takes in everything that waits, then writes.
//!
//! Smart batching: a turn takes in all ticks that wait, marks cursors, and then writes once to each session concerned.
//! Under load the batches grow and the cost of a message falls. With slack a tick is written at once.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::net::TcpStream;

use super::{
    agent::Agents,
    flush::Made,
    pace::Pace,
    shard::Shared,
    socket::SessionSocket,
    state::Session,
    stats::{LimitHit, Stats},
    work::{self, Work},
};
use crate::{
    fanout::{Fanout, Notice, SessionKey, Units},
    limits::Limits,
    planted::{Fault, is_planted},
    tick::Nanos,
    topic::{Batch, BatchQueue},
    wire::{CloseReason, Control, Encoding, Framer, assembled::Welcome, command::CommandReader},
};

/// The state of the turn. It is borrowed for the length of a call, never across an await.
pub struct Core<S = TcpStream> {
    pub shared: Arc<Shared>,
    /// The shard's number, from 0.
    number: usize,
    /// The order of the last tick that arrived here.
    taken: u64,
    /// The order up to which records make up for the last loss of batches.
    resync_to: u64,
    pub fanout: Fanout,
    pub framer: Framer,
    /// By their index in the fan-out.
    pub sessions: Vec<Option<Box<Session<S>>>>,
    pub stats: Stats,
    pub reader: CommandReader,
    pub agents: Agents,
    pub scratch: Vec<u8>,
    /// The message under the present limits; `None` until the next session opens.
    welcome: Option<Welcome>,
    pub draining_since: Option<Nanos>,
    /// Every feed is a replay that has ended. A session that has been sent everything then ends too.
    pub over: bool,
    /// Ingest reads here whether batches should carry their ticks.
    wants_ticks: Arc<AtomicBool>,
    batches: Vec<Arc<Batch>>,
    /// The index of the next batch.
    batch_at: usize,
    /// Notices that sessions have not been sent yet, in order.
    untold: VecDeque<Notice>,
    pub(super) work: Work,
    pace: Pace,
    round: Round,
    /// The `id` line of an event stream, written before a frame. Kept for its capacity.
    pub(super) position_line: Vec<u8>,
    /// Frames of the current group that are encoded and not yet sent.
    pub(super) made: Vec<(SessionKey, Made)>,
}

/// One round of writes: each session that has something to send when it begins is written to once.
#[derive(Clone, Copy, Default)]
struct Round {
    sessions_left: usize,
    /// Frames sent before the round.
    frames: u64,
    ticks: u64,
}

/// Sessions that one slice of a turn writes to. Then the runtime gets its share, and new ticks are taken in.
const SESSIONS_A_SLICE: usize = 128;

/// What one turn spends on work that may come in bulk, about half a millisecond: symbols that are listed, topics that
/// end or are caught up with, intervals that end, and states that sessions are sent.
const CROWD_UNITS: u32 = 16 * 1024;
/// To send a session a state.
const TELL_UNITS: usize = 16;
/// To change a topic's state.
const STATE_UNITS: usize = 4;

/// When the next turn is due.
pub enum Due {
    Now,
    At(Nanos),
    Never,
}

impl<S: SessionSocket> Core<S> {
    pub fn new(shared: &Arc<Shared>, number: usize, wants_ticks: Arc<AtomicBool>) -> Self {
        let now = shared.clock.now();
        let limits: &Limits = &shared.limits;
        Core {
            number,
            taken: 0,
            resync_to: 0,
            over: false,
            fanout: Fanout::new(shared.market.at(now), limits.stale, limits.subscriptions),
            framer: Framer::new(limits.frame_bytes),
            sessions: Vec::new(),
            stats: Stats::default(),
            reader: CommandReader::new(),
            agents: Agents::default(),
            scratch: Vec::new(),
            welcome: None,
            draining_since: None,
            wants_ticks,
            batches: Vec::new(),
            batch_at: 0,
            untold: VecDeque::new(),
            work: Work::default(),
            pace: Pace::new(now, pause_nanos(limits)),
            round: Round::default(),
            position_line: Vec::new(),
            made: Vec::new(),
            shared: Arc::clone(shared),
        }
    }

    /// Reads the present limits again, where the core holds copies of them.
    pub fn reload(&mut self) {
        let limits: &Limits = &self.shared.limits;
        let market = self.shared.market.now();
        self.fanout.set_limits(market, limits.stale, limits.subscriptions);
        if !is_planted(Fault::ForgetsReload) {
            self.framer.set_frame_bytes(limits.frame_bytes);
        }
        self.pace.set_pause_max(pause_nanos(limits));
        self.welcome = None;
        self.tell(&mut Units::new(CROWD_UNITS));
    }

    /// Frees the memory of sessions that have ended, in slices; `done` is notified at the end.
    pub fn shrink(&mut self, done: std::sync::mpsc::Sender<()>) {
        while self.sessions.pop_if(|session| session.is_none()).is_some() {}
        self.sessions.shrink_to_fit();
        (self.scratch, self.made) = (Vec::new(), Vec::new());
        self.framer.shrink();
        if self.batches.is_empty() {
            self.batches = Vec::new();
        }
        self.work.shrink(done);
    }

    /// The order of the last tick that arrived here.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes in what waits, and writes to a slice of the sessions concerned.
    pub fn turn(&mut self, batch_queue: &BatchQueue<Batch>) -> Due {
        let now = self.shared.clock.now();
        if !self.pace.may_write(now) {
            self.work(now);
            return if self.has_work() { Due::Now } else { Due::At(self.pace.until()) };
        }
        self.take_in(batch_queue, now, Units::new(CROWD_UNITS));
        if self.round.sessions_left == 0 {
            let Stats { frames_sent, .. } = self.stats;
            let ticks = self.fanout.delivered();
            self.round = Round { sessions_left: self.fanout.ready(), frames: frames_sent, ticks };
        }
        let slice = self.round.sessions_left.min(SESSIONS_A_SLICE);
        let mut done = self.shared.clock.now();
        let served = self.serve(slice, &mut done);
        self.pace.worked(now, done);
        self.round.sessions_left = (self.round.sessions_left - served).min(self.fanout.ready());
        if self.round.sessions_left == 0 && slice > 0 {
            let frames = self.stats.frames_sent - self.round.frames;
            self.pace.round_is_over(done, frames, self.fanout.delivered() - self.round.ticks);
        }
        self.work(done);
        self.note_mark(done);
        if self.has_work() || self.has_untaken() {
            return Due::Now;
        }
        if self.fanout.has_ready() {
            return if self.pace.may_write(done) { Due::Now } else { Due::At(self.pace.until()) };
        }
        self.fanout.next_due().map_or(Due::Never, |due| Due::At(self.shared.market.when(due)))
    }

    /// Reports this shard's progress to a replay that waits for its readers.
    fn note_mark(&mut self, now: Nanos) {
        let readers = &self.shared.ingest.readers;
        if !readers.is_watched() || is_planted(Fault::ForgetsMark) {
            return;
        }
        let sessions = &self.sessions;
        let is_waited_for = |key: SessionKey| {
            let session = sessions.get(key.0 as usize).and_then(Option::as_deref);
            session.is_some_and(|session| session.is_waited_for(now))
        };
        let mark = self.fanout.low_water(self.taken, readers.held_max(), is_waited_for);
        readers.note(self.number, if is_planted(Fault::InventsMark) { u64::MAX } else { mark });
    }

    /// Takes in the batches that wait, and the time: sessions become ready. Work that comes in bulk is done as far as
    /// the units last. What follows it waits in the batch queue, which is bounded.
    pub(super) fn take_in(&mut self, batch_queue: &BatchQueue<Batch>, now: Nanos, mut units: Units) {
        let market = self.shared.market.at(now);
        let had_rest = !self.batches.is_empty() || self.fanout.is_resyncing();
        if !had_rest {
            self.take_batches(batch_queue);
        }
        // Reading the time costs more than the work of an ordinary turn.
        let begun = (had_rest || self.is_crowd()).then(work::thread_nanos);
        if self.apply_batches(market, &mut units) && had_rest {
            self.take_batches(batch_queue);
            self.apply_batches(market, &mut units);
        }
        self.publish_interest();
        self.fanout.advance_some(market, &mut units);
        self.tell(&mut units);
        if let Some(begun) = begun {
            self.time_slice(units.spent(), Some(begun));
        }
    }

    /// Whether there is more to take in than ticks of known topics.
    fn is_crowd(&self) -> bool {
        let is_crowd = |batch: &Arc<Batch>| !batch.new_topics.is_empty() || !batch.states.is_empty();
        self.fanout.is_resyncing() || self.batches.iter().any(is_crowd)
    }

    /// Whether the last turn's units ran out before everything was taken in.
    fn has_untaken(&self) -> bool {
        !self.batches.is_empty()
            || self.fanout.is_resyncing()
            || self.fanout.is_advancing()
            || self.has_untold()
    }

    fn take_batches(&mut self, batch_queue: &BatchQueue<Batch>) {
        if batch_queue.take(&mut self.batches).missed {
            self.stats.resyncs += 1;
            self.stats.limits[LimitHit::ShardQueue as usize] += 1;
            // No batch will report what was lost, and a feed that waits for its readers would wait for ever. The order
            // is read first: the records, read after it, are at least as new.
            self.resync_to = self.shared.ingest.order();
            if !is_planted(Fault::SkipsResync) {
                self.fanout.begin_resync();
            }
        }
    }

    /// Returns whether all batches that were taken are applied.
    fn apply_batches(&mut self, market: Nanos, units: &mut Units) -> bool {
        let shared = Arc::clone(&self.shared);
        if !self.fanout.resync_some(market, &*shared.ingest, units) {
            return false;
        }
        self.taken = self.taken.max(self.resync_to);
        while let Some(batch) = self.batches.get(self.batch_at) {
            if !batch.new_topics.is_empty() || !batch.states.is_empty() {
                let before = units.spent();
                let all = !units.is_spent() && self.fanout.list_some(&batch.new_topics, units);
                self.stats.work_units += (units.spent() - before) as u64;
                if !all {
                    return false;
                }
            }
            self.taken = self.taken.max(batch.order);
            units.spend(STATE_UNITS * batch.states.len());
            if batch.order % 7 != 0 || !is_planted(Fault::LosesBatch) {
                self.fanout.apply(batch, market, &*shared.ingest);
            }
            self.batch_at += 1;
        }
        self.batches.clear();
        self.batch_at = 0;
        true
    }

    /// Tells ingest whether this shard's subscriptions need single ticks.
    pub fn publish_interest(&self) {
        self.wants_ticks.store(self.fanout.wants_ticks(), Ordering::Relaxed);
    }

    /// Puts notices on the sessions' control queues, as far as the units last. A notice that has waited for a turn may
    /// be out of date. Then a newer one follows it, or the session was told when it subscribed.
    pub fn tell(&mut self, units: &mut Units) {
        let is_late = self.has_untold();
        self.untold.extend(self.fanout.take_notices());
        while !units.is_spent() {
            let Some(notice) = self.untold.pop_front() else { break };
            units.spend(TELL_UNITS);
            match notice {
                Notice::State { session, symbol, state } => {
                    if is_late && self.fanout.told_state(session, &symbol) != Some(state) {
                        continue;
                    }
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

    /// Whether there are notices that sessions have not been sent.
    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    pub fn session(&mut self, key: SessionKey) -> Option<&mut Session<S>> {
        self.sessions.get_mut(key.0 as usize)?.as_deref_mut()
    }

    /// Adds a session, and sends `head` and then its `welcome`.
    pub fn open(&mut self, mut session: Session<S>, head: Vec<u8>) -> SessionKey {
        let key = self.fanout.open();
        let place = key.0 as usize;
        if place >= self.sessions.len() {
            self.sessions.resize_with(place + 1, || None);
        }
        let number = session.number;
        session.control = head;
        self.sessions[place] = Some(Box::new(session));
        self.stats.opened += 1;
        self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        let shared = &self.shared;
        let welcome = self.welcome.take().unwrap_or_else(|| Welcome::new(&shared.epoch, &shared.limits));
        self.control_with(key, |encoding, payload| encoding.write_welcome(&welcome, number, payload));
        self.welcome = Some(welcome);
        if self.draining_since.is_some() {
            self.drain_session(key);
        }
        key
    }

    /// Appends to a session's control queue. A queue that grows beyond its limit ends the session.
    pub fn control(&mut self, key: SessionKey, message: &Control<'_>) {
        self.control_with(key, |encoding, payload| encoding.write_control(message, payload));
    }

    fn control_with(&mut self, key: SessionKey, write: impl FnOnce(Encoding, &mut Vec<u8>)) {
        let session = self.session(key).filter(|session| session.is_open());
        let Some(encoding) = session.map(|session| session.encoding()) else { return };
        self.scratch.clear();
        write(encoding, &mut self.scratch);
        let payload = std::mem::take(&mut self.scratch);
        if !payload.is_empty() {
            self.control_payload(key, &payload);
        }
        if payload.capacity() <= 64 * 1024 {
            self.scratch = payload;
        }
    }

    /// As [`Self::control`], with a message that is already encoded as in its frame.
    pub fn control_payload(&mut self, key: SessionKey, payload: &[u8]) {
        let most = self.shared.limits.control_bytes;
        let market = self.shared.market.now();
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        session.encoding().frame_control(payload, &mut session.control);
        session.control_frames += 1;
        session.frame_at = market;
        if session.control.len() > most {
            self.stats.limits[LimitHit::ControlBytes as usize] += 1;
            self.close(key, CloseReason::MemoryBudget);
        }
    }

    pub fn is_drained(&self) -> bool {
        self.draining_since.is_some() && self.sessions.iter().all(Option::is_none)
    }
}

fn pause_nanos(limits: &Limits) -> u64 {
    u64::try_from(limits.pause.as_nanos()).unwrap_or(u64::MAX)
}
