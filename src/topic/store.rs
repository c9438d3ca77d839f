//! [`Store`]: what a shard may read from the market besides batches.

use super::{
    batch::{NewTopic, Stamped, ToldState, TopicId},
    record::Record,
};
use crate::tick::{State, Symbol};

/// A topic's current record, and whether its feed has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    pub record: Record,
    /// The feed has ended.
    pub closed: bool,
    /// The last state that the feed reported.
    pub told: Option<ToldState>,
}

/// One row of `GET /v1/symbols`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedTopic {
    pub symbol: Symbol,
    pub seq: u64,
    pub state: State,
}

/// Reads from the market besides batches: images of topics that a shard begins to watch, and history.
///
/// Each call may take the market's lock, for a bounded time. Delivering to a client that keeps up makes no call.
pub trait Store {
    /// The current record and state of a topic.
    fn image(&self, topic: TopicId) -> Image;

    /// The state that a feed reported for a symbol without a tick.
    fn told(&self, _symbol: &Symbol) -> Option<ToldState> {
        None
    }

    /// As [`Self::image`], from the delayed market.
    fn delayed_image(&self, _topic: TopicId) -> Image {
        Image::default()
    }

    /// Appends ticks `from..=to` of a topic's ring, at most `max`, oldest first. Returns the oldest seq in the ring
    /// (head + 1 when it is empty); when `from` is older, nothing is appended.
    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64;

    /// Appends every tick of a topic's ring up to `to`, oldest first.
    fn ring(&self, topic: TopicId, to: u64, out: &mut Vec<Stamped>);

    /// Up to `max` listed topics with ids from `from` on, for a shard that has missed new topics.
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic>;
}
