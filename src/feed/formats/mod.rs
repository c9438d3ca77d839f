//! The formats that recordings come in: for each a decoder that does no I/O, and the knowledge by which it is told from
//! the others.
//!
//! ```text
//! file's name, first bytes -> Format -> Decoder; chunks of bytes -> Decoder -> Output (ticks, rejects)
//! ```
//! What opens files, decompresses them and merges several is `feed::recording`.
//!
//! Invariants: no input panics; how the bytes were cut into chunks changes nothing; a broken record costs at most its
//! own bytes and one bounded message; a decimal that stands as text in the source never passes through a float.

mod own;

use crate::{
    feed::{
        RejectReason,
        ndjson::Tally,
        recording::{Header, Place, REJECTS_KEPT},
    },
    tick::{Nanos, Tick},
};

/// Bytes to ticks: a state machine. Chunks are fed in order, then the end is told once.
pub trait Decoder: Send {
    /// Decodes the records that end in `chunk`. Its bytes may be used as scratch space.
    fn feed(&mut self, chunk: &mut [u8], out: &mut Output);

    /// The input is whole and has ended: decodes the last record, when nothing had to follow it. Not called for an input
    /// that broke off, whose last piece nobody can trust.
    fn finish(&mut self, out: &mut Output);
}

/// What a decoder found. Its owner takes the contents out or calls [`Output::clear`].
#[derive(Default, Debug)]
pub struct Output {
    /// When each tick was received by its recorder, where the source says so, and the tick.
    pub ticks: Vec<(Option<Nanos>, Tick)>,
    /// The first rejected records.
    pub rejects: Vec<Rejected>,
    /// All rejected records.
    pub tally: Tally,
    /// Records that are well-formed and hold nothing that a tick could carry.
    pub passed: u64,
    /// What our own format's first line tells.
    pub header: Option<Header>,
}

/// A record that is no tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    pub place: Place,
    pub reason: RejectReason,
    pub message: String,
    /// How many ticks of the same output stand before it.
    pub ticks_before: usize,
}

/// A format that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Our own recordings, and ticks as lines without the first line.
    Own,
}

// === impl Output ===

impl Output {
    /// Empties everything, and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rejects.clear();
        self.tally = Tally::default();
        self.passed = 0;
    }

    pub fn reject(&mut self, place: Place, reason: RejectReason, message: impl FnOnce() -> String) {
        self.tally.add(reason);
        if self.rejects.len() < REJECTS_KEPT {
            let ticks_before = self.ticks.len();
            self.rejects.push(Rejected { place, reason, message: message(), ticks_before });
        }
    }
}

// === impl Format ===

impl Format {
    /// Tells the format by the first bytes and the name, both without compression. `head` is the whole file when that
    /// is shorter than [`HEAD_BYTES`].
    ///
    /// # Errors
    /// When it is none of those that can be read: why, for a person.
    pub fn detect(_name: &str, head: &[u8]) -> Result<Self, String> {
        own::check_head(head)?;
        Ok(Format::Own)
    }

    /// # Errors
    /// When the name does not tell what a reader of this format must know.
    pub fn decoder(self, _name: &str, line_bytes_max: usize) -> Result<Box<dyn Decoder>, String> {
        Ok(match self {
            Format::Own => Box::new(own::Own::new(line_bytes_max)),
        })
    }
}

/// So much of a file is looked at to tell its format.
pub const HEAD_BYTES: usize = 16 * 1024;
