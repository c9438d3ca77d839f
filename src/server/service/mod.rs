//! The whole service: the only module that depends on all the others. It starts them, and ends them in two phases.
//!
//! Threads: the caller's, which waits for the end; one for each shard; one for each feed that has something to run.
//! What they share is read only, counted in atomics, or handed over (see ARCHITECTURE.md).

mod feeds;
mod running;
mod setup;
mod start;

pub use crate::feed::with_sources;
pub use running::{Drained, Figures, Service};
pub use setup::{Setup, StartError};
