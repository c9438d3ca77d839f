//! The service: the only module that depends on all others. It starts them, and stops them in two phases.
//!
//! Threads: the caller's, which waits for the end; one per shard; one per feed that runs. What they share is read-only,
//! counted in atomics, or handed over (see ARCHITECTURE.md).

mod feeds;
mod running;
mod setup;
mod start;

pub use crate::feed::with_sources;
pub use running::{Drained, Figures, Service};
pub use setup::{Setup, StartError};
