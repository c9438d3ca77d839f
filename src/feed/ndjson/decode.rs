//! One line to one [`Tick`], on simd-json's tape with buffers that are kept from line to line.
//!
//! A field that is given twice is refused: which of two prices was meant, nobody can know.
//!
//! simd-json makes doubles of numbers. Where one does not say what the number is worth, the line is read once more, by
//! its digits (`digits.rs`).
//!
//! Invariants: no input panics, and nesting is bounded before it is walked; a good line allocates nothing, once the
//! buffers have grown to its length (a symbol of more than 24 bytes, a string with escapes, and a number whose digits are
//! asked for, excepted).

use std::mem;

use memchr::memchr;
use simd_json::{Buffers, Node, Tape};

use super::{
    digits,
    error::{LineError, ValueFault, is_of_number},
    times::{Clock, read_time},
    values::{Unread, Value, read_field, read_symbol},
};
use crate::tick::{Field, FieldSet, Fields, Nanos, Symbol, Tick};

/// A line, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub tick: Tick,
    /// When the tick was received, by its recorder's clock: what a replay paces by.
    pub rx: Option<Nanos>,
}

/// Decodes lines; keeps its buffers between them.
pub struct Decoder {
    buffers: Buffers,
    /// Empty between calls: only its allocation is kept. A line's borrows end with the call, hence `'static`.
    tape: Tape<'static>,
    line_bytes_max: usize,
    clock: Clock,
}

/// The names that a line may have.
#[derive(Clone, Copy)]
enum Key {
    Symbol,
    Ts,
    Rx,
    Record(Field),
}

/// A line's values, as they are found.
pub(super) struct Found {
    clock: Clock,
    /// Names that there were.
    seen: u16,
    symbol: Option<Symbol>,
    ts: Option<Nanos>,
    rx: Option<Nanos>,
    fields: Fields,
}

/// A tick is flat; the little that is left is for a message that says what was nested.
const DEPTH_MAX: usize = 16;

// === impl Decoder ===

impl Decoder {
    pub fn new(line_bytes_max: usize) -> Self {
        let (buffers, tape) = (Buffers::with_max_depth(0, DEPTH_MAX), Tape(Vec::new()));
        Decoder { buffers, tape, line_bytes_max, clock: Clock::Real }
    }

    /// For lines in a file, whose times may also count from a beginning of their own.
    pub fn of_files(line_bytes_max: usize) -> Self {
        Decoder { clock: Clock::Any, ..Decoder::new(line_bytes_max) }
    }

    /// The lines to come are of a recording that says what it is: its times are microseconds.
    pub fn is_recording(&mut self) {
        self.clock = Clock::Micros;
    }

    pub fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// Decodes one line without its line end. The line's bytes are used as scratch space.
    ///
    /// # Errors
    /// When the line is no tick.
    pub fn decode(&mut self, line: &mut [u8]) -> Result<Line, LineError> {
        if line.len() > self.line_bytes_max {
            return Err(LineError::TooLong { limit: self.line_bytes_max });
        }
        // Escapes are resolved in place: what was written is gone then.
        let written = memchr(b'\\', line).map(|_| line.to_vec());
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape(line, &mut self.buffers, &mut tape);
        let mut found = Found::new(self.clock);
        let (read, fault) = match parsed {
            Ok(()) => (found.read(&tape.0), None),
            Err(error) if is_of_number(&error) => (Err(Unread::Digits), Some(error)),
            Err(error) => (Err(Unread::Fault(error.into())), None),
        };
        self.tape = tape.reset();
        match read {
            Ok(()) => found.line(),
            Err(Unread::Fault(fault)) => Err(fault),
            Err(Unread::Digits) => {
                digits::read(written.as_deref().unwrap_or(line), self.clock).map_err(|error| {
                    match (error, fault) {
                        // It is no number at all: the first parser says where.
                        (LineError::Syntax { .. }, Some(fault)) => fault.into(),
                        (error, _) => error,
                    }
                })
            }
        }
    }
}

// === impl Key ===

impl Key {
    fn parse(name: &str) -> Option<Key> {
        match name {
            "symbol" => Some(Key::Symbol),
            "ts" => Some(Key::Ts),
            "rx" => Some(Key::Rx),
            _ => Field::parse(name).map(Key::Record),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Key::Symbol => "symbol",
            Key::Ts => "ts",
            Key::Rx => "rx",
            Key::Record(field) => field.name(),
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Key::Symbol => 1 << 15,
            Key::Ts => 1 << 14,
            Key::Rx => 1 << 13,
            Key::Record(field) => field.bit().0,
        }
    }

    fn fault(self, fault: ValueFault) -> LineError {
        LineError::Value { field: self.name(), fault }
    }
}

const _: () =
    assert!(FieldSet::ALL.0 < 1 << 13, "the bits above the record's are taken by symbol, ts and rx");

// === impl Found ===

impl Found {
    pub(super) fn new(clock: Clock) -> Self {
        Found { clock, seen: 0, symbol: None, ts: None, rx: None, fields: Fields::default() }
    }

    /// Takes all names and values of an object.
    fn read(&mut self, tape: &[Node<'_>]) -> Result<(), Unread<LineError>> {
        let Some((&Node::Object { .. }, mut rest)) = tape.split_first() else {
            let found = tape.first().map_or("nothing", |node| Value::from(node).kind());
            return Err(LineError::NotAnObject { found }.into());
        };
        // A nested value ends the line with an error, so what is left always stands at a name.
        while let [Node::String(name), value, after @ ..] = rest {
            self.take(name, value.into())?;
            rest = after;
        }
        Ok(())
    }

    /// Takes one name with its value.
    pub(super) fn take(&mut self, name: &str, value: Value<'_>) -> Result<(), Unread<LineError>> {
        let key = Key::parse(name).ok_or_else(|| LineError::unknown_field(name))?;
        if self.seen & key.bit() != 0 {
            return Err(key.fault(ValueFault::Twice).into());
        }
        self.seen |= key.bit();
        if value == Value::Null {
            return Ok(());
        }
        match key {
            Key::Symbol => self.symbol = Some(read_symbol(value)?),
            Key::Ts => self.ts = Some(self.time(key, value)?),
            Key::Rx => self.rx = Some(self.time(key, value)?),
            Key::Record(field) => {
                read_field(&mut self.fields, field, value)
                    .map_err(|unread| unread.map(|fault| key.fault(fault)))?;
            }
        }
        Ok(())
    }

    fn time(&self, key: Key, value: Value<'_>) -> Result<Nanos, Unread<LineError>> {
        read_time(value, self.clock).map_err(|unread| unread.map(|fault| key.fault(fault)))
    }

    /// The line, once all of it was taken.
    pub(super) fn line(self) -> Result<Line, LineError> {
        let symbol = self.symbol.ok_or(LineError::SymbolMissing)?;
        if self.fields.mask.is_empty() {
            return Err(LineError::NoFields);
        }
        Ok(Line { tick: Tick { symbol, ts: self.ts, fields: self.fields }, rx: self.rx })
    }
}
