//! Our own recordings: ticks as lines of JSON after a header line; also without that line.
//!
//! A line whose first name is `tickcast` describes the recording, and is not a tick: the header, a gap, a comment. It is
//! skipped, and a gap is recorded.

use std::{borrow::Cow, sync::Arc};

use super::{Decoder, DecoderOutput, Gap};
use crate::{
    feed::{
        ndjson::{self, LineError, LineSplitter, RawLine},
        recording::{Header, RecordPosition},
    },
    tick::{CustomFields, Nanos, Symbol},
};

/// The state between chunks.
pub struct OwnDecoder {
    lines: LineSplitter,
    line: ndjson::NdjsonDecoder,
    /// A tick or the header was read: the header must come first.
    begun: bool,
}

/// The start of every line that describes the recording.
pub const META: &[u8] = b"{\"tickcast\":";

/// Whether a line of JSON is a recording's header, or a tick.
///
/// # Errors
/// When it is a header of an unsupported recording: the reason, for a person.
pub fn check_head(line: &[u8], fields: &Arc<CustomFields>) -> Result<bool, String> {
    let decoder = ndjson::NdjsonDecoder::of_files(line.len());
    if decoder.with_fields(Arc::clone(fields)).decode(&mut line.to_vec()).is_ok() {
        return Ok(true);
    }
    match Header::parse(line) {
        Ok(_) => Ok(true),
        Err(why) if line.starts_with(META) => Err(why),
        Err(_) => Ok(false),
    }
}

// === impl OwnDecoder ===

impl OwnDecoder {
    pub fn new(line_bytes_max: usize, fields: Arc<CustomFields>) -> Self {
        OwnDecoder {
            lines: LineSplitter::new(line_bytes_max),
            line: ndjson::NdjsonDecoder::of_files(line_bytes_max).with_fields(fields),
            begun: false,
        }
    }
}

impl Decoder for OwnDecoder {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let mut chunk = self.lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(&mut self.line, &mut self.begun, line, out);
        }
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        if let Some(line) = self.lines.finish() {
            decode_line(&mut self.line, &mut self.begun, line, out);
        }
    }
}

fn decode_line(
    decoder: &mut ndjson::NdjsonDecoder,
    begun: &mut bool,
    line: RawLine<'_>,
    out: &mut DecoderOutput,
) {
    let (number, result) = match line {
        RawLine::Whole { bytes, .. } if !*begun && note_header(bytes, out) => {
            *begun = true;
            decoder.is_recording();
            return;
        }
        RawLine::Whole { bytes, .. } if bytes.starts_with(META) => {
            match gap(bytes) {
                Some(gap) => out.gap(gap),
                None => {
                    out.passed += 1;
                    if let Some(rx) = disconnected(bytes) {
                        out.disconnect(rx);
                    }
                }
            }
            return;
        }
        RawLine::Whole { number, bytes } => (number, decoder.decode(bytes)),
        RawLine::TooLong { number } => (number, Err(LineError::TooLong { limit: decoder.line_bytes_max() })),
    };
    *begun |= result.is_ok();
    match result {
        Ok(line) => out.tick(RecordPosition::Line(number), line.rx, line.tick),
        Err(error) => out.reject(RecordPosition::Line(number), error.reason(), || error.to_string()),
    }
}

/// The loss that a line reports, if any.
fn gap(line: &[u8]) -> Option<Gap> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        tickcast: &'a str,
        rx: i64,
        #[serde(borrow)]
        symbol: Cow<'a, str>,
        from: u64,
        to: u64,
    }
    let Line { tickcast, rx, symbol, from, to } = serde_json::from_slice(line).ok()?;
    let ticks = to.checked_sub(from)?.checked_add(1)?;
    let gap = Gap { rx: Nanos::from_micros(rx)?, symbol: Symbol::new(&symbol).ok()?, ticks };
    (tickcast == "gap").then_some(gap)
}

/// When the recorder lost its connection, if a line says that it has.
fn disconnected(line: &[u8]) -> Option<Nanos> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        tickcast: &'a str,
        rx: i64,
    }
    let Line { tickcast, rx } = serde_json::from_slice(line).ok()?;
    if tickcast == "disconnected" { Nanos::from_micros(rx) } else { None }
}

/// Whether the line is a recording's header.
fn note_header(line: &[u8], out: &mut DecoderOutput) -> bool {
    let header = Header::parse(line).ok();
    let is_header = header.is_some();
    if is_header {
        out.header = header;
        out.passed += 1;
    }
    is_header
}
