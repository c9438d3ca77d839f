//! What is encoded of a topic: its whole record, its last tick, and its newest ticks one after another.

use super::encodings::encoder::{MessageKind, Messages};
use crate::{
    tick::{FieldSet, Symbol},
    topic::{Record, Stamped},
};

/// A topic's messages as bytes.
#[derive(Default)]
pub(super) struct Cached {
    /// What a message with the whole record as of `record_seq` has of it.
    record: Vec<u8>,
    record_seq: u64,
    /// Where in it begins what says which fields are withdrawn.
    withdrawn_at: usize,
    /// The message of the one tick `tick_seq`.
    tick: Vec<u8>,
    tick_seq: u64,
    /// The messages of consecutive ticks from `run_first` on, and where each ends.
    run: Vec<u8>,
    run_ends: Vec<u32>,
    run_first: u64,
}

/// A topic's run of encoded ticks is begun anew beyond this.
const RUN_BYTES_MAX: usize = 8 * 1024;

impl Cached {
    /// What a message with this record has of it.
    #[inline]
    pub fn record<M: Messages>(&mut self, kind: MessageKind, symbol: &Symbol, record: &Record) -> &[u8] {
        if self.record_seq != record.seq {
            self.record.clear();
            M::record(symbol, record, &mut self.record);
            self.withdrawn_at = self.record.len();
            M::withdrawn(record, &mut self.record);
            self.record_seq = record.seq;
        }
        match kind {
            MessageKind::Snapshot => &self.record[..self.withdrawn_at],
            MessageKind::Update => &self.record,
        }
    }

    /// The message of the record's last tick.
    #[inline]
    pub fn last_tick<M: Messages>(&mut self, symbol: &Symbol, record: &Record) -> &[u8] {
        if self.tick_seq != record.seq {
            self.tick.clear();
            M::some(MessageKind::Update, symbol, record, record.changed, 1, &mut self.tick);
            self.tick_seq = record.seq;
        }
        &self.tick
    }

    /// Whether a run from `seq` on can be served from here, once it is extended; an outgrown run is begun anew.
    #[inline]
    pub fn covers(&mut self, seq: u64) -> bool {
        let end = self.run_first + self.run_ends.len() as u64;
        if seq > end || (seq == end && self.run.len() > RUN_BYTES_MAX) || self.run_ends.is_empty() {
            self.run_first = seq;
            self.run.clear();
            self.run_ends.clear();
            self.run.shrink_to(2 * RUN_BYTES_MAX);
        }
        seq >= self.run_first
    }

    #[inline]
    pub fn extend<M: Messages>(&mut self, symbol: &Symbol, ticks: &[Stamped]) {
        let end = self.run_first + self.run_ends.len() as u64;
        for tick in ticks.iter().filter(|tick| tick.seq >= end) {
            M::tick(symbol, tick, FieldSet::ALL, 1, &mut self.run);
            self.run_ends.push(u32::try_from(self.run.len()).unwrap_or(u32::MAX));
        }
    }

    /// Copies at most `count` whole messages from `seq` on into `room` bytes; says how many.
    #[inline]
    pub fn copy(&self, seq: u64, count: usize, room: usize, out: &mut Vec<u8>) -> usize {
        let first = (seq - self.run_first) as usize;
        let start = if first == 0 { 0 } else { self.run_ends[first - 1] as usize };
        let ends = &self.run_ends[first..first + count];
        let fitting = ends.partition_point(|&end| end as usize - start <= room);
        if fitting > 0 {
            out.extend_from_slice(&self.run[start..ends[fitting - 1] as usize]);
        }
        fitting
    }
}
