//! Decodes one line to one [`Tick`](crate::tick::Tick), on simd-json's tape with buffers that are reused from line to line.
//!
//! simd-json turns numbers into doubles. Where a double does not determine the number's value, the line is read again,
//! by its digits (`digits.rs`).
//!
//! Invariants: no input panics, and nesting is bounded before it is walked; a good line allocates nothing, once the
//! buffers have grown to its length (except for a symbol of more than 24 bytes, a string with escapes, and a number
//! whose digits are needed).

use std::{mem, sync::Arc};

use memchr::memchr;
use simd_json::{Buffers, Node, Tape};

use super::{
    digits,
    error::{LineError, is_of_number},
    line::{Line, LineValues},
    times::LineClock,
    values::{NdjsonValue, ValueUnread, read_affects},
};
use crate::tick::CustomFields;

/// Decodes lines; keeps its buffers between them.
pub struct NdjsonDecoder {
    buffers: Buffers,
    /// Empty between calls: only its allocation is kept. A line's borrows end with the call, hence `'static`.
    tape: Tape<'static>,
    line_bytes_max: usize,
    clock: LineClock,
    /// The fields that are configured; a name is looked for here when it is none of the others.
    table: Arc<CustomFields>,
}

/// A tick is flat; this little depth allows a message that names what was nested.
const DEPTH_MAX: usize = 16;

// === impl NdjsonDecoder ===

impl NdjsonDecoder {
    pub fn new(line_bytes_max: usize) -> Self {
        let (buffers, tape) = (Buffers::with_max_depth(0, DEPTH_MAX), Tape(Vec::new()));
        NdjsonDecoder { buffers, tape, line_bytes_max, clock: LineClock::Real, table: CustomFields::none() }
    }

    /// For lines in a file, whose times may also count from a start of their own.
    pub fn of_files(line_bytes_max: usize) -> Self {
        NdjsonDecoder { clock: LineClock::Any, ..NdjsonDecoder::new(line_bytes_max) }
    }

    /// Lines may have these fields too.
    #[must_use]
    pub fn with_fields(self, table: Arc<CustomFields>) -> Self {
        NdjsonDecoder { table, ..self }
    }

    /// The following lines are of a recording with a header: its times are microseconds.
    pub fn is_recording(&mut self) {
        self.clock = LineClock::Micros;
    }

    pub fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// Decodes one line without its line end. The line's bytes are used as scratch space.
    ///
    /// # Errors
    /// When the line is not a tick.
    pub fn decode(&mut self, line: &mut [u8]) -> Result<Line, LineError> {
        if line.len() > self.line_bytes_max {
            return Err(LineError::TooLong { limit: self.line_bytes_max });
        }
        // Escapes are resolved in place: the original text is gone afterwards.
        let written = memchr(b'\\', line).map(|_| line.to_vec());
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape(line, &mut self.buffers, &mut tape);
        let mut found = LineValues::new(self.clock, &self.table);
        let (read, fault) = match parsed {
            Ok(()) => (read_object(&tape.0, &mut found), None),
            Err(error) if is_of_number(&error) => (Err(ValueUnread::Digits), Some(error)),
            Err(error) => (Err(ValueUnread::Fault(error.into())), None),
        };
        self.tape = tape.reset();
        match read {
            Ok(()) => found.line(),
            Err(ValueUnread::Fault(fault)) => Err(fault.within(written.as_deref().unwrap_or(line))),
            Err(ValueUnread::Digits) => {
                digits::read(written.as_deref().unwrap_or(line), self.clock, &self.table).map_err(|error| {
                    match (error, fault) {
                        // It is not a number at all: the first parser's error says where.
                        (LineError::Syntax { .. }, Some(fault)) => fault.into(),
                        (error, _) => error,
                    }
                })
            }
        }
    }
}

/// Takes all names and values of an object.
fn read_object(tape: &[Node<'_>], found: &mut LineValues<'_>) -> Result<(), ValueUnread<LineError>> {
    let Some((&Node::Object { .. }, mut rest)) = tape.split_first() else {
        let kind = tape.first().map_or("nothing", |node| NdjsonValue::from(node).kind());
        return Err(LineError::NotAnObject { found: kind }.into());
    };
    // Any other nested value ends the line with an error, so the next item is always a name.
    while let [Node::String(name), value, after @ ..] = rest {
        if let (&"affects", &Node::Array { count, .. }) = (name, value) {
            let (items, after) = after.split_at_checked(count).unwrap_or((after, &[]));
            found.take(name, NdjsonValue::Affects(read_affects(items.iter().map(NdjsonValue::from))))?;
            rest = after;
            continue;
        }
        found.take(name, value.into())?;
        rest = after;
    }
    Ok(())
}
