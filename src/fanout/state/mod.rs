//! The tables of a shard's fan-out: topics, subscriptions, sessions. Data only; the files in the folder above hold the
//! rules.
//!
//! Invariant: tables refer to each other by 32-bit indexes; limits keep each table below that size.

mod delayed;
mod entitled;
mod index;
mod session;
mod tape_events;
mod subscription;
mod subscription_map;
mod symbol_map;
mod topic;
mod view_table;

pub(super) use delayed::DelayedTable;
pub(super) use entitled::Entitled;
pub(super) use index::index32;
pub(super) use session::LocalSession;
pub(super) use subscription::{Base, Claim, Subscription, SubscriptionState, lead};
pub(super) use subscription_map::SubscriptionMap;
pub(super) use symbol_map::SymbolMap;
pub(super) use tape_events::TapeEvents;
pub(super) use topic::{LocalTopic, UNWATCHED, advance};
pub(super) use view_table::{ViewId, ViewTable};
