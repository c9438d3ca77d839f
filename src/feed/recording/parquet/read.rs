//! Parquet as the text of a table: a line of names, then a line for each row.
//!
//! Columns of lists and groups are left out. Decimals are exact. A double counts as its shortest decimal, rounded as a
//! JSON number. Times whose unit the file gives come in the unit that was named, otherwise in microseconds, or in
//! nanoseconds where the file uses these. A line end within a text becomes a space.
//!
//! Invariants: no more than one page of each column is in memory, of a bounded length ([`super::pages`]); damage is an
//! error, also where the library panics.

use std::{
    fmt::Write as _,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::Decimal,
    errors::ParquetError,
    file::reader::FileReader,
    record::{Field, reader::RowIter},
    schema::types::Type,
};

use super::{bytes::Bytes, pages::Bounded};
use crate::{
    feed::formats::Unit,
    tick::{self, DIGITS_MAX, UNIT_PLACES},
};

/// The text.
pub struct Text {
    rows: Option<RowIter<'static>>,
    /// For each column, the unit of its times since 1970.
    units: Vec<Option<Unit>>,
    unit: Option<Unit>,
    lines: String,
    /// How much of `lines` was returned.
    taken: usize,
}

const NANOS_PER_DAY: i64 = 86_400_000_000_000;
/// How much text is made at once.
const TEXT_BYTES: usize = 32 * 1024;

// === impl Text ===

impl Text {
    /// # Errors
    /// When it is not Parquet, or has no column of plain values.
    pub fn open(bytes: Bytes, unit: Option<Unit>) -> io::Result<Self> {
        guarded(|| {
            let reader = Bounded::open(bytes)?;
            let schema = reader.metadata().file_metadata().schema().clone();
            let columns: Vec<_> =
                schema.get_fields().iter().filter(|column| is_plain(column)).cloned().collect();
            if columns.is_empty() {
                return Err(ParquetError::General("it has no column of plain values".to_owned()));
            }
            let units = columns.iter().map(|column| unit_of(column)).collect();
            let mut lines = String::new();
            for (at, column) in columns.iter().enumerate() {
                divide(at, &mut lines);
                write_text(column.name(), &mut lines);
            }
            lines.push('\n');
            let wanted = Type::group_type_builder(schema.name()).with_fields(columns).build()?;
            let rows = RowIter::from_file_into(Box::new(reader)).project(Some(wanted))?;
            Ok(Text { rows: Some(rows), units, unit, lines, taken: 0 })
        })
    }

    /// Makes the text of some more rows; none at the end.
    fn fill(&mut self) -> io::Result<()> {
        self.lines.clear();
        self.taken = 0;
        let Some(mut rows) = self.rows.take() else { return Ok(()) };
        while self.lines.len() < TEXT_BYTES {
            let Some(row) = guarded(|| rows.next().transpose())? else { return Ok(()) };
            for (at, (_, field)) in row.into_columns().iter().enumerate() {
                divide(at, &mut self.lines);
                write_field(field, self.units.get(at).copied().flatten(), self.unit, &mut self.lines);
            }
            self.lines.push('\n');
        }
        self.rows = Some(rows);
        Ok(())
    }
}

impl Read for Text {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.lines.len() {
            self.fill()?;
        }
        let rest = &self.lines.as_bytes()[self.taken..];
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        Ok(len)
    }
}

/// Calls the library with untrusted bytes; a panic of it means that they are damaged.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> io::Result<T> {
    let broken = |why: String| {
        io::Error::new(io::ErrorKind::InvalidData, format!("a Parquet file that is broken: {why}"))
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(broken(error.to_string().chars().take(200).collect())),
        Err(_) => Err(broken("nobody knows where".to_owned())),
    }
}

/// Whether the values of a column are plain ones that can be written as text.
fn is_plain(column: &Type) -> bool {
    if !column.is_primitive() {
        return false;
    }
    let info = column.get_basic_info();
    let physical = column.get_physical_type();
    let converts = match info.converted_type() {
        ConvertedType::NONE => match physical {
            Physical::FIXED_LEN_BYTE_ARRAY => info.logical_type_ref() == Some(&LogicalType::Float16),
            _ => true,
        },
        ConvertedType::DECIMAL => matches!(
            physical,
            Physical::INT32 | Physical::INT64 | Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY
        ),
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => physical == Physical::BYTE_ARRAY,
        ConvertedType::TIMESTAMP_MILLIS
        | ConvertedType::TIMESTAMP_MICROS
        | ConvertedType::INT_64
        | ConvertedType::UINT_64 => physical == Physical::INT64,
        ConvertedType::DATE
        | ConvertedType::INT_8
        | ConvertedType::INT_16
        | ConvertedType::INT_32
        | ConvertedType::UINT_8
        | ConvertedType::UINT_16
        | ConvertedType::UINT_32 => physical == Physical::INT32,
        _ => false,
    };
    converts && info.repetition() != Repetition::REPEATED
}

