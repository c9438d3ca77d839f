//! Plain tables: a line of names, then ticks with a column for each field.
//!
//! ```text
//! symbol,ts,rx,bid,bid_size,ask,ask_size,last,last_size,side
//! BTC-USD,1742860800123456,1742860800123502,87000.1,0.5,87000.2,1.25,,,
//! ```
//! The names are those of the record's fields; `symbol` and at least one field are required. Times are microseconds
//! since 1970, or in seconds, milliseconds or nanoseconds if their size shows it. An empty cell is absent, and `null`
//! withdraws the field. A column `withdrawn` has the names of withdrawn fields, with blanks between; `affects`, `cancel`
//! and `correct` say of trades what a line does. Output of spreadsheets and data frames with these names is accepted.

use std::sync::Arc;

use super::{
    FormatFault, custom,
    report::ReportColumn,
    table::{NO_NAMES, RowValue, TableFormat, TableRow, decimal},
};
use crate::{
    feed::ndjson::{ValueFault, report::LineReport},
    tick::{CustomFields, CustomId, Field, Fields, Side, Symbol, Tick, TradeId, Volume, WantedFields},
};

/// The meanings of the columns; empty until the first line was read.
pub struct Plain {
    columns: Vec<PlainColumn>,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PlainColumn {
    Symbol,
    Ts,
    Rx,
    Record(Field),
    Configured(CustomId),
    Withdrawn,
    Report(ReportColumn),
}

/// The column of withdrawn fields, where cells without a value do not tell.
pub const WITHDRAWN: &str = "withdrawn";
/// A cell that withdraws its field.
pub const NULL: &str = "null";

/// Whether the first line belongs to such a table.
pub fn check_header(row: &TableRow<'_>, table: &CustomFields) -> bool {
    columns(row, table).is_some()
}

/// `None` when a name is not one of a tick, or `symbol` or every field is missing.
fn columns(row: &TableRow<'_>, table: &CustomFields) -> Option<Vec<PlainColumn>> {
    let columns: Vec<PlainColumn> = (0..row.len())
        .map(|column| match row.get(column) {
            "symbol" => Some(PlainColumn::Symbol),
            "ts" => Some(PlainColumn::Ts),
            "rx" => Some(PlainColumn::Rx),
            WITHDRAWN => Some(PlainColumn::Withdrawn),
            name => {
                let field = Field::parse(name).map(PlainColumn::Record);
                let field = field.or_else(|| ReportColumn::parse(name).map(PlainColumn::Report));
                field.or_else(|| table.find(name).map(PlainColumn::Configured))
            }
        })
        .collect::<Option<_>>()?;
    let has_field = columns.iter().any(|column| {
        matches!(column, PlainColumn::Record(_) | PlainColumn::Configured(_) | PlainColumn::Report(_))
    });
    (columns.contains(&PlainColumn::Symbol) && has_field).then_some(columns)
}

// === impl Plain ===

impl Plain {
    /// Columns may be of these fields too.
    pub fn with_fields(table: Arc<CustomFields>) -> Self {
        Plain { columns: Vec::new(), table }
    }
}

impl TableFormat for Plain {
    fn is_header(&mut self, row: &TableRow<'_>) -> bool {
        let found = columns(row, &self.table);
        let is_header = found.is_some();
        self.columns = found.unwrap_or_else(|| std::mem::take(&mut self.columns));
        is_header
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let expected = self.columns.len();
        if expected == 0 {
            return Err(NO_NAMES);
        }
        if row.len() != expected {
            return Err(FormatFault::Columns { found: row.len(), expected });
        }
        let (mut symbol, mut ts, mut rx, mut fields) = (None, None, None, Fields::default());
        let (mut withdrawn, mut report) = (WantedFields::NONE, LineReport::default());
        for (at, column) in self.columns.iter().enumerate() {
            match column {
                PlainColumn::Symbol => symbol = Some(Symbol::new(row.get(at))?),
                PlainColumn::Ts => ts = row.moment(at, "ts")?,
                PlainColumn::Rx => rx = row.moment(at, "rx")?,
                PlainColumn::Record(field) => {
                    read(row.get(at), *field, &mut fields)
                        .map_err(|fault| FormatFault::value(field.name(), fault))?;
                }
                PlainColumn::Configured(id) if row.get(at) == NULL => {
                    fields.withdraw_custom(&self.table, *id);
                }
                PlainColumn::Configured(id) => custom::read(row.get(at), *id, &self.table, &mut fields)?,
                PlainColumn::Withdrawn => withdrawn = read_names(row.get(at), &self.table)?,
                PlainColumn::Report(column) => column.read(row.get(at), &mut report)?,
            }
        }
        let named = fields.all_named();
        if !withdrawn.intersect(WantedFields { fixed: fields.mask, ..named }).is_empty() {
            return Err(FormatFault::value(WITHDRAWN, ValueFault::Twice));
        }
        fields.withdraw_all(withdrawn.fixed);
        for (id, _) in self.table.iter().filter(|(id, _)| withdrawn.custom.contains(*id)) {
            fields.withdraw_custom(&self.table, id);
        }
        let symbol = symbol.ok_or(FormatFault::Missing { field: "symbol" })?;
        report.put(&mut fields)?;
        if !fields.has_values() && fields.report().is_none() {
            return Err(FormatFault::NoFields);
        }
        Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
    }
}

/// The fields of these names.
fn read_names(names: &str, table: &CustomFields) -> Result<WantedFields, FormatFault> {
    let mut names = names.split_ascii_whitespace();
    let named = names.try_fold(WantedFields::NONE, |named, name| named.with_name(name, table));
    named.ok_or(FormatFault::value(WITHDRAWN, ValueFault::Names))
}

fn read(text: &str, field: Field, fields: &mut Fields) -> Result<(), ValueFault> {
    if text.is_empty() {
        return Ok(());
    }
    if text == NULL {
        fields.withdraw(field);
        return Ok(());
    }
    match field {
        Field::Side => fields.set_side(Side::parse(text).ok_or(ValueFault::Side)?),
        Field::Volume => fields.set_volume(ValueFault::check_volume(Volume::parse(text))?),
        Field::TradeId => fields.set_trade_id(TradeId::new(text).map_err(ValueFault::TradeId)?),
        Field::Trades => fields.set_trades(text.parse().map_err(|_| ValueFault::NotWhole)?),
        _ => fields.set_decimal(field, decimal(text, field)?),
    }
    Ok(())
}
