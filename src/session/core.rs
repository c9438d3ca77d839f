//! The state of one shard's sessions. `turn.rs` is what is done with it in turns.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use super::{
    audited::AuditState,
    dialect::spelling::Spellings,
    inbound::{backlog::Backlog, lag::ReadLag},
    node::NodeState,
    outbound::{pacing::WritePacing, prepared::PreparedFrame},
    peer::UserAgents,
    socket::SessionSocket,
    state::Session,
    stats::ShardStats,
};
use crate::{
    fanout::{Fanout, Notice, SessionKey, Units},
    limits::Limits,
    planted::{Fault, is_planted},
    publish::TickDecoder,
    spans::OpenSpan,
    tick::Nanos,
    topic::{Batch, Interest},
    wire::{Framer, Inflater, assembled::Welcome, command::CommandReader, message_bytes_max},
};

/// The state of the turn. It is borrowed for the length of a call, never across an await.
pub struct Core<S> {
    pub node: Arc<NodeState>,
    /// The shard's number, from 0.
    pub(super) number: usize,
    /// The order of the last tick that arrived here.
    pub(super) taken: u64,
    /// The order up to which records make up for the last loss of batches.
    pub(super) resync_to: u64,
    pub fanout: Fanout,
    pub framer: Framer,
    /// Of compressed messages of clients.
    pub(super) inflater: Inflater,
    /// By their index in the fan-out.
    pub sessions: Vec<Option<Box<Session<S>>>>,
    pub stats: ShardStats,
    /// How often a session was polled: whether the last ones had something to read, the driver learns from it.
    pub polled: u64,
    /// How long input may have waited.
    pub lag: ReadLag,
    pub reader: CommandReader,
    pub(super) audit_state: AuditState,
    /// Of the command that is carried out now.
    pub(super) command_span: OpenSpan,
    /// For dialects, which name symbols in any case of their letters.
    pub(super) spellings: Spellings,
    /// Of published ticks; `None` until there are some.
    pub(super) decoder: Option<TickDecoder>,
    pub agents: UserAgents,
    pub scratch: Vec<u8>,
    /// The message under the present limits; `None` until the next session opens.
    welcome: Option<Welcome>,
    pub draining_since: Option<Nanos>,
    /// Every feed is a replay that has ended. A session that has been sent everything then ends too.
    pub over: bool,
    /// Ingest reads here what batches should have.
    pub(super) interest: Arc<Interest>,
    pub(super) batches: Vec<Arc<Batch>>,
    /// The index of the next batch.
    pub(super) batch_at: usize,
    /// Notices that sessions have not been sent yet, in order.
    pub(super) unsent_notices: VecDeque<Notice>,
    pub(super) backlog: Backlog,
    pub(super) pacing: WritePacing,
    pub(super) round: Round,
    /// Sessions that are sent frames at intervals, by when their next one may be sent. One that has ended meanwhile is
    /// not looked for.
    pub(super) spaced: BinaryHeap<Reverse<(Nanos, SessionKey)>>,
    /// When tokens of sessions expire. A session that has ended or renewed its token meanwhile is not looked for.
    pub(super) expiring: BinaryHeap<Reverse<(Nanos, SessionKey)>>,
    /// The first of them.
    pub(super) next_expiry: Nanos,
    /// It came after the last turn, which has to be followed by another at that time.
    pub(super) is_expiry_new: bool,
    /// The generations of the authority and of the sessions of users that sessions were looked at for.
    pub(super) rights_seen: (u64, u64),
    /// The `id` line of an event stream, written before a frame. Kept for its capacity.
    pub(super) position_line: Vec<u8>,
    /// So that no two of them are equal.
    pub(super) positions_written: u64,
    /// How far the market's time has come with the batches that were applied, where a scenario runs.
    pub(super) fault_time: Nanos,
    /// Frames of the current group that are encoded and not yet sent.
    pub(super) prepared: Vec<(SessionKey, PreparedFrame)>,
}

/// One round of writes: each session that has something to send when it begins is written to once.
#[derive(Clone, Copy, Default)]
pub(super) struct Round {
    pub sessions_left: usize,
    /// Frames sent before the round.
    pub frames: u64,
    pub ticks: u64,
}

/// A time that does not come.
pub(super) const NEVER: Nanos = Nanos(i64::MAX);

/// What one turn spends on work that may come in bulk, about half a millisecond: symbols that are listed, topics that
/// end or are caught up with, intervals that end, and states that sessions are sent.
pub(super) const BULK_UNITS: u32 = 16 * 1024;

