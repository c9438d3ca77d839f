//! Where published ticks go. The service connects it with the market and the counts of the feed that publishing is.

use crate::{
    feed::{RefusedTick, RejectCounts},
    tick::{Symbol, Tick},
};

/// What the market did with ticks.
#[derive(Default, Debug)]
pub struct PublishResult {
    pub taken: usize,
    /// By their index.
    pub refused: Vec<RefusedTick>,
    /// The seq of each symbol that was taken, after these ticks.
    pub seqs: Vec<(Symbol, u64)>,
}

/// Takes ticks into the market, from any thread.
pub trait PublishSink: Send + Sync {
    /// Takes ticks in, under one hold of the market's lock; the vector is left empty.
    fn take(&self, ticks: &mut Vec<Tick>) -> PublishResult;

    /// Counts what was rejected before it came to the market.
    fn count_rejected(&self, counts: &RejectCounts);
}
