//! From ticks to topics: one symbol's record, its sequence number, its history ring.
//!
//! [`Market`] is the only writer: it owns every topic and gives each tick its `seq`, once. It hands on a [`Batch`] of
//! stamped ticks, and does not know the readers.
//!
//! Invariants: a topic's `seq` rises by exactly 1 for each tick taken in; `order` rises by 1 over all topics together;
//! one symbol belongs to one feed.

pub mod handover;
pub mod ingest;
pub mod market;
pub mod readers;
#[cfg(test)]
mod readers_tests;
pub mod record;
pub mod ring;
mod sync;

use crate::tick::{Fields, Nanos, State, Symbol};

pub use ingest::{Ingest, Listing, Outlet};
pub use market::{Image, Market};
pub use readers::Readers;
pub use record::Record;

/// Index of a topic in the market: dense, assigned once, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicId(pub u32);

/// Index of a feed in the service's list of feeds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(pub u16);

/// A tick after ingest, with its topic, its numbers and its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// A topic that was listed with this batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    pub topic: TopicId,
    pub symbol: Symbol,
}

/// A topic's state after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// What one hand-over from ingest to a shard carries, in the order new topics, ticks, states.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    pub new_topics: Vec<NewTopic>,
    /// How many ticks it stands for.
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

/// What a shard reads from the market besides batches: images of topics that it begins to watch, and history.
///
/// Each call may take the market's lock, for a bounded time. A delivery that keeps up makes no call.
pub trait Store {
    /// The current record and state of a topic.
    fn image(&self, topic: TopicId) -> Image;

    /// Appends ticks `from..=to` of a topic's ring, at most `max`, oldest first. Says which seq is the oldest that the
    /// ring holds (head + 1 when it holds none); when `from` is older than that, nothing is appended.
    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64;

    /// The symbols of topics with ids from `from` on, `max` at most, for a shard that has missed new topics.
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic>;
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
