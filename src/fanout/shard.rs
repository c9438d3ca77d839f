//! The state of one shard's fan-out: its tables, its schedule, its accounting. The files beside it change it.

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
    /// Local topic of each market topic; [`UNWATCHED`](super::state::UNWATCHED) while nobody here subscribes to it: its
    /// ticks are skipped.
    pub(super) by_market: Vec<u32>,
    /// Every listed symbol, by market id: what globs match against.
    pub(super) listed_symbols: Vec<Symbol>,
    pub(super) listed_ids: SymbolMap<TopicId>,
    pub(super) subs: Slab<Subscription>,
    /// What the subscriptions show.
    pub(super) views: ViewTable,
    /// The sessions, and which of their subscriptions are behind.
    pub(super) schedule: SendSchedule,
    /// Sessions that have ended, and still have subscriptions.
    pub(super) leaving: VecDeque<u32>,
    pub(super) patterns: PatternTable,
    pub(super) accounts: Accounts,
    /// Topics of the delayed market, and their own accounts.
    pub(super) delayed: DelayedTable,
    /// Ticks in frames that were filled and are not yet recorded.
    pub(super) in_flight: u64,
    pub(super) notices: Vec<Notice>,
    /// Symbols of which a subscription was sent its first message, in the last frame that was filled; `None` where
    /// nobody asks.
    pub(super) firsts: Option<Vec<First>>,
    /// By which messages are counted.
    pub(super) products: Arc<Products>,
    /// How many of the market's topics [`Fanout::resync_some`] has caught up with, while a resync is under way.
    pub(super) resynced: Option<usize>,
    /// Subscriptions in every-mode queues, and ticks of rings, that were walked over.
    pub(super) walked: usize,
    pub(super) stale_nanos: u64,
    pub(super) subscriptions_max: usize,
    /// Of all sessions of a user.
    pub(super) user_subscriptions_max: usize,
    /// What the subscriptions need of batches.
    pub(super) needs: Needs,
    /// What the subscriptions of patterns will need: counted before the symbol is listed.
    pub(super) pattern_needs: Needs,
    pub(super) bounds: Bounds,
    pub(super) frame_cache: FrameCache,
    pub(super) scratch: Scratch,
}

/// How much is kept, and read at once. The model makes them small, so that they are reached often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    /// Ticks that a topic keeps for mode `every`, and tape events that it keeps for mode `trades`, while a subscription
    /// is behind; the ring has older ones.
    pub recent_ticks: usize,
    /// Ticks that are read from the ring at once, for a subscription that is behind the recent ones.
    pub history_ticks: usize,
    /// Messages that a subscription is sent at once, one for each tape event, before the session's others have their
    /// turn.
    pub tape_events_at_once: usize,
}

/// How many subscriptions need more of a batch than the records after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Needs {
    /// Those that must see each tick by itself: in mode `every`, or to some fields.
    pub ticks: usize,
    /// Those in mode `trades`.
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

/// Buffers that are used again, so that no delivery allocates.
#[derive(Default)]
pub(super) struct Scratch {
    pub touched: Vec<u32>,
    pub history: Vec<Stamped>,
    /// Tape events that are older than those that a topic keeps.
    pub tape_events: Vec<Record>,
    /// Subscriptions of a topic that do not wait for their interval.
    pub flushed: Vec<u32>,
    pub every_queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Subscriptions that stay in their session's send queue (`false`) or every-mode queue (`true`).
    pub left: Vec<(u32, bool)>,
}

/// A symbol of which a subscription is sent its first message.
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
        /// Of the subscription.
        name: Option<Name>,
        state: State,
    },
    /// A new symbol matches one of the session's globs, and is shown delayed.
    Delayed {
        session: SessionKey,
        symbol: Symbol,
        /// Of the subscription.
        name: Option<Name>,
    },
    /// A new symbol matches one of the session's globs, and the session may have no more subscriptions.
    Full {
        session: SessionKey,
        symbol: Symbol,
        /// Of the glob.
        name: Option<Name>,
    },
}

impl Fanout {
    /// `stale`: without a tick for this long, a symbol is stale. `subscriptions_max`: of one session.
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

    /// Counts messages by these products.
    pub fn count_by(&mut self, products: Arc<Products>) {
        self.products = products;
    }

    /// Shows symbols delayed to whoever may read them so.
    pub fn show_delayed(&mut self, rules: &DelayRules, table: Arc<CustomFields>) {
        self.delayed.rule = rules.number;
        self.delayed.products = Some(Arc::clone(&rules.products));
        self.delayed.table = table;
    }

    pub fn open(&mut self) -> SessionKey {
        SessionKey(index32(self.schedule.sessions.insert(LocalSession::default())))
    }

    /// A session that has something to send; each is named once until it is [filled](Self::fill).
    pub fn next_ready(&mut self) -> Option<SessionKey> {
        self.schedule.next_ready().map(SessionKey)
    }

    /// Puts a session that is not drained among the ready again: its turn ended before it was served.
    pub fn make_ready(&mut self, session: SessionKey) {
        self.schedule.make_ready(session.0);
    }

    pub fn has_ready(&self) -> bool {
        !self.schedule.ready.is_empty()
    }

    /// How many sessions have something to send; some may have been closed since.
    pub fn ready(&self) -> usize {
        self.schedule.ready.len()
    }

    /// Moves time on: subscriptions whose interval has ended become ready.
    pub fn advance(&mut self, now: Nanos) {
        self.advance_some(now, &mut Units::unlimited());
    }

    /// As [`Self::advance`], as far as the units last. Says whether all whose interval has ended are ready.
    pub fn advance_some(&mut self, now: Nanos, units: &mut Units) -> bool {
        self.schedule.advance(&mut self.subs, now, units)
    }

    /// Whether some whose interval has ended are not ready yet.
    pub fn is_advancing(&self) -> bool {
        self.schedule.is_advancing()
    }

    /// When [`Self::advance`] is next wanted.
    pub fn next_due(&self) -> Option<Nanos> {
        self.schedule.wheel.next_due()
    }

    /// What batches should have. One that has less costs a look at the market for each topic.
    pub fn wanted_detail(&self) -> Detail {
        self.needs.detail().union(self.pattern_needs.detail())
    }

    /// How many subscriptions in every-mode queues and ticks of rings were walked over since the start. Work is charged
    /// by it.
    pub fn walked(&self) -> usize {
        self.walked
    }

    /// Takes the notices since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Keeps [`Self::firsts`].
    pub fn keep_firsts(&mut self) {
        self.firsts = Some(Vec::new());
    }

    /// The symbols of which subscriptions were sent their first message, in the last frame that was filled. Nearly
    /// always there are none.
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

    /// A frame was filled.
    #[inline]
    pub(super) fn count_in_flight(&mut self, tally: &FrameTally) {
        self.in_flight += tally.in_real_time();
        self.delayed.in_flight += tally.late.ticks();
    }

    /// Records a frame that is not sent because it leaves out ticks that its session must not miss.
    pub fn interrupted(&mut self, tally: &FrameTally) {
        self.in_flight -= tally.ticks();
        let gaps = FrameTally { gapped: tally.gapped, ..FrameTally::default() };
        self.accounts.record(&gaps);
        self.accounts.discarded += tally.ticks() - gaps.ticks();
    }

    /// Records a frame that will never be accepted: its session has ended.
    pub fn abandoned(&mut self, tally: &FrameTally) {
        self.in_flight -= tally.in_real_time();
        self.accounts.discarded += tally.in_real_time();
        self.delayed.in_flight -= tally.late.ticks();
        self.delayed.accounts.discarded += tally.late.ticks();
    }
}
