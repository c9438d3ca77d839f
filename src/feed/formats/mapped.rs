//! Tables with any columns: those whose columns were named in hints, and known tables of vendors.
//!
//! ```text
//! hints, or a known table; the line of names -> Plan (which column is what) -> a tick for each row
//! ```
//! Cells are trimmed; an empty one, `NaN`, `null` or `None` is absent: programs write them for a
//! missing value, so none withdraws a field. A decimal is exact. One of more than 9 places is
//! rounded as a JSON number if it has 16 or 17 digits, as printed doubles have, or more than a decimal can have.
//! Without a receive time, the event time is used.
//!
//! Invariant: once the line of names was read, a row's columns are found without comparing names.

use super::{
    Decoder, Format, FormatFault, detect,
    hints::{Columns, Hints, shown},
    moment::Unit,
    preset::{Known, Preset, column},
    table::{NO_NAMES, RowValue, Splitter, Table, TableFormat, TableRow, checked},
    target::ColumnTarget,
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{DIGITS_MAX, Decimal, Field, Fields, Side, Symbol, Tick, TradeId, Volume},
};

/// Decodes the rows of one table.
pub struct Mapped {
    layout: Layout,
    unit: Unit,
    /// Of every row, when no column has it.
    symbol: Option<Symbol>,
    plan: Option<Plan>,
}

/// How columns are found.
enum Layout {
    Known(&'static Known),
    Pairs(Vec<(ColumnTarget, String)>),
    /// Columns have the names of a tick's fields.
    Own,
}

/// The meanings of the columns.
struct Plan {
    columns: Vec<(usize, ColumnTarget)>,
    /// The number of columns in a row; the minimum, if there was no line of names.
    width: usize,
    has_names: bool,
    zero_is_nobody: bool,
}

/// How many names of columns a message lists, and how much of each.
const NAMES_TOLD_MAX: usize = 40;
/// The number of digits that distinguishes a printed double from a decimal that a person wrote.
const DOUBLE_DIGITS_MIN: usize = 16;

// === impl Mapped ===

impl Mapped {
    /// `name` is the file's: for some tables it gives the symbol.
    pub fn known(preset: Preset, name: &str, hints: &Hints) -> Self {
        let known = preset.known();
        let symbol = match (&hints.symbol, known.symbol_of_name(name)) {
            (Some(symbol), _) => Some(symbol.clone()),
            (None, Some(text)) => Symbol::new(text).ok(),
            (None, None) => None,
        };
        Mapped::with(Layout::Known(known), symbol, hints)
    }

    /// By the hints; without pairs, by the names of a tick's fields.
    pub fn hinted(hints: &Hints) -> Self {
        let layout = match &hints.columns {
            Some(Columns::Pairs(pairs)) => Layout::Pairs(pairs.clone()),
            _ => Layout::Own,
        };
        Mapped::with(layout, hints.symbol.clone(), hints)
    }

    fn with(layout: Layout, symbol: Option<Symbol>, hints: &Hints) -> Self {
        Mapped { layout, unit: hints.unit.unwrap_or_default(), symbol, plan: None }
    }

    /// Finds the columns by the first line.
    ///
    /// Why the table cannot be decoded so, for a person.
    /// Why the table cannot be read so, for a person.
    pub fn check(&self, row: &TableRow<'_>, hints: &Hints) -> Result<(), String> {
        let plan = self.plan(row)?;
        let symbol = plan.columns.iter().find(|(_, target)| *target == ColumnTarget::Symbol);
        let has_time =
            plan.columns.iter().any(|(_, target)| matches!(target, ColumnTarget::Ts | ColumnTarget::Rx));
        if hints.unit.is_some() && !has_time {
            return Err(format!(
                "unit= says in what times are counted, and no column is a time: say which one is, with \
                 columns=ts:COLUMN,...; {}",
                names_of(row)
            ));
        }
        match (symbol, &self.symbol) {
            (Some((at, _)), _) if hints.symbol.is_some() => Err(format!(
                "its symbols stand in a column, {}, so symbol= is one too many",
                if plan.has_names { shown(row.get(*at)) } else { format!("number {}", at + 1) }
            )),
            (None, None) => Err(format!(
                "which symbol it is of stands in no column: say symbol=NAME, or which column has it with \
                 columns=symbol:COLUMN,...; {}",
                names_of(row)
            )),
            _ => Ok(()),
        }
    }

