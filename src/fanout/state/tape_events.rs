//! The records of a topic as they stood at its newest tape events (trades, cancels, corrections), which mode `trades`
//! merges into no other tick.
//!
//! Loss first: at most as many are kept as the caller says. One more drops the oldest, and [`TapeEvents::cover`] then
//! says that what is older must be read from the ring. They are kept while a subscription is behind that may need them.
//!
//! Invariants: seqs rise; every tape event after `floor` is kept, and none up to it.

use std::collections::VecDeque;

use crate::topic::Record;

#[derive(Default)]
pub(in crate::fanout) struct TapeEvents {
    kept: VecDeque<Record>,
    floor: u64,
    /// A tape event was added, or tape events were lost, since subscriptions were marked last.
    is_fresh: bool,
}

impl TapeEvents {
    /// Keeps tape events from the next tick after `seq` on, and none before.
    pub fn begin_at(&mut self, seq: u64) {
        self.kept.clear();
        self.floor = seq;
    }

    /// Ticks up to `head` were missed, and among them tape events may be.
    pub fn lose(&mut self, head: u64) {
        self.begin_at(head);
        self.is_fresh = true;
    }

    /// Adds a tape event, and drops the oldest when there are more than `most`. `seen`: the seq up to which
    /// subscriptions were marked. Unless any `are_behind`, those up to it are needed no more.
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

    /// Those that are kept, after this seq.
    #[inline]
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Record> + '_ {
        // Nearly always the first, or one of the last few.
        let from = match self.kept.front() {
            Some(first) if first.seq > seq => 0,
            _ => self.kept.partition_point(|event| event.seq <= seq),
        };
        self.kept.range(from..)
    }

    /// The seq of the newest one, when it is after this seq.
    #[inline]
    pub fn newest_after(&self, seq: u64) -> Option<u64> {
        self.kept.back().map(|event| event.seq).filter(|&newest| newest > seq)
    }

    /// The tape event with this seq.
    pub fn at(&self, seq: u64) -> Option<&Record> {
        let found = self.kept.binary_search_by_key(&seq, |event| event.seq).ok()?;
        self.kept.get(found)
    }

    /// The oldest one, and the seq up to which none is kept.
    pub fn oldest(&self) -> Option<&Record> {
        self.kept.front()
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether any came since the last call.
    #[inline]
    pub fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.is_fresh)
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.kept.iter()
    }
}
