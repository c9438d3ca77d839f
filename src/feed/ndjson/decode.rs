//! One line to one [`Tick`], on simd-json's tape with buffers that are kept from line to line.
//!
//! What a value may be: a JSON number, or a string that holds one. A string is taken exactly; a JSON number with a
//! fraction has passed through a double, so it is taken to 15 significant digits, and a whole one exactly. `null` is
//! the same as absent. A field that is given twice is refused: which of two prices was meant, nobody can know.
//!
//! Invariants: no input panics, and nesting is bounded before it is walked; a good line allocates nothing, once the
//! buffers have grown to its length (a symbol of more than 24 bytes, and a decimal that is rare, excepted).

use std::mem;

use simd_json::{Buffers, Node, StaticNode, Tape};

use super::error::{LineError, ValueFault};
use crate::tick::{FIXED_ONE, Field, FieldSet, Fields, Fixed, FixedError, Nanos, Side, Symbol, Tick, Volume};

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

/// The fields of a line; the discriminant of [`Key::Record`] leaves the bits above the record's to the others.
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
/// The longest whole part of a [`Volume`], as [`Volume::parse`] has it.
const VOLUME_MAX: f64 = 1e24;
/// A JSON number passes through a double, which is exact to this many significant digits.
const DOUBLE_DIGITS: u32 = 15;

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

fn read_symbol(value: &Node<'_>) -> Result<Symbol, LineError> {
    match value {
        Node::String(text) => Symbol::new(text).map_err(LineError::Symbol),
        other => Err(LineError::SymbolKind { found: kind(other) }),
    }
}

fn read_field(fields: &mut Fields, field: Field, value: &Node<'_>) -> Result<(), ValueFault> {
    match field {
        Field::Side => fields.set_side(read_side(value)?),
        Field::Volume => fields.set_volume(read_volume(value)?),
        Field::Trades => fields.set_trades(read_count(value)?),
        _ => {
            let fixed = read_fixed(value)?;
            if fixed < Fixed(0) && !field.may_be_negative() {
                return Err(ValueFault::Negative);
            }
            fields.set_fixed(field, fixed);
        }
    }
    Ok(())
}

fn read_fixed(value: &Node<'_>) -> Result<Fixed, ValueFault> {
    match value {
        Node::String(text) => Fixed::parse(text),
        Node::Static(StaticNode::F64(number)) => Fixed::from_f64(*number),
        Node::Static(StaticNode::U64(number)) => {
            i64::try_from(*number).map_err(|_| FixedError::Range).and_then(Fixed::from_int)
        }
        Node::Static(StaticNode::I64(number)) => Fixed::from_int(*number),
        other => return Err(ValueFault::NotANumber { found: kind(other) }),
    }
    .map_err(ValueFault::Decimal)
}

fn read_volume(value: &Node<'_>) -> Result<Volume, ValueFault> {
    match value {
        Node::String(text) => match text.strip_prefix('-') {
            None => Volume::parse(text).map_err(volume_fault),
            Some(digits) => match Volume::parse(digits).map_err(volume_fault)? {
                Volume(0) => Ok(Volume(0)),
                Volume(_) => Err(ValueFault::Negative),
            },
        },
        Node::Static(StaticNode::U64(number)) => Ok(Volume(i128::from(*number) * i128::from(FIXED_ONE))),
        Node::Static(StaticNode::I64(0)) => Ok(Volume(0)),
        Node::Static(StaticNode::I64(_)) => Err(ValueFault::Negative),
        Node::Static(StaticNode::F64(number)) => volume_from_f64(*number),
        other => Err(ValueFault::NotANumber { found: kind(other) }),
    }
}

/// A volume's range is wider than the one that the error's own text tells of.
fn volume_fault(error: FixedError) -> ValueFault {
    match error {
        FixedError::Range => ValueFault::VolumeRange,
        other => ValueFault::Decimal(other),
    }
}

/// As [`Fixed::from_f64`], over a volume's range: exact to 15 significant digits, rounded to 1e-9.
fn volume_from_f64(value: f64) -> Result<Volume, ValueFault> {
    if value < 0.0 {
        return Err(ValueFault::Negative);
    }
    if !value.is_finite() || value >= VOLUME_MAX {
        return Err(ValueFault::VolumeRange);
    }
    let units =
        value.trunc() as i128 * i128::from(FIXED_ONE) + (value.fract() * FIXED_ONE as f64).round() as i128;
    if units == 0 && value != 0.0 {
        return Err(ValueFault::Decimal(FixedError::Precision));
    }
    let digits = units.checked_ilog10().unwrap_or(0) + 1;
    if digits <= DOUBLE_DIGITS {
        return Ok(Volume(units));
    }
    // What stands behind the 15th digit is the double's noise.
    let unit = 10i128.pow(digits - DOUBLE_DIGITS);
    Ok(Volume((units + unit / 2) / unit * unit))
}

fn read_count(value: &Node<'_>) -> Result<u64, ValueFault> {
    match value {
        Node::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ValueFault::NotWhole);
            }
            match text.parse() {
                Ok(count) => Ok(count),
                Err(_) if digits.len() < text.len() => Err(ValueFault::Negative),
                Err(_) => Err(ValueFault::Range),
            }
        }
        Node::Static(StaticNode::U64(number)) => Ok(*number),
        Node::Static(StaticNode::I64(number)) => u64::try_from(*number).map_err(|_| ValueFault::Negative),
        Node::Static(StaticNode::F64(_)) => Err(ValueFault::NotWhole),
        other => Err(ValueFault::NotANumber { found: kind(other) }),
    }
}

fn read_time(value: &Node<'_>) -> Result<Nanos, ValueFault> {
    let micros = match value {
        Node::String(text) => text.parse().map_err(|_| ValueFault::Time)?,
        Node::Static(StaticNode::U64(number)) => i64::try_from(*number).map_err(|_| ValueFault::Time)?,
        Node::Static(StaticNode::I64(number)) => *number,
        _ => return Err(ValueFault::Time),
    };
    Nanos::from_micros(micros).ok_or(ValueFault::Time)
}

fn read_side(value: &Node<'_>) -> Result<Side, ValueFault> {
    match value {
        Node::String(text) => Side::parse(text).ok_or(ValueFault::Side),
        _ => Err(ValueFault::Side),
    }
}

/// What a value is, as a message calls it.
fn kind(node: &Node<'_>) -> &'static str {
    match node {
        Node::String(_) => "a string",
        Node::Object { .. } => "an object",
        Node::Array { .. } => "an array",
        Node::Static(StaticNode::Null) => "null",
        Node::Static(StaticNode::Bool(_)) => "a boolean",
        Node::Static(_) => "a number",
    }
}
