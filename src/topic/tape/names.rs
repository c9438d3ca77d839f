//! The index of a tape's trades by trade id. Most tapes are never corrected, so it is built at the first cancel or
//! correction.
//!
//! Invariant: of trades with the same id the newest is found. Ids are compared by hash, then by the trade itself; of
//! two ids with equal hashes, which does not happen in practice, only the newer is found.

use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasher,
};

use foldhash::fast::{FixedState, RandomState};

use super::trade::TapeTrade;
use crate::tick::TradeId;

/// The newest seq of each trade id; built at the first look-up.
#[derive(Clone, Debug, Default)]
pub struct TapeNames(Option<Box<KnownNames>>);

#[derive(Clone, Debug, Default)]
struct KnownNames {
    hasher: RandomState,
    seqs: HashMap<u64, u64, FixedState>,
}

impl TapeNames {
    /// Adds a trade of the table.
    #[inline]
    pub fn push(&mut self, trade: &TapeTrade) {
        if let Some(known) = &mut self.0 {
            known.push(trade);
        }
    }

    /// Removes a trade that leaves the table.
    #[inline]
    pub fn forget(&mut self, trade: &TapeTrade) {
        if let Some(known) = &mut self.0 {
            let hash = known.hasher.hash_one(trade.id);
            if known.seqs.get(&hash) == Some(&trade.seq) {
                known.seqs.remove(&hash);
            }
        }
    }

    /// The seq of the newest trade with this id.
    pub fn find(&mut self, id: &TradeId, trades: &VecDeque<TapeTrade>) -> Option<u64> {
        let known = self.0.get_or_insert_with(|| Box::new(KnownNames::of(trades)));
        let seq = *known.seqs.get(&known.hasher.hash_one(id))?;
        let at = trades.binary_search_by_key(&seq, |trade| trade.seq).ok()?;
        (trades[at].id == *id).then_some(seq)
    }
}

impl KnownNames {
    fn of(trades: &VecDeque<TapeTrade>) -> Self {
        let mut known = KnownNames::default();
        for trade in trades {
            known.push(trade);
        }
        known
    }

    fn push(&mut self, trade: &TapeTrade) {
        self.seqs.insert(self.hasher.hash_one(trade.id), trade.seq);
    }
}
