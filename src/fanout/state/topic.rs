//! A topic as one shard sees it: its record, its newest ticks, and its subscriptions. Older ticks are in the market's ring.
//!
//! Invariant: each subscription is in `plain` or in `masked`, at the index that its `slot` says.

use crate::{
    planted::{Fault, is_planted},
    tick::{Nanos, State, Symbol},
    topic::{Record, Stamped, Store, TopicId},
};

/// In place of the local topic of a symbol without subscriptions here.
pub(in crate::fanout) const UNWATCHED: u32 = u32::MAX;

/// A symbol that has subscriptions here, or had some.
pub(in crate::fanout) struct LocalTopic {
    pub symbol: Symbol,
    /// `None` until the symbol is listed.
    pub market: Option<TopicId>,
    pub record: Record,
    pub state: State,
    /// Subscriptions to every field: each tick concerns all of them.
    pub plain: Vec<u32>,
    /// Idle ones among the plain subscriptions, each at least once, so that a batch walks over these and not over all. Also
    /// keys of subscriptions that are no longer idle, or gone, which are skipped.
    pub idle: Vec<u32>,
    /// Subscriptions to some fields: each tick is compared with the fields of each of them.
    pub masked: Vec<u32>,
    /// How many subscriptions are in mode `every`, and how many of those are behind.
    pub every: u32,
    pub every_behind: u32,
    /// The newest ticks, while a subscription in mode `every` may need them.
    pub recent: Vec<Stamped>,
    /// Its ticks in the present batch, and when the first of them was received.
    pub fresh: u64,
    pub fresh_rx: Nanos,
}

impl LocalTopic {
    pub fn new(symbol: Symbol) -> Self {
        LocalTopic {
            symbol,
            market: None,
            record: Record::default(),
            state: State::Pending,
            plain: Vec::new(),
            idle: Vec::new(),
            masked: Vec::new(),
            every: 0,
            every_behind: 0,
            recent: Vec::new(),
            fresh: 0,
            fresh_rx: Nanos::default(),
        }
    }

    /// Takes a tick into the record, and among the recent ticks when any subscription may need it there.
    #[inline]
    pub fn apply(&mut self, tick: &Stamped, recent_ticks: usize) {
        let record = &mut self.record;
        record.seq = tick.seq;
        record.order = tick.order;
        record.ts = tick.ts;
        record.rx = tick.rx;
        record.note(tick.fields.named());
        if is_planted(Fault::LosesWithdrawal) {
            record.fields.merge(&tick.fields.only(tick.fields.mask));
        } else {
            record.fields.merge(&tick.fields);
        }
        if self.every > 0 {
            if self.recent.len() >= recent_ticks {
                self.recent.drain(..recent_ticks / 2);
            }
            self.recent.push(tick.clone());
        }
    }

    /// As [`Store::history`], up to the record here; the store is not asked for recent ticks.
    pub fn history(&self, from: u64, max: usize, store: &impl Store, out: &mut Vec<Stamped>) -> u64 {
        let oldest = self.recent.first().map_or(u64::MAX, |tick| tick.seq);
        if let Some(first) = from.checked_sub(oldest).and_then(|first| usize::try_from(first).ok()) {
            out.extend(self.recent.iter().skip(first).take(max).cloned());
            return oldest;
        }
        self.market.map_or(u64::MAX, |market| store.history(market, from, self.record.seq, max, out))
    }

    pub fn subscribers(&self) -> impl Iterator<Item = u32> + '_ {
        self.plain.iter().chain(&self.masked).copied()
    }

    /// Whether a subscription here must see each of its ticks.
    pub fn wants_ticks(&self) -> bool {
        self.every > 0 || !self.masked.is_empty()
    }

    pub fn has_subscribers(&self) -> bool {
        !self.plain.is_empty() || !self.masked.is_empty()
    }
}
