//! What may be read of the market besides batches.

use super::{
    batch::{NewTopic, Stamped, ToldState, TopicId},
    record::Record,
};
use crate::tick::{State, Symbol};

/// A topic's current record, and whether its feed has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    pub record: Record,
    /// Its feed has ended.
    pub closed: bool,
    /// What its feed told of it last.
    pub told: Option<ToldState>,
}

/// One row of `GET /v1/symbols`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedTopic {
    pub symbol: Symbol,
    pub seq: u64,
    pub state: State,
}

/// What a shard reads from the market besides batches: images of topics that it begins to watch, and history.
///
/// Each call may take the market's lock, for a bounded time. A delivery that keeps up makes no call.
pub trait Store {
    /// The current record and state of a topic.
    fn image(&self, topic: TopicId) -> Image;

    /// What its feed told of a symbol that has no tick yet.
    fn told(&self, _symbol: &Symbol) -> Option<ToldState> {
        None
    }

    /// As [`Self::image`], of the delayed market.
    fn delayed_image(&self, _topic: TopicId) -> Image {
        Image::default()
    }

    /// Appends ticks `from..=to` of a topic's ring, at most `max`, oldest first. Says which seq is the oldest that the
    /// ring holds (head + 1 when it holds none); when `from` is older than that, nothing is appended.
    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64;

    /// Appends every tick of a topic's ring up to `to`, oldest first.
    fn ring(&self, topic: TopicId, to: u64, out: &mut Vec<Stamped>);

    /// The symbols of topics with ids from `from` on, `max` at most, for a shard that has missed new topics.
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic>;
}
