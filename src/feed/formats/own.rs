//! Our own recordings: ticks as lines of JSON behind a line that says what the file is; without that line too.
//!
//! A line that has `tickcast` as its first name says something about the recording, and is no tick: the first line, a
//! gap, a comment. It is passed over.

use super::{Decoder, Output};
use crate::feed::{
    ndjson::{self, LineError, Lines, RawLine},
    recording::{Header, Place},
};

/// The state between chunks.
pub struct Own {
    lines: Lines,
    line: ndjson::Decoder,
}

/// How every line begins that tells of the recording.
pub const META: &[u8] = b"{\"tickcast\":";

/// Whether the first line is a recording's, or a tick.
///
/// # Errors
/// Why it cannot be read, for a person.
pub fn check_head(line: &[u8]) -> Result<(), String> {
    let parsed = Header::parse(line);
    match parsed {
        Err(_) if ndjson::Decoder::new(line.len()).decode(&mut line.to_vec()).is_ok() => Ok(()),
        other => other.map(drop),
    }
}

// === impl Own ===

impl Own {
    pub fn new(line_bytes_max: usize) -> Self {
        Own { lines: Lines::new(line_bytes_max), line: ndjson::Decoder::new(line_bytes_max) }
    }
}

impl Decoder for Own {
    fn feed(&mut self, chunk: &mut [u8], out: &mut Output) {
        let mut chunk = self.lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(&mut self.line, line, out);
        }
    }

    fn finish(&mut self, out: &mut Output) {
        if let Some(line) = self.lines.finish() {
            decode_line(&mut self.line, line, out);
        }
    }
}

fn decode_line(decoder: &mut ndjson::Decoder, line: RawLine<'_>, out: &mut Output) {
    let (number, result) = match line {
        RawLine::Whole { number: 1, bytes } if note_header(bytes, out) => return,
        RawLine::Whole { bytes, .. } if bytes.starts_with(META) => {
            out.passed += 1;
            return;
        }
        RawLine::Whole { number, bytes } => (number, decoder.decode(bytes)),
        RawLine::TooLong { number } => (number, Err(LineError::TooLong { limit: decoder.line_bytes_max() })),
    };
    match result {
        Ok(line) => out.ticks.push((line.rx, line.tick)),
        Err(error) => out.reject(Place::Line(number), error.reason(), || error.to_string()),
    }
}

/// Whether the line is the first of a recording.
fn note_header(line: &[u8], out: &mut Output) -> bool {
    let header = Header::parse(line).ok();
    let is_header = header.is_some();
    if is_header {
        out.header = header;
        out.passed += 1;
    }
    is_header
}
