//! From ticks to topics: each symbol's record, its sequence number and its ring of recent ticks.
//!
//! [`Market`] is the only writer: it owns every topic and stamps each tick with its `seq`. It publishes [`Batch`]es of
//! stamped ticks. It does not know sessions or subscriptions.
//!
//! Invariants: a topic's `seq` rises by exactly 1 for each accepted tick; `order` rises by 1 over all topics together;
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
