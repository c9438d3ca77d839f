//! The interface of every feed: it is opened, and runs on its own thread. What it reads is its own matter.

use std::sync::Arc;

use super::{error::FeedError, replay::ReplayControl, sink::Sink, upstream::UpstreamControl};
use crate::{
    shutdown::Stop,
    tick::{Nanos, Symbol},
};

/// A source of ticks, opened and ready to run.
pub trait Feed: Send {
    /// Pushes ticks into `sink` until the source ends or `stop` is set. Blocks; runs on its own thread.
    ///
    /// # Errors
    /// When the source breaks and no later line can repair it.
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError>;

    /// The handle that controls it, if it is a replay.
    fn replay(&self) -> Option<Arc<ReplayControl>> {
        None
    }

    /// The handle that changes its symbols, if it is from a venue.
    fn upstream(&self) -> Option<Arc<UpstreamControl>> {
        None
    }

    /// The symbols that it declares, if it knows them before their first ticks.
    fn listing(&self) -> Option<Arc<dyn DeclaredSymbols>> {
        None
    }

    /// The market clock's time before the feed runs, if the feed drives it.
    fn begins(&self) -> Option<Nanos> {
        None
    }
}

/// Symbols that a feed declares before their first ticks. It need not name all of them.
pub trait DeclaredSymbols: Send + Sync {
    fn lists(&self, symbol: &Symbol) -> bool;

    /// Those that clients can be shown before the first tick; few. None of a feed that ticks at once.
    fn declared(&self) -> Vec<Symbol> {
        Vec::new()
    }
}
