//! [`Fanout`]: one shard's tables, schedule and accounts. The other files of this folder hold its operations.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

use slab::Slab;

use super::{
    Accounts, FrameTally, Name, SessionKey, Units,
    fill::FrameCache,
    patterns::PatternTable,
    schedule::SendSchedule,
    state::{DelayedTable, LocalSession, LocalTopic, Subscription, SymbolMap, ViewTable, index32},
};
use crate::{
    access::Products,
    tick::{CustomFields, Nanos, State, Symbol},
    topic::{DelayRules, Detail, Plane, Record, Stamped, TopicId},
};

/// One shard's topics, subscriptions and accounts.
pub struct Fanout {
    pub(super) topics: Slab<LocalTopic>,
    pub(super) by_symbol: SymbolMap<u32>,
    /// Local topic of each market topic; [`UNWATCHED`](super::state::UNWATCHED) when no session here subscribes to it:
    /// its ticks are skipped.
    pub(super) by_market: Vec<u32>,
    /// Every listed symbol, by market id: what globs match against.
    pub(super) listed_symbols: Vec<Symbol>,
    pub(super) listed_ids: SymbolMap<TopicId>,
    pub(super) subs: Slab<Subscription>,
    /// The distinct views of all subscriptions.
    pub(super) views: ViewTable,
    /// The sessions' queues of subscriptions that are behind.
    pub(super) schedule: SendSchedule,
    /// Closed sessions whose subscriptions are still being removed.
    pub(super) leaving: VecDeque<u32>,
    pub(super) patterns: PatternTable,
    pub(super) accounts: Accounts,
    /// Topics of the delayed market, with accounts of their own.
    pub(super) delayed: DelayedTable,
    /// Ticks in frames that are filled but not yet recorded as accepted or abandoned.
    pub(super) in_flight: u64,
    pub(super) notices: Vec<Notice>,
    /// Symbols that a subscription got its first message of, in the last filled frame; `None` when nobody asks.
    pub(super) firsts: Option<Vec<First>>,
    /// The products by which messages are counted.
    pub(super) products: Arc<Products>,
    /// During a resync, how many market topics [`Fanout::resync_some`] has processed.
    pub(super) resynced: Option<usize>,
    /// Entries of every-mode queues, and ticks of rings, visited so far.
    pub(super) walked: usize,
    pub(super) stale_nanos: u64,
    pub(super) subscriptions_max: usize,
    /// Limit for all sessions of a user together.
    pub(super) user_subscriptions_max: usize,
    /// The batch detail that existing subscriptions need.
    pub(super) needs: Needs,
    /// The batch detail that subscriptions by globs will need, counted before the symbol is listed.
    pub(super) pattern_needs: Needs,
    pub(super) bounds: Bounds,
    pub(super) frame_cache: FrameCache,
    pub(super) scratch: Scratch,
}

/// How much is cached, and read at once. The model tests use small bounds to reach them often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    /// Ticks kept per topic for mode `every`, and tape events for mode `trades`, while a subscription is behind; older
    /// ones are read from the ring.
    pub recent_ticks: usize,
    /// Ticks read from the ring at once, for a subscription that is behind the recent ticks.
    pub history_ticks: usize,
    /// Tape event messages that a subscription is sent before the session's other subscriptions get their turn.
    pub tape_events_at_once: usize,
}

/// How many subscriptions need more detail in batches than the final records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Needs {
    /// Subscriptions that must see each tick: mode `every`, or with chosen fields.
    pub ticks: usize,
    /// Subscriptions in mode `trades`.
    pub trades: usize,
}

impl Needs {
    pub fn add(&mut self, needed: Detail) {
        self.ticks += usize::from(needed.has_ticks());
        self.trades += usize::from(needed.has_trades());
    }

    pub fn remove(&mut self, needed: Detail) {
        self.ticks -= usize::from(needed.has_ticks());
        self.trades -= usize::from(needed.has_trades());
    }

    pub fn detail(self) -> Detail {
        Detail::of(self.ticks > 0, self.trades > 0)
    }
}

/// Reusable buffers, so that no delivery allocates.
#[derive(Default)]
pub(super) struct Scratch {
    pub touched: Vec<u32>,
    pub history: Vec<Stamped>,
    /// Rebuilt tape events, older than those that the topic keeps.
    pub tape_events: Vec<Record>,
    /// Subscriptions of a topic whose interval is ended early.
    pub flushed: Vec<u32>,
    pub every_queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Subscriptions that stay behind: in the send queue (`false`) or the every-mode queue (`true`).
    pub left: Vec<(u32, bool)>,
}

/// A symbol that a subscription got its first message of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct First {
    pub symbol: Symbol,
    pub plane: Plane,
}

/// A message for a session's control queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    State {
        session: SessionKey,
        symbol: Symbol,
        plane: Plane,
        /// The subscription's name.
        name: Option<Name>,
        state: State,
    },
    /// A new symbol matches one of the session's globs and is shown delayed.
    Delayed {
        session: SessionKey,
        symbol: Symbol,
        /// The subscription's name.
        name: Option<Name>,
    },
    /// A new symbol matches one of the session's globs, but the session has no subscription left for it.
    Full {
        session: SessionKey,
        symbol: Symbol,
        /// The glob's name.
        name: Option<Name>,
    },
}

