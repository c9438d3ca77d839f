//! The state of one shard's fan-out: its tables, its schedule, its accounting. How they change is in the files beside it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use slab::Slab;

use super::{
    Accounts, SessionKey, Tally, Units,
    frame_cache::FrameCache,
    index::index32,
    interval_groups::Waits,
    pattern_table::Patterns,
    queue::Queue,
    state::{Session, Sub, Topic},
    symbols::Symbols,
    turns::Turns,
    wheel::Wheel,
};
use crate::{
    tick::{Nanos, State, Symbol},
    topic::{Stamped, TopicId},
};

/// One shard's topics, subscriptions and accounts.
pub struct Fanout {
    pub(super) topics: Slab<Topic>,
    pub(super) by_symbol: Symbols<u32>,
    /// Local topic of each market topic; [`UNWATCHED`](super::state::UNWATCHED) while nobody here subscribes to it: its ticks are passed over.
    pub(super) by_market: Vec<u32>,
    /// Every listed symbol, by market id: what globs match against.
    pub(super) listed_symbols: Vec<Symbol>,
    pub(super) listed_ids: Symbols<TopicId>,
    pub(super) sessions: Slab<Session>,
    pub(super) subs: Slab<Sub>,
    /// Sessions that have something to send and were not yet asked for it, each once, oldest first;
    /// those that became so together, in an order that changes.
    pub(super) ready: VecDeque<u32>,
    pub(super) turns: Turns,
    /// Sessions that are over, and not yet let go of.
    pub(super) leaving: VecDeque<u32>,
    pub(super) wheel: Wheel<Waits>,
    pub(super) patterns: Patterns,
    pub(super) accounts: Accounts,
    /// Ticks in frames that were filled and are not yet recorded.
    pub(super) in_flight: u64,
    pub(super) notices: Vec<Notice>,
    /// Topics of the market that [`Fanout::resync_some`] has come to, while batches are made up for.
    pub(super) resynced: Option<usize>,
    /// Subscriptions in every-mode queues, and ticks of rings, that were walked over.
    pub(super) walked: usize,
    pub(super) stale_nanos: u64,
    pub(super) subscriptions_max: usize,
    /// Subscriptions that must see each tick by itself: in mode `every`, or to some fields.
    pub(super) of_ticks: usize,
    /// Holders of patterns whose subscriptions will be such: ready before the symbol is listed.
    pub(super) of_patterns: usize,
    pub(super) bounds: Bounds,
    pub(super) frame_cache: FrameCache,
    pub(super) scratch: Scratch,
}

/// How much is kept and read at once; the model makes them small, to meet their ends often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    /// Ticks that a topic keeps at hand for mode `every` while someone is behind; the ring has the older ones.
    pub recent_ticks: usize,
    /// Ticks that one turn reads from the ring for a subscription that has fallen out of the recent ones.
    pub history_ticks: usize,
}

/// Buffers that calls reuse, so that no delivery allocates.
#[derive(Default)]
pub(super) struct Scratch {
    pub touched: Vec<u32>,
    /// Intervals that are over, and how many of them were seen to.
    pub fired: Vec<(Waits, Nanos)>,
    pub fired_done: usize,
    pub history: Vec<Stamped>,
    pub every_queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Subscriptions that stay in their session's list (`false`) or every-mode queue (`true`).
    pub left: Vec<(u32, bool)>,
}

/// To look at a topic's lists, and to copy some of them.
const SHRINK_UNITS: usize = 8;

/// Something a session must be told on its control queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    State {
        session: SessionKey,
        symbol: Symbol,
        state: State,
    },
    /// A symbol was listed that one of its globs matches, and it has no subscription left.
    Full {
        session: SessionKey,
        symbol: Symbol,
    },
}

impl Fanout {
    /// `stale`: without a tick for this long, a symbol is stale. `subscriptions_max`: of one session.
    pub fn new(now: Nanos, stale: Duration, subscriptions_max: usize) -> Self {
        Fanout {
            topics: Slab::new(),
            by_symbol: Symbols::default(),
            by_market: Vec::new(),
            listed_symbols: Vec::new(),
            listed_ids: Symbols::default(),
            sessions: Slab::new(),
            subs: Slab::new(),
            ready: VecDeque::new(),
            turns: Turns::default(),
            leaving: VecDeque::new(),
            wheel: Wheel::new(now),
            patterns: Patterns::default(),
            accounts: Accounts::default(),
            in_flight: 0,
            notices: Vec::new(),
            resynced: None,
            walked: 0,
            stale_nanos: u64::try_from(stale.as_nanos()).unwrap_or(u64::MAX),
            subscriptions_max,
            of_ticks: 0,
            of_patterns: 0,
            bounds: Bounds { recent_ticks: 256, history_ticks: 128 },
            frame_cache: FrameCache::default(),
            scratch: Scratch::default(),
        }
    }

