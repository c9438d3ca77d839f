//! The merged updates of one topic in one encoding, as of its newest record: each different one is encoded once.
//!
//! Sessions at different cursors nearly always lack the same fields, so there are few different ones, and a session's
//! share of the cost is to find its own and copy it.
//!
//! Bounds: [`MERGED_MAX`] of them; one more, and they are encoded anew as they are asked for.

use std::ops::Range;

use super::encodings::encoder::Messages;
use crate::{
    tick::{Symbol, WantedFields},
    topic::{ChangedFields, Record},
};

/// The encoded merged updates of a topic.
#[derive(Default)]
pub(super) struct MergedUpdates {
    /// They are of the record as of this seq.
    seq: u64,
    bytes: Vec<u8>,
    entries: Vec<MergedUpdate>,
}

/// For whom a part of the bytes is.
struct MergedUpdate {
    /// Those that were sent one of these seqs last,
    cursors: Range<u64>,
    /// want these fields,
    wanted: WantedFields,
    /// and are always sent these.
    always: WantedFields,
    /// So these fields are named.
    fields: WantedFields,
    /// Whether what the last tick says of a trade is shown.
    has_report: bool,
    bytes: Range<u32>,
}

/// How many entries are kept. The sets of fields that have changed since different seqs contain one another, so there are
/// hardly more than three or four.
const MERGED_MAX: usize = 8;

impl MergedUpdates {
    /// The part of an update that does not depend on how many ticks it stands for, with the wanted fields that changed
    /// after `cursor` and those of `always`.
    #[inline]
    pub fn update<M: Messages>(
        &mut self,
        symbol: &Symbol,
        record: &Record,
        cursor: u64,
        wanted: WantedFields,
        always: WantedFields,
    ) -> &[u8] {
        let is_it = |entry: &MergedUpdate| {
            entry.cursors.contains(&cursor) && entry.wanted == wanted && entry.always == always
        };
        let found = self.entries.iter().find(|entry| is_it(entry)).filter(|_| self.seq == record.seq);
        let bytes = match found {
            Some(entry) => entry.bytes.clone(),
            None => self.encode::<M>(symbol, record, cursor, wanted, always),
        };
        &self.bytes[bytes.start as usize..bytes.end as usize]
    }

    #[inline(never)]
    fn encode<M: Messages>(
        &mut self,
        symbol: &Symbol,
        record: &Record,
        cursor: u64,
        wanted: WantedFields,
        always: WantedFields,
    ) -> Range<u32> {
        if self.seq != record.seq || self.entries.len() >= MERGED_MAX {
            self.seq = record.seq;
            self.bytes.clear();
            self.entries.clear();
        }
        let ChangedFields { fields, cursors } = record.changed_since(cursor);
        let fields = fields.union(always).intersect(wanted);
        let report = record.fields.report().map(|report| &**report);
        let report = report.filter(|report| report.concerns(wanted.fixed));
        let has_report = report.is_some();
        let is_same = |entry: &&MergedUpdate| entry.fields == fields && entry.has_report == has_report;
        let encoded = self.entries.iter().find(is_same);
        let bytes = if let Some(entry) = encoded {
            entry.bytes.clone()
        } else {
            let start = self.bytes.len() as u32;
            M::record(symbol, record, fields, report, &mut self.bytes);
            M::withdrawn(record, fields, &mut self.bytes);
            start..self.bytes.len() as u32
        };
        self.entries.push(MergedUpdate { cursors, wanted, always, fields, has_report, bytes: bytes.clone() });
        bytes
    }
}
