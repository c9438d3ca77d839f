//! The history of a topic's configured fields: the companion of the packed words in [`Ring`](super::ring::Ring).
//!
//! Only ticks that set or withdrew such a field have an entry. Most topics have none and pay nothing.
//!
//! Invariant: seqs ascend, and none is older than the ring's oldest tick.

use std::{collections::VecDeque, sync::Arc};

use crate::tick::CustomValues;

#[derive(Clone, Debug, Default)]
pub struct CustomRing {
    /// One entry per tick, with its seq, oldest first.
    ticks: VecDeque<(u64, Arc<CustomValues>)>,
    /// The heap bytes of all values.
    bytes: usize,
}

impl CustomRing {
    pub fn push(&mut self, seq: u64, values: Arc<CustomValues>) {
        self.bytes += values.bytes();
        self.ticks.push_back((seq, values));
    }

    /// Drops the entries of ticks before this seq.
    pub fn forget_before(&mut self, oldest: u64) {
        while self.ticks.front().is_some_and(|(seq, _)| *seq < oldest) {
            self.bytes -= self.ticks.pop_front().map_or(0, |(_, values)| values.bytes());
        }
    }

    /// The values at one tick; `None` when the tick named no configured field.
    pub fn get(&self, seq: u64) -> Option<&Arc<CustomValues>> {
        let at = self.ticks.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.ticks.get(at).map(|(_, values)| values)
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.ticks.capacity() * size_of::<(u64, Arc<CustomValues>)>()
    }
}
