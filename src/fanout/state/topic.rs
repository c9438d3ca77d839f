//! A topic as one shard sees it: its record, its newest ticks, and who subscribes to it. Its history is in the market's ring.
//!
//! Invariant: each subscription is in `plain` or in `masked`, at the index that its `slot` says.

use crate::{
    tick::{Nanos, State, Symbol},
    topic::{Record, Stamped, Store, TopicId},
};

/// The topic of a symbol that nobody here subscribes to.
pub(in crate::fanout) const UNWATCHED: u32 = u32::MAX;

/// A symbol that somebody here subscribes to, or did.
pub(in crate::fanout) struct LocalTopic {
    pub symbol: Symbol,
    /// `None` until the symbol is listed.
    pub market: Option<TopicId>,
    pub record: Record,
    pub state: State,
    /// Subscriptions to every field; a tick concerns each of them without looking.
    pub plain: Vec<u32>,
    /// Those of them that rest, each at least once; beside them keys of some that rest no longer or are gone, which are
    /// passed over. So a batch walks over idle subscriptions and not over all.
    pub idle: Vec<u32>,
    /// Subscriptions to some fields; a tick is held against each one's.
    pub masked: Vec<u32>,
    /// How many of them are in mode `every`, and how many of those are behind.
    pub every: u32,
    pub every_behind: u32,
    /// The newest ticks, while anyone in mode `every` may want them.
    pub recent: Vec<Stamped>,
    /// Ticks of the batch at hand, and when the first of them was taken in.
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
        record.changed = tick.fields.mask;
        record.fields.merge(&tick.fields);
        if self.every > 0 {
            if self.recent.len() >= recent_ticks {
                self.recent.drain(..recent_ticks / 2);
            }
            self.recent.push(*tick);
        }
    }

    /// As [`Store::history`], up to the record here; the store is not asked for recent ticks.
    pub fn history(&self, from: u64, max: usize, store: &impl Store, out: &mut Vec<Stamped>) -> u64 {
        let oldest = self.recent.first().map_or(u64::MAX, |tick| tick.seq);
        if let Some(first) = from.checked_sub(oldest).and_then(|first| usize::try_from(first).ok()) {
            out.extend(self.recent.iter().skip(first).take(max));
            return oldest;
        }
        self.market.map_or(u64::MAX, |market| store.history(market, from, self.record.seq, max, out))
    }

    pub fn subscribers(&self) -> impl Iterator<Item = u32> + '_ {
        self.plain.iter().chain(&self.masked).copied()
    }

    /// Whether someone here must see each of its ticks.
    pub fn wants_ticks(&self) -> bool {
        self.every > 0 || !self.masked.is_empty()
    }

    pub fn has_subscribers(&self) -> bool {
        !self.plain.is_empty() || !self.masked.is_empty()
    }
}
