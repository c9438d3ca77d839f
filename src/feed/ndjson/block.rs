//! Decodes blocks of lines to ticks and rejections, for standard input, recordings and `POST /v1/publish`.
//!
//! Loss: of the rejected lines of one block, [`REJECTED_LINES_KEPT`] are kept with number and message; all are counted
//! in the [`RejectCounts`]. Without this limit sixteen megabytes of line ends would cost a gigabyte of messages.
//!
//! Invariant: `ticks`, `rx` and `lines` have the same length, and one index in them is one tick.

use std::sync::Arc;

use super::{Chunk, LineSplitter, NdjsonDecoder, RawLine, error::LineError};
use crate::{
    feed::reject::{RejectCounts, RejectReason},
    text::without_bom,
    tick::{CustomFields, Nanos, Tick},
};

/// Decodes input that arrives in chunks, cut anywhere.
pub struct BlockDecoder {
    decoder: NdjsonDecoder,
    lines: LineSplitter,
}

/// The result of a block. The owner takes the contents out or calls [`Decoded::clear`]; decoding only appends.
#[derive(Default, Debug)]
pub struct Decoded {
    pub ticks: Vec<Tick>,
    /// The receive time of each tick by its recorder's clock, if the line has it.
    pub rx: Vec<Option<Nanos>>,
    /// The number of each tick's line, from 1.
    pub lines: Vec<u64>,
    /// The first rejected lines.
    pub rejected: Vec<RejectedLine>,
    /// All rejected lines.
    pub tally: RejectCounts,
}

/// A line that is not a tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedLine {
    /// Counted from 1, blank lines included.
    pub line: u64,
    pub reason: RejectReason,
    /// For a person: the field, and the fault of its value.
    pub message: String,
}

/// How many rejected lines of a block are kept; the others are only counted.
pub const REJECTED_LINES_KEPT: usize = 1_000;

// === impl BlockDecoder ===

impl BlockDecoder {
    pub fn new(line_bytes_max: usize) -> Self {
        Self::starting_after(0, line_bytes_max)
    }

    /// For input whose first `ended` lines were read elsewhere.
    pub fn starting_after(ended: u64, line_bytes_max: usize) -> Self {
        BlockDecoder {
            decoder: NdjsonDecoder::new(line_bytes_max),
            lines: LineSplitter::starting_after(ended, line_bytes_max),
        }
    }

    /// Lines may have these fields too.
    #[must_use]
    pub fn with_fields(self, table: Arc<CustomFields>) -> Self {
        BlockDecoder { decoder: self.decoder.with_fields(table), ..self }
    }

    /// Decodes the lines that end in `chunk`. Its bytes are used as scratch space.
    pub fn feed(&mut self, chunk: &mut [u8], out: &mut Decoded) {
        decode_chunk(&mut self.decoder, self.lines.feed(chunk), out);
    }

    /// Decodes the last line, if the input did not end with a line end.
    pub fn finish(&mut self, out: &mut Decoded) {
        if let Some(line) = self.lines.finish() {
            decode_line(&mut self.decoder, line, out);
        }
    }
}

/// Decodes a whole body: its ticks, each with its line's number, and its rejected lines. The first
/// [`REJECTED_LINES_KEPT`] of them are described, and all are counted in the answer.
pub fn decode_block(
    decoder: &mut NdjsonDecoder,
    body: &mut [u8],
    ticks: &mut Vec<Tick>,
    lines: &mut Vec<u64>,
    rejected: &mut Vec<RejectedLine>,
) -> RejectCounts {
    let mut out = Decoded {
        ticks: std::mem::take(ticks),
        lines: std::mem::take(lines),
        rejected: std::mem::take(rejected),
        ..Decoded::default()
    };
    let mut splitter = LineSplitter::new(decoder.line_bytes_max());
    decode_chunk(decoder, splitter.feed(body), &mut out);
    if let Some(line) = splitter.finish() {
        decode_line(decoder, line, &mut out);
    }
    (*ticks, *lines, *rejected) = (out.ticks, out.lines, out.rejected);
    out.tally
}

fn decode_chunk(decoder: &mut NdjsonDecoder, mut chunk: Chunk<'_>, out: &mut Decoded) {
    while let Some(line) = chunk.next_line() {
        decode_line(decoder, line, out);
    }
}

fn decode_line(decoder: &mut NdjsonDecoder, line: RawLine<'_>, out: &mut Decoded) {
    let (number, result) = match line {
        RawLine::Whole { number: 1, bytes } => {
            let mark = bytes.len() - without_bom(bytes).len();
            if mark == bytes.len() {
                return;
            }
            (1, decoder.decode(&mut bytes[mark..]))
        }
        RawLine::Whole { number, bytes } => (number, decoder.decode(bytes)),
        RawLine::TooLong { number } => (number, Err(LineError::TooLong { limit: decoder.line_bytes_max() })),
    };
    match result {
        Ok(line) => {
            out.ticks.push(line.tick);
            out.rx.push(line.rx);
            out.lines.push(number);
        }
        Err(error) => out.reject(number, &error),
    }
}

// === impl Decoded ===

impl Decoded {
    /// Empties everything and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rx.clear();
        self.lines.clear();
        self.rejected.clear();
        self.tally = RejectCounts::default();
    }

    fn reject(&mut self, line: u64, error: &LineError) {
        self.tally.add(error.reason());
        if self.rejected.len() < REJECTED_LINES_KEPT {
            self.rejected.push(RejectedLine { line, reason: error.reason(), message: error.to_string() });
        }
    }
}
