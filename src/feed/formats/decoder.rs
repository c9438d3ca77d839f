//! What every decoder is, a state machine without I/O, and what comes out of it.
//!
//! Loss: of the rejected records of one output, [`REJECTS_KEPT`] are described; all are counted in the tally.

use super::{fault::Fault, prefix::Prefix};
use crate::{
    feed::{
        header::Header,
        record::{Place, REJECTS_KEPT},
        reject::{RejectReason, Tally},
    },
    tick::{Nanos, Symbol, Tick},
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
    pub rejects: Vec<RejectedRecord>,
    /// All rejected records.
    pub tally: Tally,
    /// Records that are well-formed and hold nothing that a tick could carry.
    pub passed: u64,
    /// The beginning of the first of them that is text; it outlives [`Output::clear`].
    pub first_passed: Option<String>,
    /// What our own recordings say is missing.
    pub gaps: Vec<Gap>,
    /// What our own format's first line tells.
    pub header: Option<Header>,
    /// What every symbol is to begin with.
    pub prefix: Option<Prefix>,
    /// The first steps of an hour or more from one tick's time to the next.
    pub jumps: Vec<Jump>,
    /// All of them, and the furthest.
    pub jumped: u64,
    pub jump_max_ns: u64,
    /// What a person should know of the file.
    pub notes: Vec<String>,
    /// The time of the last tick that has one; it outlives [`Output::clear`].
    last: Option<Nanos>,
}

/// Two ticks one behind the other whose times lie far apart, either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// Where the second stands.
    pub place: Place,
    pub from: Nanos,
    pub to: Nanos,
}

/// Ticks of a symbol that the recorder never received, as it noted it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// When the recorder learned of it.
    pub rx: Nanos,
    pub symbol: Symbol,
    pub ticks: u64,
}

/// A record that is no tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedRecord {
    pub place: Place,
    pub reason: RejectReason,
    pub message: String,
    /// How many ticks of the same output stand before it.
    pub ticks_before: usize,
}

/// So much of a file is looked at to tell its format.
pub const HEAD_BYTES: usize = 16 * 1024;
/// From one tick to the next this is told: an hour.
pub const JUMP_NANOS: u64 = 3_600_000_000_000;

/// So many of one output are kept with their place.
const JUMPS_KEPT: usize = 4;

// === impl Output ===

impl Output {
    /// Of symbols that are to begin so.
    pub fn with_prefix(prefix: Option<Prefix>) -> Self {
        Output { prefix, ..Output::default() }
    }

    /// Empties everything, and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rejects.clear();
        self.tally = Tally::default();
        self.passed = 0;
        self.gaps.clear();
        self.jumps.clear();
        (self.jumped, self.jump_max_ns) = (0, 0);
        self.notes.clear();
    }

    /// Passes over a line that holds nothing.
    pub fn pass(&mut self, line: &[u8]) {
        const SHOWN_BYTES: usize = 100;
        self.passed += 1;
        self.first_passed.get_or_insert_with(|| {
            String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned()
        });
    }

    /// Takes a tick that stands at `place` and was received at `rx`, where the source says when.
    #[inline]
    pub fn tick(&mut self, place: Place, rx: Option<Nanos>, mut tick: Tick) {
        if let Some(prefix) = &self.prefix {
            match prefix.before(&tick.symbol) {
                Ok(symbol) => tick.symbol = symbol,
                Err(error) => {
                    let fault = Fault::Symbol(error);
                    return self.reject(place, fault.reason(), || fault.to_string());
                }
            }
        }
        if let Some(at) = rx.or(tick.ts) {
            let before = self.last.replace(at).unwrap_or(at);
            if before.0.abs_diff(at.0) >= JUMP_NANOS {
                self.jump(Jump { place, from: before, to: at });
            }
        }
        self.ticks.push((rx, tick));
    }

    #[cold]
    fn jump(&mut self, jump: Jump) {
        self.jumped += 1;
        self.jump_max_ns = self.jump_max_ns.max(jump.nanos());
        if self.jumps.len() < JUMPS_KEPT {
            self.jumps.push(jump);
        }
    }

    /// Takes what a recording says is missing.
    pub fn gap(&mut self, mut gap: Gap) {
        if let Some(Ok(symbol)) = self.prefix.as_ref().map(|prefix| prefix.before(&gap.symbol)) {
            gap.symbol = symbol;
        }
        self.gaps.push(gap);
    }

    pub fn reject(&mut self, place: Place, reason: RejectReason, message: impl FnOnce() -> String) {
        self.tally.add(reason);
        if self.rejects.len() < REJECTS_KEPT {
            let ticks_before = self.ticks.len();
            self.rejects.push(RejectedRecord { place, reason, message: message(), ticks_before });
        }
    }
}

// === impl Jump ===

impl Jump {
    /// How far.
    pub fn nanos(&self) -> u64 {
        self.from.0.abs_diff(self.to.0)
    }
}
