//! From ticks to topics: one symbol's record, its sequence number, its history ring.
//!
//! [`Market`] is the only writer: it owns every topic and gives each tick its `seq`, once. It gives out a [`Batch`] of
//! stamped ticks, and does not know the readers.
//!
//! Invariants: a topic's `seq` rises by exactly 1 for each tick taken in; `order` rises by 1 over all topics together;
//! one symbol belongs to one feed.

mod batch;
pub mod batch_queue;
mod custom_ring;
mod delayed;
mod ingest;
mod market;
mod named_at;
pub mod readers;
#[cfg(test)]
mod readers_tests;
mod record;
pub mod reference;
pub mod ring;
mod store;
mod tape;

pub use batch::{Batch, Detail, FeedId, NewTopic, Plane, Stamped, ToldState, TopicId, Touched};
pub use batch_queue::BatchQueue;
pub use delayed::{DelayRules, DelayedMarket, DelayedReport, WaitingRecords};
pub use ingest::{Ingest, Interest, Outlet};
pub use market::Market;
pub use named_at::{ChangedFields, NamedAt};
pub use readers::Readers;
pub use record::Record;
pub use reference::{Places, Reference};
pub use store::{Image, ListedTopic, Store};