    fn plan(&self, row: &TableRow<'_>) -> Result<Plan, String> {
        match &self.layout {
            Layout::Known(known) => {
                if let Some(missing) = known.missing(row) {
                    let missing = missing.replace('|', " or ");
                    return Err(format!("{} have a column {missing}; {}", known.name, names_of(row)));
                }
                let find = |(target, names): &(ColumnTarget, &[&str])| {
                    Some((names.iter().find_map(|name| column(row, name))?, *target))
                };
                let columns = known.columns.iter().filter_map(find).collect();
                Ok(Plan::named(columns, row, known.zero_is_nobody))
            }
            Layout::Pairs(pairs) => of_pairs(pairs, row),
            Layout::Own => {
                let columns: Vec<_> = (0..row.len())
                    .filter_map(|at| {
                        Some((at, ColumnTarget::parse(row.get(at).trim_start_matches('\u{feff}').trim())?))
                    })
                    .collect();
                if columns.iter().any(|(_, target)| target.is_value()) {
                    return Ok(Plan::named(columns, row, false));
                }
                Err(format!("say which column is what, as in columns=ts:TIME,last:PRICE; {}", names_of(row)))
            }
        }
    }
}

/// Starts to decode a table, once its first line shows that it can be.
///
/// # Errors
/// Why it cannot, for a person.
pub fn open(
    format: Format,
    name: &str,
    head: &[u8],
    hints: &Hints,
    line_bytes_max: usize,
) -> Result<Box<dyn Decoder>, String> {
    let rows = match format {
        Format::Known(preset) => Mapped::known(preset, name, hints),
        _ => Mapped::hinted(hints),
    };
    let mut first_fault = None;
    for line in detect::lines_of(head) {
        let delimiter = Splitter::delimiter_of(line);
        let mut splitter = Splitter::new(delimiter);
        let row =
            splitter.split_names(line).map_err(|fault| format!("its first line is none of names: {fault}"));
        match row.and_then(|row| rows.check(&row, hints)) {
            Ok(()) => return Ok(Box::new(Table::divided_by(delimiter, rows, line_bytes_max))),
            // Any text may precede the line of names.
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    Err(first_fault.unwrap_or_else(|| "it holds no line".to_owned()))
}

fn of_pairs(pairs: &[(ColumnTarget, String)], row: &TableRow<'_>) -> Result<Plan, String> {
    let mut columns = Vec::with_capacity(pairs.len());
    let mut has_names = false;
    for (target, name) in pairs {
        let at = match name.parse::<usize>() {
            Ok(0) => return Err("columns are counted from 1".to_owned()),
            Ok(number) if number <= row.len() => number - 1,
            Ok(number) => return Err(format!("it has no column {number}; {}", names_of(row))),
            Err(_) => {
                has_names = true;
                let missing = || format!("it has no column {}; {}", shown(name), names_of(row));
                column(row, name).ok_or_else(missing)?
            }
        };
        columns.push((at, *target));
    }
    if has_names {
        return Ok(Plan::named(columns, row, false));
    }
    let width = columns.iter().map(|(at, _)| at + 1).max().unwrap_or(0);
    Ok(Plan { columns, width, has_names, zero_is_nobody: false })
}

/// The existing columns, for a message.
pub fn names_of(row: &TableRow<'_>) -> String {
    let names: Vec<String> = (0..row.len().min(NAMES_TOLD_MAX)).map(|at| shown(row.get(at))).collect();
    let more = if row.len() > NAMES_TOLD_MAX { " and more" } else { "" };
    format!("there are {}{more}", names.join(", "))
}

// === impl Plan ===

impl Plan {
    fn named(columns: Vec<(usize, ColumnTarget)>, row: &TableRow<'_>, zero_is_nobody: bool) -> Self {
        Plan { columns, width: row.len(), has_names: true, zero_is_nobody }
    }

    fn fits(&self, row: &TableRow<'_>) -> bool {
        if self.has_names { row.len() == self.width } else { row.len() >= self.width }
    }

    /// Whether no cell that must be a number or a time starts as one.
    fn is_line_of_names(&self, row: &TableRow<'_>) -> bool {
        let number = |(at, target): &(usize, ColumnTarget)| {
            !matches!(
                target,
                ColumnTarget::Symbol | ColumnTarget::BuyerMaker | ColumnTarget::Field(Field::Side)
            ) && row.get(*at).trim().starts_with(|first: char| first.is_ascii_digit() || "-.".contains(first))
        };
        self.has_names || (self.fits(row) && !self.columns.iter().any(number))
    }

    fn fill(&self, row: &TableRow<'_>, unit: Unit, tick: &mut Parts) -> Result<(), FormatFault> {
        for &(at, target) in &self.columns {
            let cell = row.get(at).trim();
            match target {
                ColumnTarget::Symbol if !cell.is_empty() => tick.symbol = Some(Symbol::new(cell)?),
                _ if is_absent(cell) => {}
                ColumnTarget::Symbol => {}
                ColumnTarget::Ts => {
                    tick.ts = Some(unit.read(cell).ok_or(FormatFault::value("ts", ValueFault::Moment))?);
                }
                ColumnTarget::Rx => {
                    tick.rx = Some(unit.read(cell).ok_or(FormatFault::value("rx", ValueFault::Moment))?);
                }
                ColumnTarget::BuyerMaker => tick.fields.set_side(seller_waited(cell)?),
                ColumnTarget::Field(field) => {
                    read(cell, field, &mut tick.fields)
                        .map_err(|fault| FormatFault::value(field.name(), fault))?;
                }
            }
        }
        if self.zero_is_nobody {
            tick.fields.withdraw_sides_at_zero();
        }
        Ok(())
    }
}

/// A tick being built.
#[derive(Default)]
struct Parts {
    symbol: Option<Symbol>,
    ts: Option<crate::tick::Nanos>,
    rx: Option<crate::tick::Nanos>,
    fields: Fields,
}

impl TableFormat for Mapped {
    fn is_header(&mut self, row: &TableRow<'_>) -> bool {
        let found = self.plan(row).ok();
        let is_header = found.as_ref().is_some_and(|plan| plan.is_line_of_names(row));
        if is_header || self.plan.is_none() {
            self.plan = found;
        }
        is_header
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let Some(plan) = &self.plan else { return Err(NO_NAMES) };
        if !plan.fits(row) {
            return Err(FormatFault::Columns { found: row.len(), expected: plan.width });
        }
        let mut tick = Parts::default();
        plan.fill(row, self.unit, &mut tick)?;
        let Parts { symbol, ts, rx, fields } = tick;
        let symbol =
            symbol.or_else(|| self.symbol.clone()).ok_or(FormatFault::Missing { field: "symbol" })?;
        if fields.named().without(Field::Side.bit().with(Field::TradeId)).is_empty() {
            return Ok(RowValue::Nothing);
        }
        Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
    }
}

/// The texts that programs write for a missing value.
fn is_absent(cell: &str) -> bool {
    match cell.as_bytes() {
        [] => true,
        [b'N' | b'n' | b'<', ..] => ["nan", "null", "none", "na", "n/a", "nat", "<na>"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

fn seller_waited(cell: &str) -> Result<Side, FormatFault> {
    match cell {
        "true" | "True" | "TRUE" | "1" => Ok(Side::Sell),
        "false" | "False" | "FALSE" | "0" => Ok(Side::Buy),
        _ => Err(FormatFault::value("buyer_maker", ValueFault::Boolean)),
    }
}

/// The aggressor side, as exchanges write it. 0 is none: some count from it, others use it for unknown.
fn side(cell: &str) -> Option<Side> {
    let is = |words: &[&str]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    if is(&["buy", "b", "1", "buyer", "long"]) {
        Some(Side::Buy)
    } else if is(&["sell", "s", "-1", "2", "seller", "short"]) {
        Some(Side::Sell)
    } else {
        is(&["unknown", "u"]).then_some(Side::Unknown)
    }
}

fn read(cell: &str, field: Field, fields: &mut Fields) -> Result<(), ValueFault> {
    match field {
        Field::Side => fields.set_side(side(cell).ok_or(ValueFault::Side)?),
        Field::Volume => {
            let parse = if is_double(cell) { Volume::parse_double } else { Volume::parse };
            fields.set_volume(ValueFault::check_volume(parse(cell))?);
        }
        // The trade counts, whatever its name.
        Field::TradeId => {
            if let Some(id) = TradeId::of_venue(cell) {
                fields.set_trade_id(id);
            }
        }
        Field::Trades => fields.set_trades(cell.parse().map_err(|_| ValueFault::NotWhole)?),
        _ => fields.set_decimal(field, decimal_or_double(cell, field)?),
    }
    Ok(())
}

fn decimal_or_double(cell: &str, field: Field) -> Result<Decimal, ValueFault> {
    let parse = if is_double(cell) { Decimal::parse_double } else { Decimal::parse };
    checked(parse(cell), field)
}

/// Whether a decimal has as many digits as a printed double: 16, 17, or more than any decimal can have. 18 are a
/// decimal's: programs print doubles with fewer, or with an exponent.
fn is_double(cell: &str) -> bool {
    let mantissa = cell.split(['e', 'E']).next().unwrap_or_default();
    let count = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&byte| byte == b'0').count();
    let is_plain = mantissa.len() == cell.len();
    count >= DOUBLE_DIGITS_MIN && !(is_plain && count == DIGITS_MAX)
}

#[cfg(test)]
mod tests;
