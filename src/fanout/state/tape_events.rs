//! [`TapeEvents`]: a topic's records as of its newest tape events (trades, cancels, corrections), which mode `trades`
//! must not conflate.
//!
//! Loss: at most `most` are kept. One more drops the oldest, and [`TapeEvents::cover`] then says that older ones must
//! be read from the ring. They are kept only while a subscription is behind that may need them.
//!
//! Invariants: seqs ascend; every tape event after `floor` is kept, none up to it.

use std::collections::VecDeque;

use crate::topic::Record;

#[derive(Default)]
pub(in crate::fanout) struct TapeEvents {
    kept: VecDeque<Record>,
    floor: u64,
    /// A tape event was added or lost since subscriptions were last marked.
    is_fresh: bool,
}

impl TapeEvents {
    /// Starts to keep tape events after `seq`, and drops older ones.
    pub fn begin_at(&mut self, seq: u64) {
        self.kept.clear();
        self.floor = seq;
    }

    /// Notes that ticks up to `head`, possibly with tape events, were missed.
    pub fn lose(&mut self, head: u64) {
        self.begin_at(head);
        self.is_fresh = true;
    }

    /// Adds a tape event; drops the oldest beyond `most`. `seen`: the seq up to which subscriptions were marked. If
    /// none `are_behind`, events up to it are dropped.
    pub fn push(&mut self, record: &Record, seen: u64, are_behind: bool, most: usize) {
        if !are_behind && self.kept.back().is_some_and(|last| last.seq <= seen) {
            self.begin_at(seen);
        }
        if self.kept.len() >= most
            && let Some(oldest) = self.kept.pop_front()
        {
            self.floor = oldest.seq;
        }
        self.kept.push_back(record.clone());
        self.is_fresh = true;
    }

    /// Whether every tape event after this seq is kept.
    #[inline]
    pub fn cover(&self, seq: u64) -> bool {
        seq >= self.floor
    }

    /// The kept events after this seq.
    #[inline]
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Record> + '_ {
        // Nearly always the first, or among the last few.
        let from = match self.kept.front() {
            Some(first) if first.seq > seq => 0,
            _ => self.kept.partition_point(|event| event.seq <= seq),
        };
        self.kept.range(from..)
    }

    /// Seq of the newest event, if it is after this seq.
    #[inline]
    pub fn newest_after(&self, seq: u64) -> Option<u64> {
        self.kept.back().map(|event| event.seq).filter(|&newest| newest > seq)
    }

    /// The tape event with this seq.
    pub fn at(&self, seq: u64) -> Option<&Record> {
        let found = self.kept.binary_search_by_key(&seq, |event| event.seq).ok()?;
        self.kept.get(found)
    }

    /// The oldest kept event.
    pub fn oldest(&self) -> Option<&Record> {
        self.kept.front()
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether events were added or lost since the last call.
    #[inline]
    pub fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.is_fresh)
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.kept.iter()
    }
}
