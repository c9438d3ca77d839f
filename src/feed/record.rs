//! What recordings hold, whatever their format: ticks with the time that each was received, and what was no tick, with its
//! place and its reason.
//!
//! Loss: of the rejected records of one block, [`REJECTS_KEPT`] are described; all are counted in the tally.

use std::{fmt, sync::Arc};

use super::reject::{RejectReason, Tally};
use crate::tick::{Nanos, Tick};

/// A tick, and when its recorder received it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// By the recorder's clock: what a replay paces by. Where a source has none, the tick's `ts`; where that is missing
    /// too, the time of the record before it in its file. It may step back where the file's lines do.
    pub rx: Nanos,
    pub tick: Tick,
}

/// Records, and what happened between them. Its owner takes the contents out or calls [`Block::clear`].
#[derive(Default, Debug)]
pub struct Block {
    pub records: Vec<Record>,
    /// The first rejected records.
    pub rejects: Vec<Reject>,
    /// All rejected records.
    pub tally: Tally,
    /// Well-formed records that hold nothing that a tick could carry: comments, funding rates, system messages.
    pub passed: u64,
    /// What our own recordings say is missing: how many gaps of selected symbols, and how many ticks.
    pub gaps: u64,
    pub gap_ticks: u64,
    /// What somebody should know though nothing was rejected: a file that was cut, times that jump. Each names its file.
    pub warnings: Vec<String>,
    /// Files that were found by a pattern or in an archive, and are no recordings.
    pub skipped_files: u64,
    /// A compressed file was cut.
    pub cut: bool,
    /// Steps of an hour or more from one record's time to the next of its file, either way; and the furthest.
    pub jumps: u64,
    pub jump_max_ns: u64,
}

/// A record that is no tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    pub file: Arc<str>,
    pub place: Place,
    pub reason: RejectReason,
    /// For a person: what was wrong.
    pub message: String,
}

/// Where in its file, decompressed, a record stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Counted from 1.
    Line(u64),
    /// The first byte of a binary record, counted from 0.
    Byte(u64),
}

/// How many rejected records of a block are described; the others are only counted.
pub const REJECTS_KEPT: usize = 1_000;

// === impl Block ===

impl Block {
    /// Empties everything, and keeps the allocations.
    pub fn clear(&mut self) {
        self.records.clear();
        self.rejects.clear();
        self.tally = Tally::default();
        (self.passed, self.gaps, self.gap_ticks) = (0, 0, 0);
        self.warnings.clear();
        self.cut = false;
        self.skipped_files = 0;
        (self.jumps, self.jump_max_ns) = (0, 0);
    }

    /// Appends all of another.
    pub fn append(&mut self, mut other: Block) {
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

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}
