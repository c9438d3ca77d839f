//! Cached messages of one topic in one encoding, with decimals either as numbers or as text: its whole record, what has changed of it since a seq, its last tick, and
//! a run of its newest ticks.

use super::{
    encodings::encoder::{MessageKind, Messages, RecordPart},
    merged::MergedUpdates,
};
use crate::{
    tick::{Numbers, Symbol, WantedFields},
    topic::{Record, Stamped},
};

/// The encoded messages of all topics in one encoding: by [`Numbers`], then by local topic.
pub(super) type CachedTopics = [Vec<Cached>; Numbers::ALL.len()];

/// The encoded messages of a topic.
#[derive(Default)]
pub(super) struct Cached {
    /// The part of a snapshot that depends on the record as of `record_seq` alone.
    record: Vec<u8>,
    record_seq: u64,
    pub merged: MergedUpdates,
    /// The message of the tick `tick_seq`.
    tick: Vec<u8>,
    tick_seq: u64,
    /// The messages of consecutive ticks from seq `run_first` on, and the end of each.
    run: Vec<u8>,
    run_ends: Vec<u32>,
    run_first: u64,
    /// Updates of the records at the newest stops, each at the remainder of its seq; empty until there is one.
    stops: Vec<MergedUpdates>,
}

/// A run that is longer than this is started again.
const RUN_BYTES_MAX: usize = 8 * 1024;
/// How many stops are cached: sessions that keep up are sent those of one batch, which has few for each topic.
const STOPS: usize = 4;

impl Cached {
    /// The part of a snapshot that depends on this record alone.
    #[inline]
    pub fn record<M: Messages>(&mut self, symbol: &Symbol, record: &Record, numbers: Numbers) -> &[u8] {
        if self.record_seq != record.seq {
            self.record.clear();
            let part = RecordPart { fields: WantedFields::ALL, report: None, numbers };
            M::record(symbol, record, &part, &mut self.record);
            self.record_seq = record.seq;
        }
        &self.record
    }

    /// The message of the record's last tick.
    #[inline]
    pub fn last_tick<M: Messages>(&mut self, symbol: &Symbol, record: &Record, numbers: Numbers) -> &[u8] {
        if self.tick_seq != record.seq {
            self.tick.clear();
            let report = record.fields.report().map(|report| &**report);
            let part = RecordPart { fields: record.all_changed(), report, numbers };
            M::some(MessageKind::Update, symbol, record, &part, 1, &mut self.tick);
            self.tick_seq = record.seq;
        }
        &self.tick
    }

    /// Updates of the record at a stop.
    #[inline]
    pub fn stop(&mut self, seq: u64) -> &mut MergedUpdates {
        if self.stops.is_empty() {
            self.stops.resize_with(STOPS, MergedUpdates::default);
        }
        &mut self.stops[seq as usize % STOPS]
    }

    /// Whether the run, once extended, has the messages from `seq` on. A run that is too long is started again.
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
    pub fn extend<M: Messages>(&mut self, symbol: &Symbol, ticks: &[Stamped], numbers: Numbers) {
        let end = self.run_first + self.run_ends.len() as u64;
        for tick in ticks.iter().filter(|tick| tick.seq >= end) {
            M::tick(symbol, tick, WantedFields::ALL, numbers, 1, &mut self.run);
            self.run_ends.push(u32::try_from(self.run.len()).unwrap_or(u32::MAX));
        }
    }

    /// Copies at most `count` whole messages from `seq` on, as many as fit into `room` bytes. Returns their number.
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