fn unit_of(column: &Type) -> Option<Unit> {
    match column.get_basic_info().logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => Some(match timestamp.unit {
            TimeUnit::MILLIS => Unit::Millis,
            TimeUnit::MICROS => Unit::Micros,
            TimeUnit::NANOS => Unit::Nanos,
        }),
        _ => None,
    }
}

fn divide(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

/// Appends a value; writing to a string cannot fail.
fn write_field(field: &Field, counts: Option<Unit>, unit: Option<Unit>, out: &mut String) {
    let _ = match field {
        Field::Bool(value) => write!(out, "{value}"),
        Field::Byte(value) => write!(out, "{value}"),
        Field::Short(value) => write!(out, "{value}"),
        Field::Int(value) => write!(out, "{value}"),
        Field::Long(value) => match counts {
            Some(Unit::Nanos) => return write_time(*value, 1, unit.or(Some(Unit::Nanos)), out),
            _ => write!(out, "{value}"),
        },
        Field::UByte(value) => write!(out, "{value}"),
        Field::UShort(value) => write!(out, "{value}"),
        Field::UInt(value) => write!(out, "{value}"),
        Field::ULong(value) => write!(out, "{value}"),
        Field::Float16(value) => return write_double(&f32::from(*value).to_string(), out),
        Field::Float(value) => return write_double(&value.to_string(), out),
        Field::Double(value) => return write_double(&value.to_string(), out),
        Field::Decimal(value) => return write_decimal(value, out),
        Field::Str(text) => return write_text(text, out),
        Field::Bytes(bytes) => return write_text(&String::from_utf8_lossy(bytes.data()), out),
        Field::Date(days) => return write_time(i64::from(*days), NANOS_PER_DAY, unit, out),
        Field::TimestampMillis(millis) => return write_time(*millis, 1_000_000, unit, out),
        Field::TimestampMicros(micros) => return write_time(*micros, 1_000, unit, out),
        _ => Ok(()),
    };
}

/// A time of this many nanoseconds in `unit`; in microseconds, when none was named. Absent when out of range.
fn write_time(count: i64, nanos_each: i64, unit: Option<Unit>, out: &mut String) {
    let Some(nanos) = count.checked_mul(nanos_each) else { return };
    let each = match unit {
        Some(Unit::Seconds) => 1_000_000_000,
        Some(Unit::Millis) => 1_000_000,
        Some(Unit::Nanos) => 1,
        Some(Unit::Iso) => {
            let since = std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
            let _ = write!(out, "{}", humantime::format_rfc3339_nanos(std::time::UNIX_EPOCH + since));
            return;
        }
        _ => 1_000,
    };
    let (sign, size) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let _ = write!(out, "{sign}{}", size / each);
    if size % each > 0 {
        let _ = write!(out, ".{:0width$}", size % each, width = each.ilog10() as usize);
    }
}

/// The shortest decimal of a double, rounded where it has more digits than doubles hold.
fn write_double(shortest: &str, out: &mut String) {
    let _ = match tick::Decimal::parse_double(shortest) {
        Ok(decimal) => write!(out, "{decimal}"),
        Err(_) => write!(out, "{shortest}"),
    };
}

fn write_decimal(decimal: &Decimal, out: &mut String) {
    let bytes = decimal.data();
    let Ok(scale) = usize::try_from(decimal.scale()) else { return };
    if bytes.is_empty() || bytes.len() > size_of::<i128>() || scale > 38 {
        // Of 39 digits or more: no price, and no number.
        out.push('?');
        return;
    }
    let fill = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [fill; size_of::<i128>()];
    whole[size_of::<i128>() - bytes.len()..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(whole);
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (ones, places) = digits.split_at(digits.len() - scale);
    if value < 0 {
        out.push('-');
    }
    out.push_str(ones);
    let places = places.trim_end_matches('0');
    if !places.is_empty() {
        let _ = write!(out, ".{places}");
    }
    if places.len() > UNIT_PLACES as usize {
        // A table takes fewer digits for a printed double; this one is exact.
        let count = digits.trim_end_matches('0').trim_start_matches('0').len();
        out.extend(std::iter::repeat_n('0', DIGITS_MAX.saturating_sub(count)));
    }
}

fn write_text(text: &str, out: &mut String) {
    let quoted = text.contains([',', '"', '\n', '\r']);
    if !quoted {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '"' => out.push_str("\"\""),
            other => out.push(other),
        }
    }
    out.push('"');
}
