//! Writes ticks to Parquet: a column for each field of a tick, with its own name.
//!
//! ```text
//! symbol string, ts and rx timestamps in microseconds (UTC), prices, sizes and volume decimal(38, 18), side and
//! trade_id string, trades unsigned 64 bits, the names of withdrawn fields with blanks between, what a trade affects and
//! the names of trades that are cancelled or corrected (string); all but symbol and rx may be absent
//! ```
//! Loss: times lose what is below a microsecond, as in every format that is written.
//!
//! Invariants: no more than one group of rows is in memory; the same ticks give the same bytes; a file is valid only
//! once it was finished, since the index of its parts is at its end.

use std::{
    fmt::Write as _,
    io::{self, Write},
    iter,
    sync::Arc,
};

use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use crate::{
    feed::formats::{NULL, ReportColumn, WITHDRAWN},
    tick::{
        CustomFields, CustomSet, CustomValue, Decimal, Field, Fields, Nanos, Tick, Volume, custom::CustomKind,
    },
};

/// A file being written.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<(Nanos, Tick)>,
    /// The fields that have columns beside the fixed ones.
    fields: Arc<CustomFields>,
}

/// This many rows form a group: some 10 MB.
const GROUP_ROWS: usize = 50_000;
/// 38 digits, the most that most readers of Parquet have.
const VOLUME_MAX: i128 = 10i128.pow(38);
const ZSTD_LEVEL: i32 = 3;

// === impl ParquetWriter ===