impl<S: SessionSocket> Core<S> {
    pub fn new(node: &Arc<NodeState>, number: usize, interest: Arc<Interest>) -> Self {
        let now = node.clock.now();
        let limits: &Limits = &node.limits;
        let framer = Framer::with_message_bytes(limits.frame_bytes, message_bytes_max(&node.fields));
        let mut framer = framer.with_origin(node.origin);
        framer.deflater.set_bytes_min(limits.deflate_bytes);
        let mut fanout = Fanout::new(node.market.at(now), limits.stale, limits.subscriptions);
        fanout.set_user_subscriptions(limits.user_subscriptions);
        if node.audit.is_some() {
            fanout.keep_firsts();
        }
        fanout.count_by(Arc::clone(&node.products));
        if let Some(delayed) = node.ingest.delayed() {
            fanout.show_delayed(&delayed.rules(), Arc::clone(&node.fields));
        }
        Core {
            number,
            taken: 0,
            resync_to: 0,
            over: false,
            fanout,
            framer,
            inflater: Inflater::default(),
            sessions: Vec::new(),
            stats: ShardStats::default(),
            polled: 0,
            lag: ReadLag::default(),
            reader: CommandReader::with_fields(Arc::clone(&node.fields)),
            audit_state: AuditState::default(),
            command_span: OpenSpan::default(),
            spellings: Spellings::default(),
            decoder: None,
            agents: UserAgents::default(),
            scratch: Vec::new(),
            welcome: None,
            draining_since: None,
            interest,
            batches: Vec::new(),
            batch_at: 0,
            unsent_notices: VecDeque::new(),
            backlog: Backlog::default(),
            pacing: WritePacing::new(now, pause_nanos(limits)),
            round: Round::default(),
            spaced: BinaryHeap::new(),
            expiring: BinaryHeap::new(),
            next_expiry: NEVER,
            is_expiry_new: false,
            rights_seen: (0, 0),
            position_line: Vec::new(),
            positions_written: 0,
            fault_time: Nanos(i64::MIN),
            prepared: Vec::new(),
            node: Arc::clone(node),
        }
    }

    /// Reads the present limits again, where the core holds copies of them.
    pub fn reload(&mut self) {
        let limits: &Limits = &self.node.limits;
        let market = self.node.market.now();
        self.fanout.set_limits(market, limits.stale, limits.subscriptions);
        self.fanout.set_user_subscriptions(limits.user_subscriptions);
        if !is_planted(Fault::ForgetsReload) {
            self.framer.set_frame_bytes(limits.frame_bytes);
        }
        self.framer.deflater.set_bytes_min(limits.deflate_bytes);
        self.pacing.set_pause_max(pause_nanos(limits));
        self.welcome = None;
        self.change_delays(market);
        self.send_notices(&mut Units::new(BULK_UNITS));
    }

    /// Frees the memory of sessions that have ended, in slices; `done` is notified at the end.
    pub fn shrink(&mut self, done: std::sync::mpsc::Sender<()>) {
        while self.sessions.pop_if(|session| session.is_none()).is_some() {}
        self.sessions.shrink_to_fit();
        (self.scratch, self.prepared) = (Vec::new(), Vec::new());
        self.framer.shrink();
        self.inflater.shrink();
        self.decoder = None;
        if self.batches.is_empty() {
            self.batches = Vec::new();
        }
        self.backlog.shrink(done);
    }

    /// The order of the last tick that arrived here.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub fn session(&mut self, key: SessionKey) -> Option<&mut Session<S>> {
        self.sessions.get_mut(key.0 as usize)?.as_deref_mut()
    }

    /// Adds a session, and sends `head` and then its `welcome`.
    pub fn open(&mut self, mut session: Session<S>, head: Vec<u8>) -> SessionKey {
        let key = self.fanout.open();
        let index = key.0 as usize;
        if index >= self.sessions.len() {
            self.sessions.resize_with(index + 1, || None);
        }
        let number = session.number;
        session.control = head;
        self.sessions[index] = Some(Box::new(session));
        self.stats.opened += 1;
        self.node.sessions.fetch_add(1, Ordering::Relaxed);
        let node = &self.node;
        let welcome = self
            .welcome
            .take()
            .unwrap_or_else(|| Welcome::new(&node.epoch, node.origin, &node.limits, &node.fields));
        self.control_with(key, |encoding, payload| encoding.write_welcome(&welcome, number, payload));
        self.welcome = Some(welcome);
        if self.draining_since.is_some() {
            self.drain_session(key);
        }
        key
    }

    pub fn is_drained(&self) -> bool {
        self.draining_since.is_some() && self.sessions.iter().all(Option::is_none)
    }
}

fn pause_nanos(limits: &Limits) -> u64 {
    u64::try_from(limits.pause.as_nanos()).unwrap_or(u64::MAX)
}
