//! [`Core`]: the state of one shard's sessions. `turn.rs` runs its turns; sockets and threads are the caller's.

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

/// The state of a shard's sessions. It is borrowed for the length of a call, never across an await.
pub struct Core<S> {
    pub node: Arc<NodeState>,
    /// The shard's number, from 0.
    pub(super) number: usize,
    /// `order` of the last tick that this shard received.
    pub(super) taken: u64,
    /// The order up to which records were re-read after batches were lost.
    pub(super) resync_to: u64,
    pub fanout: Fanout,
    pub framer: Framer,
    /// Decompresses clients' messages.
    pub(super) inflater: Inflater,
    /// Indexed by the session's key in the fan-out.
    pub sessions: Vec<Option<Box<Session<S>>>>,
    pub stats: ShardStats,
    /// How often a session was polled; from this the driver learns whether sessions had input.
    pub polled: u64,
    /// How long input may have waited before being read.
    pub lag: ReadLag,
    pub reader: CommandReader,
    pub(super) audit_state: AuditState,
    /// Trace span of the current command.
    pub(super) command_span: OpenSpan,
    /// For dialects, whose clients spell symbols in any case.
    pub(super) spellings: Spellings,
    /// Decoder of published ticks; `None` until first used.
    pub(super) decoder: Option<TickDecoder>,
    pub agents: UserAgents,
    pub scratch: Vec<u8>,
    /// The `welcome` for the current limits; `None` until the next session opens.
    welcome: Option<Welcome>,
    pub draining_since: Option<Nanos>,
    /// Every feed is a replay that has ended: a session that was sent everything then ends too.
    pub over: bool,
    /// The batch detail that this shard asks ingest for.
    pub(super) interest: Arc<Interest>,
    pub(super) batches: Vec<Arc<Batch>>,
    /// Index of the next batch to apply.
    pub(super) batch_at: usize,
    /// Notices that are still to be sent to sessions, in order.
    pub(super) unsent_notices: VecDeque<Notice>,
    pub(super) backlog: Backlog,
    pub(super) pacing: WritePacing,
    pub(super) round: Round,
    /// Sessions with spaced frames, by the time of their next frame. May hold sessions that have ended; these are
    /// skipped.
    pub(super) spaced: BinaryHeap<Reverse<(Nanos, SessionKey)>>,
    /// Sessions by the expiry of their tokens. May hold sessions that have ended or renewed their token; these are
    /// skipped.
    pub(super) expiring: BinaryHeap<Reverse<(Nanos, SessionKey)>>,
    /// The earliest expiry.
    pub(super) next_expiry: Nanos,
    /// It became earlier after the last turn, so another turn is due at that time.
    pub(super) is_expiry_new: bool,
    /// The generations of the authority and of user sessions at the last check of rights.
    pub(super) rights_seen: (u64, u64),
    /// Scratch for the `id` line of an event stream.
    pub(super) position_line: Vec<u8>,
    /// A counter that makes all positions distinct.
    pub(super) positions_written: u64,
    /// With a scenario: the market time of the batches applied so far.
    pub(super) fault_time: Nanos,
    /// Encoded but unsent frames of the current group.
    pub(super) prepared: Vec<(SessionKey, PreparedFrame)>,
}

/// One round of writes: each session that has something to send at its start is written to once.
#[derive(Clone, Copy, Default)]
pub(super) struct Round {
    pub sessions_left: usize,
    /// The number of frames sent before the round.
    pub frames: u64,
    pub ticks: u64,
}

/// A time that never comes.
pub(super) const NEVER: Nanos = Nanos(i64::MAX);

/// Units per turn, about half a millisecond, for bulk work: symbols to list, topics to end or resync, intervals to end,
/// states to send.
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

    /// Re-reads the current limits where the core has copies of them.
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

    /// Frees the memory of ended sessions, in slices; then notifies `done`.
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

    /// `order` of the last tick that this shard received.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub fn session(&mut self, key: SessionKey) -> Option<&mut Session<S>> {
        self.sessions.get_mut(key.0 as usize)?.as_deref_mut()
    }

    /// Adds a session; sends `head`, then its `welcome`.
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
