//! What a shard's fan-out remembers of topics, subscriptions and sessions. No rules: how they change is decided by the files
//! beside this folder.
//!
//! Invariant: tables refer to each other by 32-bit indexes; limits keep each table below that size.

mod session;
mod subscription;
mod topic;

pub(super) use session::Session;
pub(super) use subscription::{Base, Place, Sub};
pub(super) use topic::{Topic, UNWATCHED};