impl<W: Write + Send> ParquetWriter<W> {
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: W, fields: Arc<CustomFields>) -> io::Result<Self> {
        let schema = parse_message_type(&schema(&fields)).map_err(failed)?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("tickcast ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(ParquetWriter { file, rows: Vec::new(), fields })
    }

    /// Appends a tick that was received at `rx`.
    ///
    /// # Errors
    /// When the output cannot be written, or the tick has a volume of 10^20 or more.
    pub fn write(&mut self, tick: &Tick, rx: Nanos) -> io::Result<()> {
        if fitting(tick.fields.volume()).is_none() {
            let error =
                "a volume of 10^20 or more has no room in Parquet's decimal(38, 18): write another format";
            return Err(io::Error::other(error));
        }
        let entries = tick.fields.custom.as_ref().map_or(&[][..], |custom| custom.entries());
        if entries
            .iter()
            .filter_map(|entry| entry.value.as_ref())
            .any(|value| value.is_decimal() && wide(value).is_none())
        {
            let error =
                "a sum of 10^20 or more has no room in Parquet's decimal(38, 18): write another format";
            return Err(io::Error::other(error));
        }
        let mut tick = tick.clone();
        if tick.fields.report().is_some() {
            tick.fields = tick.fields.spelled_out().into_owned();
        }
        self.rows.push((rx, tick));
        if self.rows.len() >= GROUP_ROWS { self.write_group().map_err(failed) } else { Ok(()) }
    }

    /// The output that was written to so far.
    pub fn get_ref(&self) -> &W {
        self.file.inner()
    }

    /// Writes the end and gives the output back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_group().map_err(failed)?;
        let mut out = self.file.into_inner().map_err(failed)?;
        out.flush()?;
        Ok(out)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = &self.rows;
        let mut group = self.file.next_row_group()?;
        let symbols = rows.iter().map(|(_, tick)| Some(ByteArray::from(tick.symbol.as_str())));
        write_column::<ByteArrayType, W>(&mut group, symbols, Presence::Always)?;
        let times = rows.iter().map(|(_, tick)| tick.ts.map(Nanos::micros));
        write_column::<Int64Type, W>(&mut group, times, Presence::AtTimes)?;
        write_column::<Int64Type, W>(
            &mut group,
            rows.iter().map(|(rx, _)| Some(rx.micros())),
            Presence::Always,
        )?;
        for field in Field::ALL {
            let set = |tick: &Tick| tick.fields.mask.contains(field);
            match field {
                Field::Side => {
                    let sides = rows
                        .iter()
                        .map(|(_, tick)| set(tick).then(|| ByteArray::from(tick.fields.side.as_str())));
                    write_column::<ByteArrayType, W>(&mut group, sides, Presence::AtTimes)?;
                }
                Field::TradeId => {
                    let ids = rows
                        .iter()
                        .map(|(_, tick)| set(tick).then(|| ByteArray::from(&*tick.fields.trade_id().text())));
                    write_column::<ByteArrayType, W>(&mut group, ids, Presence::AtTimes)?;
                }
                Field::Volume => {
                    let volumes = rows
                        .iter()
                        .map(|(_, tick)| set(tick).then(|| volume_bytes(tick.fields.volume())).flatten());
                    write_column::<FixedLenByteArrayType, W>(&mut group, volumes, Presence::AtTimes)?;
                }
                Field::Trades => {
                    let trades =
                        rows.iter().map(|(_, tick)| set(tick).then(|| tick.fields.trades.cast_signed()));
                    write_column::<Int64Type, W>(&mut group, trades, Presence::AtTimes)?;
                }
                _ => {
                    let values =
                        rows.iter().map(|(_, tick)| tick.fields.get_decimal(field).map(decimal_bytes));
                    write_column::<FixedLenByteArrayType, W>(&mut group, values, Presence::AtTimes)?;
                }
            }
        }
        for (id, field) in self.fields.iter() {
            let value = |(_, tick): &(Nanos, Tick)| tick.fields.custom.as_ref()?.value(id).cloned();
            let values = rows.iter().map(value);
            match field.kind {
                CustomKind::Decimal => {
                    let values = values.map(|value| value.as_ref().and_then(wide).map(wide_bytes));
                    write_column::<FixedLenByteArrayType, W>(&mut group, values, Presence::AtTimes)?;
                }
                CustomKind::Integer => {
                    let values = values.map(|value| match value {
                        Some(CustomValue::Integer(integer)) => Some(integer),
                        _ => None,
                    });
                    write_column::<Int64Type, W>(&mut group, values, Presence::AtTimes)?;
                }
                CustomKind::Text => {
                    let values = values.map(|value| match value {
                        Some(CustomValue::Text(text)) if *text != *NULL => Some(ByteArray::from(&*text)),
                        _ => None,
                    });
                    write_column::<ByteArrayType, W>(&mut group, values, Presence::AtTimes)?;
                }
            }
        }
        let withdrawn = rows.iter().map(|(_, tick)| names(&tick.fields));
        write_column::<ByteArrayType, W>(&mut group, withdrawn, Presence::AtTimes)?;
        for column in ReportColumn::ALL {
            let cell = |(_, tick): &(Nanos, Tick)| Some(ByteArray::from(column.cell(&tick.fields)?.as_str()));
            write_column::<ByteArrayType, W>(&mut group, rows.iter().map(cell), Presence::AtTimes)?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

/// The columns, in Parquet's schema language.
fn schema(fields: &CustomFields) -> String {
    let mut columns = "required binary symbol (string); optional int64 ts (timestamp(micros, true)); \
                       required int64 rx (timestamp(micros, true));"
        .to_owned();
    for field in Field::ALL {
        let (kind, means) = match field {
            Field::Side | Field::TradeId => ("binary", "string"),
            Field::Trades => ("int64", "integer(64, false)"),
            _ => ("fixed_len_byte_array(16)", "decimal(38, 18)"),
        };
        // Writing to a string cannot fail.
        let _ = write!(columns, " optional {kind} {} ({means});", field.name());
    }
    for (_, field) in fields.iter() {
        let (kind, means) = match field.kind {
            CustomKind::Decimal => ("fixed_len_byte_array(16)", "decimal(38, 18)"),
            CustomKind::Integer => ("int64", "integer(64, true)"),
            CustomKind::Text => ("binary", "string"),
        };
        let _ = write!(columns, " optional {kind} {} ({means});", field.name);
    }
    for name in iter::once(WITHDRAWN).chain(ReportColumn::ALL.map(ReportColumn::name)) {
        let _ = write!(columns, " optional binary {name} (string);");
    }
    format!("message tick {{ {columns} }}")
}

/// The names of withdrawn fields, with blanks between; `None` when there is none.
fn names(fields: &Fields) -> Option<ByteArray> {
    let mut names: Vec<&str> = fields.withdrawn().iter().map(Field::name).collect();
    if let Some(custom) = &fields.custom {
        let withdrawn = custom.shown(CustomSet::ALL).filter(|(_, value)| value.is_none());
        names.extend(withdrawn.map(|(name, _)| name));
    }
    (!names.is_empty()).then(|| ByteArray::from(names.join(" ").as_str()))
}

/// Whether a column has a value in every row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    AtTimes,
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Option<T::T>>,
    presence: Presence,
) -> Result<(), ParquetError> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has no such column".to_owned()))?;
    let levels = (presence == Presence::AtTimes).then_some(levels.as_slice());
    column.typed::<T>().write_batch(&there, levels, None)?;
    column.close()
}

fn decimal_bytes(value: Decimal) -> FixedLenByteArray {
    FixedLenByteArray::from(value.smallest_units().to_be_bytes().to_vec())
}

fn volume_bytes(volume: Volume) -> Option<FixedLenByteArray> {
    fitting(volume).map(|units| FixedLenByteArray::from(units.to_be_bytes().to_vec()))
}

fn wide_bytes(units: i128) -> FixedLenByteArray {
    FixedLenByteArray::from(units.to_be_bytes().to_vec())
}

/// A decimal of a configured field in units of 1e-18; `None` when it has more digits than the column.
fn wide(value: &CustomValue) -> Option<i128> {
    match value {
        CustomValue::Decimal(value) => Some(value.smallest_units()),
        CustomValue::Total(value) => fitting(*value),
        _ => None,
    }
}

/// A volume in units of 1e-18; `None` when it has more digits than the column.
fn fitting(volume: Volume) -> Option<i128> {
    volume.smallest_units().filter(|units| units.abs() < VOLUME_MAX)
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
