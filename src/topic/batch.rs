//! What ingest hands to shards: ticks with their numbers, and the records that they left.

use super::record::Record;
use crate::tick::{Fields, Nanos, State, Symbol};

/// Index of a topic in the market: dense, assigned once, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicId(pub u32);

/// Index of a feed in the service's list of feeds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(pub u16);

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

/// What shards need of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// The topics' states after the batch: enough for a reader that needs only the newest values.
    Records,
    /// Each of its ticks as well.
    Ticks,
}

/// What ingest gives to each shard at once, in the order new topics, ticks, states.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    pub new_topics: Vec<NewTopic>,
    /// How many ticks ingest took in for this batch.
    pub taken: usize,
    /// Order of its last tick.
    pub order: u64,
    /// All ticks with [`Detail::Ticks`], otherwise none.
    pub ticks: Vec<Stamped>,
    /// The topics of the ticks, each once, in the order of their first ticks: for readers that need no single ticks.
    pub touched: Vec<Touched>,
    /// Topics whose feed has ended.
    pub states: Vec<(TopicId, State)>,
}

impl Batch {
    /// Whether its ticks are available one by one.
    pub fn has_ticks(&self) -> bool {
        self.ticks.len() == self.taken
    }

    pub fn is_empty(&self) -> bool {
        self.new_topics.is_empty() && self.taken == 0 && self.states.is_empty()
    }
}
