//! [`Batch`]: the stamped ticks of one ingest call, and the records that they left, as every shard receives them. Plain
//! values: how they travel is in `batch_queue.rs`.
//!
//! Invariant: within a batch ticks are in ascending `order`, and each topic is touched once.

use std::sync::Arc;

use super::record::Record;
use crate::{
    planted::{Fault, is_planted},
    tick::{Fields, Nanos, State, Symbol},
};

/// Index of a topic in the market: dense, assigned once, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicId(pub u32);

/// Index of a feed in the service's list of feeds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(pub u16);

/// Which market data belongs to: real time or delayed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Plane {
    /// Real time.
    #[default]
    RealTime,
    /// The market as it was one delay ago, see [`DelayedMarket`](super::DelayedMarket).
    Delayed,
}

/// A tick that ingest has accepted: with its topic, sequence numbers and timestamps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamped {
    pub topic: TopicId,
    /// The topic's sequence number, from 1.
    pub seq: u64,
    /// The tick's sequence number over all topics together, from 1.
    pub order: u64,
    /// The feed's event time, by the feed's clock.
    pub ts: Nanos,
    /// Receive time, by the service's clock.
    pub rx: Nanos,
    /// The fields that the feed sent, and the totals (volume, trades, high, low) that the tick changed.
    pub fields: Fields,
}

impl Stamped {
    /// The last tick of a record, as one stamped tick.
    pub(super) fn last_of(topic: TopicId, record: &Record) -> Self {
        let &Record { seq, order, ts, rx, .. } = record;
        Stamped { topic, seq, order, ts, rx, fields: record.last_change() }
    }

    /// Applies this tick to a record that stands at the tick before it.
    #[inline]
    pub fn advance(&self, record: &mut Record) {
        record.seq = self.seq;
        record.order = self.order;
        record.ts = self.ts;
        record.rx = self.rx;
        record.note(self.fields.named());
        if self.fields.correction().is_some() {
            record.corrected_at = self.seq;
        }
        if is_planted(Fault::LosesWithdrawal) {
            record.fields.merge(&self.fields.only(self.fields.mask));
        } else {
            record.fields.merge(&self.fields);
        }
        record.reference.begin(record.seq, &record.fields);
    }

    /// Whether the tick is a trade, a cancel or a correction: mode `trades` conflates none of them.
    #[inline]
    pub fn is_tape_event(&self) -> bool {
        (self.fields.is_trade() && !is_planted(Fault::MergesTrade)) || self.fields.correction().is_some()
    }
}

/// A topic that was first listed in this batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    pub topic: TopicId,
    pub symbol: Symbol,
}

/// A topic's record after a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touched {
    pub topic: TopicId,
    pub record: Record,
}

/// A trading state that a feed has reported (halted, for example). It overrides the state computed from the age of the
/// last tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToldState {
    pub state: State,
    /// The feed's reason, as text for people; empty when the state needs none.
    pub reason: Arc<str>,
}

/// How much of a batch the shards ask ingest for, from least to most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// Only each topic's record after the batch: enough for conflating subscriptions.
    #[default]
    Records,
    /// Also the record as it stood at each trade.
    Trades,
    /// Also every single tick.
    Ticks,
    /// Every single tick, and the record at each trade.
    TicksAndTrades,
}

impl Detail {
    pub const fn of(ticks: bool, trades: bool) -> Detail {
        match (ticks, trades) {
            (false, false) => Detail::Records,
            (false, true) => Detail::Trades,
            (true, false) => Detail::Ticks,
            (true, true) => Detail::TicksAndTrades,
        }
    }

    pub const fn has_ticks(self) -> bool {
        matches!(self, Detail::Ticks | Detail::TicksAndTrades)
    }

    pub const fn has_trades(self) -> bool {
        matches!(self, Detail::Trades | Detail::TicksAndTrades)
    }

    #[must_use]
    pub const fn union(self, other: Detail) -> Detail {
        Detail::of(self.has_ticks() || other.has_ticks(), self.has_trades() || other.has_trades())
    }
}

/// What one ingest call hands to every shard. A shard applies new topics first, then ticks, then states.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Real time or delayed. A delayed batch has only records and states.
    pub plane: Plane,
    /// Delayed batches only: the version of the delay rules under which the batch became due.
    pub rule: u32,
    pub new_topics: Vec<NewTopic>,
    /// The number of ticks that ingest accepted for this batch.
    pub taken: usize,
    /// `order` of the batch's last tick.
    pub order: u64,
    /// The detail that was asked for when the batch was made.
    pub detail: Detail,
    /// Every tick, when `detail` includes ticks; otherwise empty.
    pub ticks: Vec<Stamped>,
    /// The record at each trade, cancel and correction, in order, when `detail` includes them: mode `trades` must not
    /// conflate these.
    pub tape_events: Vec<Touched>,
    /// Each topic with ticks in this batch, once, in the order of first ticks: for readers that conflate.
    pub touched: Vec<Touched>,
    /// Topics whose feed has ended.
    pub states: Vec<(TopicId, State)>,
    /// Trading states that feeds have reported, also for symbols without a tick.
    pub told: Vec<(Symbol, ToldState)>,
}

impl Batch {
    /// Whether the batch has its ticks one by one.
    pub fn has_ticks(&self) -> bool {
        self.ticks.len() == self.taken
    }

    pub fn has_states(&self) -> bool {
        !self.states.is_empty() || !self.told.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.new_topics.is_empty() && self.taken == 0 && self.states.is_empty() && self.told.is_empty()
    }
}
