//! The contents of recordings, whatever their format: ticks with their receive times, and rejected records, each with
//! its position and its reason.
//!
//! Loss: of the rejected records of a block, [`REJECTS_KEPT`] are described; all are counted in the tally.

use std::{fmt, sync::Arc};

use super::reject::{RejectCounts, RejectReason};
use crate::tick::{Nanos, Tick};

/// A tick, and when its recorder received it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedTick {
    /// By the recorder's clock: a replay is paced by it. If a source has none, the tick's `ts`; if that is missing too,
    /// the time of the record before it in its file. It may step back where the file's lines do.
    pub rx: Nanos,
    pub tick: Tick,
}

/// Records, and what happened between them. The owner takes the contents out or calls [`Block::clear`].
#[derive(Default, Debug)]
pub struct Block {
    pub records: Vec<RecordedTick>,
    /// The first rejected records.
    pub rejects: Vec<Reject>,
    /// All rejected records.
    pub tally: RejectCounts,
    /// Well-formed records without any field of a tick: comments, funding rates, system messages.
    pub passed: u64,
    /// Loss that our own recordings report: how many gaps of selected symbols, and how many ticks.
    pub gaps: u64,
    pub gap_ticks: u64,
    /// Before which of the records the recorder lost its connection, as our own recordings tell it; in order.
    pub disconnects: Vec<usize>,
    /// Warnings where nothing was rejected: a file that was cut, times that jump. Each names its file.
    pub warnings: Vec<String>,
    /// Files that a pattern or an archive gave and that are not recordings.
    pub skipped_files: u64,
    /// A compressed file was cut.
    pub cut: bool,
    /// Steps of an hour or more between the times of consecutive records of a file, either way; and the largest.
    pub jumps: u64,
    pub jump_max_ns: u64,
}

/// A record that is not a tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    pub file: Arc<str>,
    pub place: RecordPosition,
    pub reason: RejectReason,
    /// The fault, for a person.
    pub message: String,
}

/// The position of a record in its decompressed file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordPosition {
    /// Counted from 1.
    Line(u64),
    /// The first byte of a binary record, counted from 0.
    Byte(u64),
}

/// How many rejected records of a block are described; the others are only counted.
pub const REJECTS_KEPT: usize = 1_000;

// === impl Block ===

impl Block {
    /// Empties everything and keeps the allocations.
    pub fn clear(&mut self) {
        self.records.clear();
        self.rejects.clear();
        self.tally = RejectCounts::default();
        (self.passed, self.gaps, self.gap_ticks) = (0, 0, 0);
        self.disconnects.clear();
        self.warnings.clear();
        self.cut = false;
        self.skipped_files = 0;
        (self.jumps, self.jump_max_ns) = (0, 0);
    }

    /// Appends all of another block.
    pub fn append(&mut self, mut other: Block) {
        let before = self.records.len();
        self.disconnects.extend(other.disconnects.iter().map(|at| before + at));
        self.records.append(&mut other.records);
        let room = REJECTS_KEPT.saturating_sub(self.rejects.len());
        self.rejects.extend(other.rejects.into_iter().take(room));
        self.tally.add_all(&other.tally);
        self.passed += other.passed;
        self.gaps += other.gaps;
        self.gap_ticks = self.gap_ticks.saturating_add(other.gap_ticks);
        self.warnings.append(&mut other.warnings);
        self.skipped_files += other.skipped_files;
        self.cut |= other.cut;
        self.jumps += other.jumps;
        self.jump_max_ns = self.jump_max_ns.max(other.jump_max_ns);
    }
}

// === impl RecordPosition ===

impl fmt::Display for RecordPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordPosition::Line(line) => write!(f, "line {line}"),
            RecordPosition::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}
