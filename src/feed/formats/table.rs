//! Lines of fields separated by commas or another byte: shared by all formats of tables. A state machine without I/O.
//!
//! One line is one row: a quoted field may contain commas and doubled quotes, but no line end, so that an unclosed
//! quote costs its own line and not the rest of the file.
//!
//! Invariants: how the bytes were cut into chunks changes nothing; a good row without quotes is not copied.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use super::{Decoder, DecoderOutput, FormatFault};
use crate::{
    feed::{
        ndjson::{LineSplitter, RawLine, ValueFault},
        recording::RecordPosition,
    },
    tick::{Decimal, DecimalError, Field, Fields, Nanos, Tick},
};

/// The result of a row.
#[expect(clippy::large_enum_variant, reason = "nearly every row is a tick, and none is kept")]
pub enum RowValue {
    Tick(Option<Nanos>, Tick),
    /// Well-formed, but without any field of a tick.
    Nothing,
}

/// The rows of one format.
pub trait TableFormat: Send {
    /// Takes a line that is not a record, with bytes that are not UTF-8 replaced; returns whether it is a line of names,
    /// which concatenated files repeat. Once a line of names was found, other lines change nothing.
    fn is_header(&mut self, row: &TableRow<'_>) -> bool;

    /// # Errors
    /// When the row is not a record of this format.
    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault>;
}

/// The fields of one line.
#[derive(Clone, Copy)]
pub struct TableRow<'a> {
    text: &'a str,
    /// The end of each field in `text`; the next begins one byte after it, or at once when the quotes were removed.
    ends: &'a [usize],
    gap: usize,
}

/// Decodes tables with the help of `rows`.
pub struct Table<R> {
    lines: LineSplitter,
    splitter: Splitter,
    line_bytes_max: usize,
    rows: R,
}

/// Seconds reached this in 2001.
const SECONDS_FROM: u64 = 1_000_000_000;

/// The fault of a row before the line of names.
pub const NO_NAMES: FormatFault = FormatFault::Missing { field: "the line of names" };

/// Splits lines; keeps its buffers.
pub struct Splitter {
    delimiter: u8,
    ends: Vec<usize>,
    /// The fields of a line that has quotes, without them.
    unquoted: Vec<u8>,
    /// A line of names that was not UTF-8, made readable.
    names: String,
}

const COMMA: u8 = b',';

// === impl Table ===

impl<R: TableFormat> Table<R> {
    pub fn new(rows: R, line_bytes_max: usize) -> Self {
        Self::divided_by(COMMA, rows, line_bytes_max)
    }

    /// With another separator.
    pub fn divided_by(delimiter: u8, rows: R, line_bytes_max: usize) -> Self {
        Table {
            lines: LineSplitter::new(line_bytes_max),
            splitter: Splitter::new(delimiter),
            line_bytes_max,
            rows,
        }
    }
}

impl<R: TableFormat> Decoder for Table<R> {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let mut chunk = self.lines.feed(chunk);
        while let Some(line) = chunk.next_line() {
            decode_line(&mut self.splitter, &mut self.rows, self.line_bytes_max, line, out);
        }
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        if let Some(line) = self.lines.finish() {
            decode_line(&mut self.splitter, &mut self.rows, self.line_bytes_max, line, out);
        }
    }
}

fn decode_line(
    splitter: &mut Splitter,
    rows: &mut impl TableFormat,
    line_bytes_max: usize,
    line: RawLine<'_>,
    out: &mut DecoderOutput,
) {
    let (number, made) = match line {
        RawLine::Whole { number, bytes } => (number, make(splitter, rows, bytes)),
        RawLine::TooLong { number } => (number, Err(FormatFault::TooLong { limit: line_bytes_max })),
    };
    match made {
        Ok(RowValue::Tick(rx, tick)) => out.tick(RecordPosition::Line(number), rx, tick),
        Ok(RowValue::Nothing) => out.passed += 1,
        Err(fault) => out.reject(RecordPosition::Line(number), fault.reason(), || fault.to_string()),
    }
}

fn make(splitter: &mut Splitter, rows: &mut impl TableFormat, line: &[u8]) -> Result<RowValue, FormatFault> {
    let fault = match splitter.split(line).and_then(|row| rows.make(&row)) {
        Ok(made) => return Ok(made),
        Err(fault) => fault,
    };
    if splitter.split_names(line).is_ok_and(|row| rows.is_header(&row)) {
        return Ok(RowValue::Nothing);
    }
    // A table without such a line, whose columns were found by the first row.
    if fault == NO_NAMES { splitter.split(line).and_then(|row| rows.make(&row)) } else { Err(fault) }
}

// === impl Splitter ===

impl Default for Splitter {
    fn default() -> Self {
        Splitter::new(COMMA)
    }
}

impl Splitter {
    pub fn new(delimiter: u8) -> Self {
        Splitter { delimiter, ends: Vec::new(), unquoted: Vec::new(), names: String::new() }
    }

    /// The byte that splits a line of names into the most fields.
    pub fn delimiter_of(line: &[u8]) -> u8 {
        let count = |delimiter: u8| memchr_iter(delimiter, line).count();
        // Of equal counts the last wins: a comma.
        [b'|', b'\t', b';', COMMA].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(COMMA)
    }