    /// As in [`new`](Self::new), from now on. What a shorter time made stale is live again, when it is by the longer one.
    pub fn set_limits(&mut self, now: Nanos, stale: Duration, subscriptions_max: usize) {
        self.subscriptions_max = subscriptions_max;
        self.stale_nanos = u64::try_from(stale.as_nanos()).unwrap_or(u64::MAX);
        let fresh =
            |topic: &Topic| topic.state == State::Stale && now.since(topic.record.rx) <= self.stale_nanos;
        let found = self.topics.iter().filter(|(_, topic)| fresh(topic));
        let found: Vec<u32> = found.map(|(local, _)| index32(local)).collect();
        for local in found {
            self.change_state(local, State::Live);
        }
    }

    /// Lets go of the room that sessions which have gone have left behind: of what is in the topics, from a place on, as far
    /// as the units last. Says where to go on, when it has not come to the end.
    pub fn shrink_from(&mut self, from: u32, units: &mut Units) -> Option<u32> {
        if from == 0 {
            self.sessions.shrink_to_fit();
            self.subs.shrink_to_fit();
            self.ready.shrink_to_fit();
        }
        for local in from..index32(self.topics.capacity()) {
            if units.is_spent() {
                return Some(local);
            }
            units.spend(SHRINK_UNITS);
            let Some(topic) = self.topics.get_mut(local as usize) else { continue };
            for list in [&mut topic.plain, &mut topic.resting, &mut topic.masked] {
                list.shrink_to_fit();
            }
        }
        None
    }

    pub fn open(&mut self) -> SessionKey {
        SessionKey(index32(self.sessions.insert(Session::default())))
    }

    /// A session that has something to send; each is named once until it is [filled](Self::fill).
    pub fn next_ready(&mut self) -> Option<SessionKey> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(session) = self.sessions.get_mut(key as usize) {
                session.ready = false;
                return Some(SessionKey(key));
            }
        }
        None
    }

    /// Puts a session that is not drained among the ready again: its turn was over before it was served.
    pub fn make_ready(&mut self, session: SessionKey) {
        if let Some(entry) = self.sessions.get_mut(session.0 as usize)
            && !entry.ready
        {
            entry.ready = true;
            self.ready.push_back(session.0);
        }
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many sessions have something to send; some may have gone since.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether batches should come with their ticks. One that does not is made up for, at the cost of a look at the
    /// market for each topic.
    pub fn wants_ticks(&self) -> bool {
        self.of_ticks > 0 || self.of_patterns > 0
    }

    /// What looks at many things at one go has looked at so many, since the beginning: subscriptions in every-mode queues, ticks of rings.
    pub fn walked(&self) -> usize {
        self.walked
    }

    /// When [`Self::advance`] is next wanted.
    pub fn next_due(&self) -> Option<Nanos> {
        self.wheel.next_due()
    }

    /// What sessions must be told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Books a frame that the socket has accepted whole.
    pub fn accepted(&mut self, tally: &Tally) {
        self.in_flight -= tally.ticks();
        self.accounts.book(tally);
    }

    /// Books a frame that will never be accepted: its session has ended.
    pub fn abandoned(&mut self, tally: &Tally) {
        self.in_flight -= tally.ticks();
        self.accounts.discarded += tally.ticks();
    }

    /// Gives back what a busy time has left behind; for sessions at rest.
    pub fn give_back(&mut self, session: SessionKey, now: Nanos) {
        if let Some(entry) = self.sessions.get_mut(session.0 as usize)
            && entry.queue.is_empty()
        {
            entry.queue = Queue::default();
            entry.every_queue = Vec::new();
            entry.subs.shrink_to_fit();
            entry.interval_groups.give_back(now);
        }
    }

    /// Puts the sessions that have become ready since there were `before` in another order.
    pub(super) fn take_turns(&mut self, before: usize) {
        self.turns.mix(&mut self.ready, before);
    }
}
