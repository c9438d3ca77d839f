//! The values of configured fields in a topic's short history, beside the packed words of the
//! [`Ring`](super::ring::Ring).
//!
//! Only ticks that named such a field are here. Most topics have none, and their rings hold nothing of this.
//!
//! Invariant: seqs rise, and none is older than the ring's oldest tick.

use std::{collections::VecDeque, sync::Arc};

use crate::tick::CustomValues;

#[derive(Clone, Debug, Default)]
pub struct CustomRing {
    /// Each with the seq of its tick, oldest first.
    ticks: VecDeque<(u64, Arc<CustomValues>)>,
    /// What the values take.
    bytes: usize,
}

impl CustomRing {
    pub fn push(&mut self, seq: u64, values: Arc<CustomValues>) {
        self.bytes += values.bytes();
        self.ticks.push_back((seq, values));
    }

    /// Drops those of ticks before this seq.
    pub fn forget_before(&mut self, oldest: u64) {
        while self.ticks.front().is_some_and(|(seq, _)| *seq < oldest) {
            self.bytes -= self.ticks.pop_front().map_or(0, |(_, values)| values.bytes());
        }
    }

    /// Those of one tick.
    pub fn get(&self, seq: u64) -> Option<&Arc<CustomValues>> {
        let at = self.ticks.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.ticks.get(at).map(|(_, values)| values)
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.ticks.capacity() * size_of::<(u64, Arc<CustomValues>)>()
    }
}
