//! The interface of every decoder, a state machine without I/O, and its output.
//!
//! Loss: of the rejected records of one output, [`REJECTS_KEPT`] are described; all are counted in the tally.

use std::sync::Arc;

use super::{fault::FormatFault, prefix::Prefix};
use crate::{
    feed::{
        header::Header,
        record::{REJECTS_KEPT, RecordPosition},
        reject::{RejectCounts, RejectReason},
    },
    tick::{Nanos, Symbol, Tick},
};

/// Decodes bytes to ticks: a state machine. Chunks are given in order, then the end once.
pub trait Decoder: Send {
    /// Decodes the records that end in `chunk`. Its bytes may be used as scratch space.
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput);

    /// The input is complete and has ended: decodes the last record, if nothing had to follow it. Not called for an
    /// input that was cut, whose last piece is not reliable.
    fn finish(&mut self, out: &mut DecoderOutput);
}

/// The result of a decoder. The owner takes the contents out or calls [`DecoderOutput::clear`].
#[derive(Default, Debug)]
pub struct DecoderOutput {
    /// Each tick with its receive time by the recorder's clock, if the source has it.
    pub ticks: Vec<(Option<Nanos>, Tick)>,
    /// The first rejected records.
    pub rejects: Vec<RejectedRecord>,
    /// All rejected records.
    pub tally: RejectCounts,
    /// Well-formed records without any field of a tick.
    pub passed: u64,
    /// The beginning of the first of them that is text; it survives [`DecoderOutput::clear`].
    pub first_passed: Option<String>,
    /// Loss that our own recordings report.
    pub gaps: Vec<Gap>,
    /// Where the recorder lost its connection, as our own recordings report: after how many ticks of this output, and when.
    pub disconnects: Vec<(usize, Nanos)>,
    /// The header of our own format.
    pub header: Option<Header>,
    /// The prefix of every symbol.
    pub prefix: Option<Prefix>,
    /// The format fills configured fields by itself, so that one which a symbol cannot have is left out.
    pub fills_fields: bool,
    /// The first steps of an hour or more from one tick's time to the next.
    pub jumps: Vec<Jump>,
    /// The number of all, and the largest.
    pub jumped: u64,
    pub jump_max_ns: u64,
    /// Warnings about the file.
    pub notes: Vec<String>,
    /// The time of the last tick that has one; it survives [`DecoderOutput::clear`].
    last: Option<Nanos>,
}

/// Two consecutive ticks whose times are far apart, either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// The position of the second.
    pub place: RecordPosition,
    pub from: Nanos,
    pub to: Nanos,
}

/// Ticks of a symbol that the recorder did not receive, as it reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// When the recorder learned of it.
    pub rx: Nanos,
    pub symbol: Symbol,
    pub ticks: u64,
}

/// A record that is not a tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedRecord {
    pub place: RecordPosition,
    pub reason: RejectReason,
    pub message: String,
    /// How many ticks of the same output are before it.
    pub ticks_before: usize,
}

/// How much of a file is examined to detect its format.
pub const HEAD_BYTES: usize = 16 * 1024;
/// A step from one tick to the next is reported from this length on: an hour.
pub const JUMP_NANOS: u64 = 3_600_000_000_000;

/// How many of one output are kept with their position.
const JUMPS_KEPT: usize = 4;

// === impl DecoderOutput ===

impl DecoderOutput {
    /// With this prefix for its symbols.
    pub fn with_prefix(prefix: Option<Prefix>) -> Self {
        DecoderOutput { prefix, ..DecoderOutput::default() }
    }

    /// Empties everything and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rejects.clear();
        self.tally = RejectCounts::default();
        self.passed = 0;
        self.gaps.clear();
        self.disconnects.clear();
        self.jumps.clear();
        (self.jumped, self.jump_max_ns) = (0, 0);
        self.notes.clear();
    }

    /// Skips a line without content.
    pub fn pass(&mut self, line: &[u8]) {
        const SHOWN_BYTES: usize = 100;
        self.passed += 1;
        self.first_passed.get_or_insert_with(|| {
            String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned()
        });
    }

    /// Takes a tick at position `place`, with its receive time `rx` if the source has it.
    #[inline]
    pub fn tick(&mut self, place: RecordPosition, rx: Option<Nanos>, mut tick: Tick) {
        if let Some(prefix) = &self.prefix {
            match prefix.before(&tick.symbol) {
                Ok(symbol) => tick.symbol = symbol,
                Err(error) => {
                    let fault = FormatFault::Symbol(error);
                    return self.reject(place, fault.reason(), || fault.to_string());
                }
            }
        }
        if tick.fields.custom.is_some() && !self.check_custom(place, &mut tick) {
            return;
        }
        if let Some(at) = rx.or(tick.ts) {
            let before = self.last.replace(at).unwrap_or(at);
            if before.0.abs_diff(at.0) >= JUMP_NANOS {
                self.jump(Jump { place, from: before, to: at });
            }
        }
        self.ticks.push((rx, tick));
    }

    /// Whether the tick stands, once its symbol can have all its configured fields.
    #[cold]
    fn check_custom(&mut self, place: RecordPosition, tick: &mut Tick) -> bool {
        let Some(custom) = &tick.fields.custom else { return true };
        let Some(foreign) = custom.foreign_to(&tick.symbol) else { return true };
        if !self.fills_fields {
            self.reject(place, RejectReason::UnknownField, || foreign);
            return false;
        }
        tick.fields.custom = custom.of_symbol(&tick.symbol).map(Arc::new);
        self.passed += u64::from(!tick.fields.has_values());
        tick.fields.has_values()
    }

    #[cold]
    fn jump(&mut self, jump: Jump) {
        self.jumped += 1;
        self.jump_max_ns = self.jump_max_ns.max(jump.nanos());
        if self.jumps.len() < JUMPS_KEPT {
            self.jumps.push(jump);
        }
    }

    /// Takes a loss that a recording reports.
    pub fn gap(&mut self, mut gap: Gap) {
        if let Some(Ok(symbol)) = self.prefix.as_ref().map(|prefix| prefix.before(&gap.symbol)) {
            gap.symbol = symbol;
        }
        self.gaps.push(gap);
    }

    /// The recorder lost its connection at this time.
    pub fn disconnect(&mut self, rx: Nanos) {
        self.disconnects.push((self.ticks.len(), rx));
    }

    pub fn reject(&mut self, place: RecordPosition, reason: RejectReason, message: impl FnOnce() -> String) {
        self.tally.add(reason);
        if self.rejects.len() < REJECTS_KEPT {
            let ticks_before = self.ticks.len();
            self.rejects.push(RejectedRecord { place, reason, message: message(), ticks_before });
        }
    }
}

// === impl Jump ===

impl Jump {
    /// Its length.
    pub fn nanos(&self) -> u64 {
        self.from.0.abs_diff(self.to.0)
    }
}