impl Fanout {
    /// `stale`: a symbol without a tick for this long is stale. `subscriptions_max`: per session.
    pub fn new(now: Nanos, stale: Duration, subscriptions_max: usize) -> Self {
        Fanout {
            topics: Slab::new(),
            by_symbol: SymbolMap::default(),
            by_market: Vec::new(),
            listed_symbols: Vec::new(),
            listed_ids: SymbolMap::default(),
            subs: Slab::new(),
            views: ViewTable::default(),
            schedule: SendSchedule::new(now),
            leaving: VecDeque::new(),
            patterns: PatternTable::default(),
            accounts: Accounts::default(),
            delayed: DelayedTable::default(),
            in_flight: 0,
            notices: Vec::new(),
            firsts: None,
            products: Arc::default(),
            resynced: None,
            walked: 0,
            stale_nanos: u64::try_from(stale.as_nanos()).unwrap_or(u64::MAX),
            subscriptions_max,
            user_subscriptions_max: usize::MAX,
            needs: Needs::default(),
            pattern_needs: Needs::default(),
            bounds: Bounds { recent_ticks: 256, history_ticks: 128, tape_events_at_once: 32 },
            frame_cache: FrameCache::default(),
            scratch: Scratch::default(),
        }
    }

    /// Sets the products by which messages are counted.
    pub fn count_by(&mut self, products: Arc<Products>) {
        self.products = products;
    }

    /// Shows symbols delayed to sessions whose rights are to delayed data only.
    pub fn show_delayed(&mut self, rules: &DelayRules, table: Arc<CustomFields>) {
        self.delayed.rule = rules.number;
        self.delayed.products = Some(Arc::clone(&rules.products));
        self.delayed.table = table;
    }

    pub fn open(&mut self) -> SessionKey {
        SessionKey(index32(self.schedule.sessions.insert(LocalSession::default())))
    }

    /// The next session with something to send; each is returned once until it is [filled](Self::fill).
    pub fn next_ready(&mut self) -> Option<SessionKey> {
        self.schedule.next_ready().map(SessionKey)
    }

    /// Makes a session ready again whose turn ended before it was drained.
    pub fn make_ready(&mut self, session: SessionKey) {
        self.schedule.make_ready(session.0);
    }

    pub fn has_ready(&self) -> bool {
        !self.schedule.ready.is_empty()
    }

    /// The number of ready sessions; may include some that were closed since.
    pub fn ready(&self) -> usize {
        self.schedule.ready.len()
    }

    /// Advances the time: subscriptions whose interval has ended become ready.
    pub fn advance(&mut self, now: Nanos) {
        self.advance_some(now, &mut Units::unlimited());
    }

    /// As [`Self::advance`], as far as the units last. Returns whether all whose interval has ended are ready.
    pub fn advance_some(&mut self, now: Nanos, units: &mut Units) -> bool {
        self.schedule.advance(&mut self.subs, now, units)
    }

    /// Whether some subscriptions whose interval has ended are not ready yet.
    pub fn is_advancing(&self) -> bool {
        self.schedule.is_advancing()
    }

    /// When [`Self::advance`] is needed next.
    pub fn next_due(&self) -> Option<Nanos> {
        self.schedule.wheel.next_due()
    }

    /// The detail that batches should have. With less, each topic is read from the market.
    pub fn wanted_detail(&self) -> Detail {
        self.needs.detail().union(self.pattern_needs.detail())
    }

    /// Entries of every-mode queues and ticks of rings visited since the start: the measure by which work is charged.
    pub fn walked(&self) -> usize {
        self.walked
    }

    /// Takes the notices since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Starts to keep [`Self::firsts`].
    pub fn keep_firsts(&mut self) {
        self.firsts = Some(Vec::new());
    }

    /// The symbols that subscriptions got their first message of in the last filled frame; nearly always none.
    #[inline]
    pub fn firsts(&self) -> &[First] {
        self.firsts.as_deref().unwrap_or_default()
    }

    /// Records a frame that the socket has accepted whole.
    pub fn accepted(&mut self, tally: &FrameTally) {
        self.in_flight -= tally.in_real_time();
        self.accounts.record(tally);
        if !tally.late.is_empty() {
            self.delayed.in_flight -= tally.late.ticks();
            self.delayed.accounts.record_late(&tally.late);
        }
    }

    /// Counts the ticks of a filled frame as in flight.
    #[inline]
    pub(super) fn count_in_flight(&mut self, tally: &FrameTally) {
        self.in_flight += tally.in_real_time();
        self.delayed.in_flight += tally.late.ticks();
    }

    /// Records a frame that is not sent because ticks are missing that the session must not miss.
    pub fn interrupted(&mut self, tally: &FrameTally) {
        self.in_flight -= tally.ticks();
        let gaps = FrameTally { gapped: tally.gapped, ..FrameTally::default() };
        self.accounts.record(&gaps);
        self.accounts.discarded += tally.ticks() - gaps.ticks();
    }

    /// Records a frame that will never be accepted, because its session has ended.
    pub fn abandoned(&mut self, tally: &FrameTally) {
        self.in_flight -= tally.in_real_time();
        self.accounts.discarded += tally.in_real_time();
        self.delayed.in_flight -= tally.late.ticks();
        self.delayed.accounts.discarded += tally.late.ticks();
    }
}
