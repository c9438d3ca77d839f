//! What every feed is: opened, and run on a thread of its own. What it reads, it knows alone.

use std::sync::Arc;

use super::{error::FeedError, replay::Control, sink::Sink};
use crate::{
    shutdown::Stop,
    tick::{Nanos, Symbol},
};

/// A source of ticks, opened and ready to run.
pub trait Feed: Send {
    /// Pushes ticks into `sink` until the source ends or `stop` is set. Blocks; runs on a thread of its own.
    ///
    /// # Errors
    /// When the source breaks in a way that no later line can mend.
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError>;

    /// The handle by which it may be held, if it is a replay.
    fn replay(&self) -> Option<Arc<Control>> {
        None
    }

    /// What it says of the symbols that it has, if it knows them before their first ticks.
    fn listing(&self) -> Option<Arc<dyn Listing>> {
        None
    }

    /// Where the market's clock stands before the feed runs, if the feed drives it.
    fn begins(&self) -> Option<Nanos> {
        None
    }
}

/// Symbols that a feed says it has, before their first ticks. It need not name all of them.
pub trait Listing: Send + Sync {
    fn lists(&self, symbol: &Symbol) -> bool;
}
