//! One line to one [`Tick`], on simd-json's tape with buffers that are kept from line to line.
//!
//! A field that is given twice is refused: which of two prices was meant, nobody can know.
//!
//! Invariants: no input panics, and nesting is bounded before it is walked; a good line allocates nothing, once the
//! buffers have grown to its length (a symbol of more than 24 bytes, and a decimal that is rare, excepted).

use std::mem;

use simd_json::{Buffers, Node, StaticNode, Tape};

use super::{
    error::{LineError, ValueFault},
    values::{kind, read_field, read_symbol, read_time},
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
#[derive(Default)]
struct Found {
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
        Decoder { buffers: Buffers::with_max_depth(0, DEPTH_MAX), tape: Tape(Vec::new()), line_bytes_max }
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
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let result = match simd_json::fill_tape(line, &mut self.buffers, &mut tape) {
            Ok(()) => read_line(&tape.0),
            Err(error) => Err(error.into()),
        };
        self.tape = tape.reset();
        result
    }
}

fn read_line(tape: &[Node<'_>]) -> Result<Line, LineError> {
    let Some((&Node::Object { .. }, mut rest)) = tape.split_first() else {
        return Err(LineError::NotAnObject { found: tape.first().map_or("nothing", kind) });
    };
    let mut found = Found::default();
    let mut seen = 0u16;
    // A nested value ends the line with an error, so what is left always stands at a name.
    while let [Node::String(name), value, after @ ..] = rest {
        let key = Key::parse(name).ok_or_else(|| LineError::unknown_field(name))?;
        if seen & key.bit() != 0 {
            return Err(key.fault(ValueFault::Twice));
        }
        seen |= key.bit();
        if *value != Node::Static(StaticNode::Null) {
            found.read(key, value)?;
        }
        rest = after;
    }
    let symbol = found.symbol.ok_or(LineError::SymbolMissing)?;
    if found.fields.mask.is_empty() {
        return Err(LineError::NoFields);
    }
    Ok(Line { tick: Tick { symbol, ts: found.ts, fields: found.fields }, rx: found.rx })
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
    fn read(&mut self, key: Key, value: &Node<'_>) -> Result<(), LineError> {
        match key {
            Key::Symbol => self.symbol = Some(read_symbol(value)?),
            Key::Ts => self.ts = Some(read_time(value).map_err(|fault| key.fault(fault))?),
            Key::Rx => self.rx = Some(read_time(value).map_err(|fault| key.fault(fault))?),
            Key::Record(field) => {
                read_field(&mut self.fields, field, value).map_err(|fault| key.fault(fault))?;
            }
        }
        Ok(())
    }
}
