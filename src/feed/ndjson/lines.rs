//! Chunks of bytes to whole, numbered lines: a state machine without I/O.
//!
//! A line ends with LF or CR LF; blank lines are counted and skipped; a line over the limit is one
//! [`RawLine::TooLong`], and its bytes are dropped as they come. Lines within one chunk are returned in place; only a
//! line that is cut by the end of a chunk is copied.
//!
//! Invariants: how the bytes were cut into chunks changes nothing; at most `line_bytes_max` + 1 bytes are kept.

use memchr::memchr;

/// Splits chunks into lines; keeps the unfinished line of the last chunk.
pub struct LineSplitter {
    line_bytes_max: usize,
    /// The beginning of a line that the chunks so far did not end.
    carry: Vec<u8>,
    /// The carry was returned as a whole, and is emptied before the next byte is kept.
    carry_spent: bool,
    /// The current line was reported as too long; its bytes are dropped up to its end.
    skipping: bool,
    /// Lines that have ended.
    ended: u64,
}

/// A line as it was in the input.
#[derive(PartialEq, Eq, Debug)]
pub enum RawLine<'a> {
    /// Without its line end; the bytes may be used as scratch space.
    Whole {
        number: u64,
        bytes: &'a mut [u8],
    },
    TooLong {
        number: u64,
    },
}

/// The lines that end within one chunk.
///
/// Lending, so no [`Iterator`]: `while let Some(line) = chunk.next_line()`. A drop loses the rest of the chunk.
pub struct Chunk<'a> {
    lines: &'a mut LineSplitter,
    rest: &'a mut [u8],
}

// === impl LineSplitter ===

impl LineSplitter {
    pub fn new(line_bytes_max: usize) -> Self {
        Self::starting_after(0, line_bytes_max)
    }

    /// For input whose first `ended` lines were read elsewhere.
    pub fn starting_after(ended: u64, line_bytes_max: usize) -> Self {
        LineSplitter { line_bytes_max, carry: Vec::new(), carry_spent: false, skipping: false, ended }
    }

    pub fn feed<'a>(&'a mut self, chunk: &'a mut [u8]) -> Chunk<'a> {
        Chunk { lines: self, rest: chunk }
    }

    /// The last line, if the input did not end with a line end.
    pub fn finish(&mut self) -> Option<RawLine<'_>> {
        self.empty_spent_carry();
        let number = self.ended + 1;
        self.carry_spent = true;
        let skipped = std::mem::take(&mut self.skipping);
        if skipped || is_blank(&self.carry) {
            return None;
        }
        self.ended = number;
        let len = without_cr(&self.carry).len();
        if len > self.line_bytes_max {
            return Some(RawLine::TooLong { number });
        }
        Some(RawLine::Whole { number, bytes: &mut self.carry[..len] })
    }

    /// Keeps the beginning of a line for the next chunk; returns the line's number when it just became too long.
    fn keep(&mut self, part: &[u8]) -> Option<u64> {
        if self.skipping || part.is_empty() {
            return None;
        }
        // One more than the limit: the byte may be the CR of a line end whose LF is still to come.
        let room = (self.line_bytes_max + 1).saturating_sub(self.carry.len());
        let overflows = part.len() > room;
        self.carry.extend_from_slice(&part[..part.len().min(room)]);
        if overflows || without_cr(&self.carry).len() > self.line_bytes_max {
            self.carry.clear();
            self.skipping = true;
            return Some(self.ended + 1);
        }
        None
    }

    fn empty_spent_carry(&mut self) {
        if self.carry_spent {
            self.carry.clear();
            self.carry_spent = false;
        }
    }
}

// === impl Chunk ===

impl Chunk<'_> {
    /// The next line that ends in this chunk. `None` when there is none; the rest is then kept for the next chunk.
    pub fn next_line(&mut self) -> Option<RawLine<'_>> {
        self.lines.empty_spent_carry();
        loop {
            let rest = std::mem::take(&mut self.rest);
            let Some(end) = memchr(b'\n', rest) else {
                return self.lines.keep(rest).map(|number| RawLine::TooLong { number });
            };
            let (line, rest) = rest.split_at_mut(end + 1);
            self.rest = rest;
            let line = &mut line[..end];
            if self.lines.skipping {
                self.lines.skipping = false;
                self.lines.ended += 1;
                continue;
            }
            if !self.lines.carry.is_empty() {
                if let Some(number) = self.lines.keep(line) {
                    self.lines.skipping = false;
                    self.lines.ended = number;
                    return Some(RawLine::TooLong { number });
                }
                self.lines.ended += 1;
                if is_blank(&self.lines.carry) {
                    self.lines.carry.clear();
                    continue;
                }
                self.lines.carry_spent = true;
                let len = without_cr(&self.lines.carry).len();
                return Some(RawLine::Whole {
                    number: self.lines.ended,
                    bytes: &mut self.lines.carry[..len],
                });
            }
            self.lines.ended += 1;
            let number = self.lines.ended;
            let len = without_cr(line).len();
            if len > self.lines.line_bytes_max {
                return Some(RawLine::TooLong { number });
            }
            if !is_blank(line) {
                return Some(RawLine::Whole { number, bytes: &mut line[..len] });
            }
        }
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Looks beyond the first byte only if that is white space, so that it costs a good line nothing.
fn is_blank(line: &[u8]) -> bool {
    match line.first() {
        None => true,
        Some(first) => first.is_ascii_whitespace() && line.trim_ascii().is_empty(),
    }
}
