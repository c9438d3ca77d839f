//! A shard's topics of the delayed market, by symbol and by market id, with their accounts.
//!
//! Invariant: a symbol has at most one topic here and one in real time; a session subscribes to one of them.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::{SymbolMap, UNWATCHED};
use crate::{
    access::Products,
    fanout::{Accounts, Mode},
    tick::CustomFields,
    topic::TopicId,
};

#[derive(Default)]
pub(in crate::fanout) struct DelayedTable {
    /// The products, and so the delay, of each symbol; `None` when nothing is shown delayed.
    pub products: Option<Arc<Products>>,
    /// The version of these delay rules.
    pub rule: u32,
    /// The configured fields, which a product may name.
    pub table: Arc<CustomFields>,
    pub by_symbol: SymbolMap<u32>,
    /// As [`Fanout::by_market`](crate::fanout::Fanout); only as long as topics are watched.
    by_market: Vec<u32>,
    pub accounts: Accounts,
    /// Ticks in frames that are filled but not yet recorded.
    pub in_flight: u64,
    /// The mode that the client requested, for subscriptions that are served in mode `latest` instead.
    pub asked: HashMap<u32, Mode, RandomState>,
}

impl DelayedTable {
    pub fn watched(&self, market: TopicId) -> Option<u32> {
        self.by_market.get(market.0 as usize).copied().filter(|&local| local != UNWATCHED)
    }

    pub fn watch(&mut self, market: TopicId, local: u32) {
        let index = market.0 as usize;
        if index >= self.by_market.len() {
            self.by_market.resize(index + 1, UNWATCHED);
        }
        self.by_market[index] = local;
    }

    pub fn unwatch(&mut self, market: TopicId) {
        if let Some(local) = self.by_market.get_mut(market.0 as usize) {
            *local = UNWATCHED;
        }
    }

    /// One past the highest market id that may be watched.
    pub fn len(&self) -> usize {
        self.by_market.len()
    }
}
