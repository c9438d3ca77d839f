//! What a shard knows of the delayed market: its topics by symbol and by market id, and their accounts.
//!
//! Invariant: a symbol has at most one topic here and one in real time; a session is subscribed to one of them.

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
    /// Says how much later a symbol is shown; `None` where nothing is shown delayed.
    pub products: Option<Arc<Products>>,
    /// The number of these products among those that there were.
    pub rule: u32,
    /// The fields of a configuration, which a product may name.
    pub table: Arc<CustomFields>,
    pub by_symbol: SymbolMap<u32>,
    /// As [`Fanout::by_market`](crate::fanout::Fanout), as far as anything is watched.
    by_market: Vec<u32>,
    pub accounts: Accounts,
    /// Ticks in frames that were filled and are not yet recorded.
    pub in_flight: u64,
    /// The modes that clients have asked for, of those subscriptions that are served as `latest` in place of them.
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

    /// One past the last market id that may be watched.
    pub fn len(&self) -> usize {
        self.by_market.len()
    }
}
