//! What ingest hands to shards: ticks with their numbers, and the records that they left.

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

/// Which market something is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Plane {
    /// As it happens.
    #[default]
    RealTime,
    /// As it was some time ago, see [`DelayedMarket`](super::DelayedMarket).
    Delayed,
}

/// A tick after ingest, with its topic, its numbers and its times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamped {
    pub topic: TopicId,
    /// The topic's sequence number, from 1.
    pub seq: u64,
    /// The tick's number among all ticks of all topics, from 1.
    pub order: u64,
    /// The feed's event time, by the feed's clock.
    pub ts: Nanos,
    /// When the tick was taken in, by the service's clock.
    pub rx: Nanos,
    /// What the tick carried, and the totals that it moved.
    pub fields: Fields,
}

impl Stamped {
    /// The record's last tick alone.
    pub(super) fn last_of(topic: TopicId, record: &Record) -> Self {
        let &Record { seq, order, ts, rx, .. } = record;
        Stamped { topic, seq, order, ts, rx, fields: record.last_change() }
    }

    /// Takes the tick into a record that is as of the tick before.
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

    /// Whether it is a trade, a cancel or a correction: mode `trades` merges none of them.
    #[inline]
    pub fn is_tape_event(&self) -> bool {
        (self.fields.is_trade() && !is_planted(Fault::MergesTrade)) || self.fields.correction().is_some()
    }
}

/// A topic that was listed with this batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    pub topic: TopicId,
    pub symbol: Symbol,
}

/// A topic's state after a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touched {
    pub topic: TopicId,
    pub record: Record,
}

/// The state of a topic as its feed tells it, which then does not follow from the time of its last tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToldState {
    pub state: State,
    /// For a person; empty where the state says all.
    pub reason: Arc<str>,
}

/// What shards need of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// The topics' states after the batch: enough for a reader that needs only the newest values.
    #[default]
    Records,
    /// The record at each trade as well.
    Trades,
    /// Each of its ticks as well.
    Ticks,
    /// Each of its ticks, and the record at each trade.
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

/// What ingest gives to each shard at once, in the order new topics, ticks, states.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Of a delayed market it has records and states, and nothing else.
    pub plane: Plane,
    /// Of a delayed market, the number of the delays by which it became due.
    pub rule: u32,
    pub new_topics: Vec<NewTopic>,
    /// How many ticks ingest took in for this batch.
    pub taken: usize,
    /// Order of its last tick.
    pub order: u64,
    /// What it was made with.
    pub detail: Detail,
    /// All ticks, when the detail has them, otherwise none.
    pub ticks: Vec<Stamped>,
    /// Records as they stood at the ticks that must not be merged away, in order: at each trade, when the detail has
    /// them.
    pub tape_events: Vec<Touched>,
    /// The topics of the ticks, each once, in the order of their first ticks: for readers that need no single ticks.
    pub touched: Vec<Touched>,
    /// Topics whose feed has ended.
    pub states: Vec<(TopicId, State)>,
    /// States that feeds tell by themselves, also of symbols without a tick.
    pub told: Vec<(Symbol, ToldState)>,
}

impl Batch {
    /// Whether its ticks are available one by one.
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