    /// A first line, which may be in another encoding: ASCII names can be recognised all the same.
    ///
    /// # Errors
    /// When a quote is not closed.
    pub fn split_names<'a>(&'a mut self, line: &'a [u8]) -> Result<TableRow<'a>, FormatFault> {
        match String::from_utf8_lossy(line) {
            Cow::Borrowed(_) => self.split(line),
            Cow::Owned(text) => {
                self.names = text;
                let Splitter { names, ends, .. } = self;
                ends.clear();
                ends.extend(memchr_iter(self.delimiter, names.as_bytes()));
                ends.push(names.len());
                Ok(TableRow { text: names, ends, gap: 1 })
            }
        }
    }

    /// # Errors
    /// When the line is not text, or a quote is not closed.
    pub fn split<'a>(&'a mut self, line: &'a [u8]) -> Result<TableRow<'a>, FormatFault> {
        self.ends.clear();
        if memchr(b'"', line).is_some() {
            return self.split_quoted(line);
        }
        let text = FormatFault::text(line)?;
        self.ends.extend(memchr_iter(self.delimiter, line));
        self.ends.push(line.len());
        Ok(TableRow { text, ends: &self.ends, gap: 1 })
    }

    fn split_quoted(&mut self, line: &[u8]) -> Result<TableRow<'_>, FormatFault> {
        FormatFault::text(line)?;
        self.unquoted.clear();
        self.unquoted.resize(line.len(), 0);
        self.ends.resize(line.len() + 1, 0);
        let mut reader = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        let (result, read, written, fields) = reader.read_record(line, &mut self.unquoted, &mut self.ends);
        let (result, rest, more) = match result {
            csv_core::ReadRecordResult::InputEmpty => {
                let (result, _, rest, more) =
                    reader.read_record(b"", &mut self.unquoted[written..], &mut self.ends[fields..]);
                (result, rest, more)
            }
            other => (other, 0, 0),
        };
        // A lone CR ends a record too; it is not part of a row.
        if result != csv_core::ReadRecordResult::Record || read < line.len() || has_open_quote(line) {
            return Err(FormatFault::Quote);
        }
        self.ends.truncate(fields + more);
        let text = FormatFault::text(&self.unquoted[..written + rest])?;
        Ok(TableRow { text, ends: &self.ends, gap: 0 })
    }
}

/// The parser itself closes a quote at the end of the input.
fn has_open_quote(line: &[u8]) -> bool {
    memchr_iter(b'"', line).count() % 2 == 1
}

// === impl TableRow ===

impl<'a> TableRow<'a> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field of this column; empty where the line has fewer.
    pub fn get(&self, column: usize) -> &'a str {
        let Some(&end) = self.ends.get(column) else { return "" };
        let start = if column == 0 { 0 } else { self.ends[column - 1] + self.gap };
        self.text.get(start..end).unwrap_or("")
    }

    /// The column that has one of these names.
    pub fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| (0..self.len()).find(|&column| self.get(column) == *name))
    }

    /// Sets a field to a decimal; an empty one is absent.
    ///
    /// # Errors
    /// When it is not a decimal that the field may have.
    pub fn read(&self, column: usize, field: Field, fields: &mut Fields) -> Result<(), FormatFault> {
        let text = self.get(column);
        if text.is_empty() {
            return Ok(());
        }
        let value = decimal(text, field).map_err(|fault| FormatFault::value(field.name(), fault))?;
        fields.set_decimal(field, value);
        Ok(())
    }

    /// A whole number since 1970: microseconds, or the unit that its size shows.
    ///
    /// # Errors
    /// When it is none.
    pub fn moment(&self, column: usize, field: &'static str) -> Result<Option<Nanos>, FormatFault> {
        let text = self.get(column);
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = text.parse().ok().and_then(|count: i64| match count.unsigned_abs() {
            // Counted from another start: no market's time is that early.
            ..SECONDS_FROM => Nanos::from_micros(count),
            _ => Nanos::by_size(count),
        });
        parsed.map(Some).ok_or(FormatFault::value(field, ValueFault::Time))
    }

    /// A whole number of `unit` nanoseconds since 1970.
    ///
    /// # Errors
    /// When it is none.
    pub fn time(&self, column: usize, field: &'static str, unit: i64) -> Result<Option<Nanos>, FormatFault> {
        let text = self.get(column);
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = text.parse::<i64>().ok().and_then(|count| count.checked_mul(unit));
        parsed.map(|nanos| Some(Nanos(nanos))).ok_or(FormatFault::value(field, ValueFault::Time))
    }
}

/// A decimal that `field` may have.
///
/// # Errors
/// When it is none.
pub fn decimal(text: &str, field: Field) -> Result<Decimal, ValueFault> {
    checked(Decimal::parse(text), field)
}

/// The same, of a decimal that was parsed.
///
/// # Errors
/// When it is none.
pub fn checked(parsed: Result<Decimal, DecimalError>, field: Field) -> Result<Decimal, ValueFault> {
    let value = parsed.map_err(ValueFault::Decimal)?;
    if value.is_negative() && !field.may_be_negative() { Err(ValueFault::Negative) } else { Ok(value) }
}
