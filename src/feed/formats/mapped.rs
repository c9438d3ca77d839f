//! Tables with any columns: those whose columns were named in hints, and known tables of vendors.
//!
//! ```text
//! hints, or a known table; the line of names -> Plan (which column is what) -> a tick for each row
//! ```
//! Cells are trimmed; an empty one, `NaN`, `null` or `None` is absent: programs write them for a missing value, so none
//! withdraws a field. In `affects`, `none` is a word. A decimal is exact. One of more than 9 places is rounded as a JSON
//! number if it has 16 or 17 digits, as printed doubles have, or more than a decimal can have. Without a receive time,
//! the event time is used.
//!
//! Invariant: once the line of names was read, a row's columns are found without comparing names.

use std::sync::Arc;

use super::{
    Decoder, Format, FormatFault,
    cells::{is_absent, read, read_custom, seller_waited},
    detect,
    hints::{Columns, Hints, shown},
    moment::Unit,
    preset::{Known, Preset, column},
    report::{NONE, ReportColumn},
    table::{NO_NAMES, RowValue, Splitter, Table, TableFormat, TableRow},
    target::ColumnTarget,
};
use crate::{
    feed::{
        conditions::of_massive,
        ndjson::{ValueFault, report::LineReport},
    },
    tick::{Affects, CustomFields, CustomId, Field, Fields, ReportKind, Symbol, Tick, TradeReport},
};

/// Decodes the rows of one table.
pub struct Mapped {
    layout: Layout,
    unit: Unit,
    /// Of every row, when no column has it.
    symbol: Option<Symbol>,
    plan: Option<Plan>,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
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
    custom: Vec<(usize, CustomId)>,
    /// The number of columns in a row; the minimum, if there was no line of names.
    width: usize,
    has_names: bool,
    zero_is_nobody: bool,
}

/// How many names of columns a message lists, and how much of each.
const NAMES_TOLD_MAX: usize = 40;

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
        Mapped {
            layout,
            unit: hints.unit.unwrap_or_default(),
            symbol,
            plan: None,
            table: Arc::clone(&hints.fields),
        }
    }

    /// Finds the columns by the first line.
    ///
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
                "no column is the symbol: give symbol=NAME, or name its column with \
                 columns=symbol:COLUMN,...; {}",
                names_of(row)
            )),
            _ => Ok(()),
        }
    }

    fn plan(&self, row: &TableRow<'_>) -> Result<Plan, String> {
        self.plan_of_names(row)?.with_fields(&self.table)
    }

    fn plan_of_names(&self, row: &TableRow<'_>) -> Result<Plan, String> {
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
                let target = |at| ColumnTarget::parse(row.get(at).trim_start_matches('\u{feff}').trim());
                let is_there = |target: &ColumnTarget| match target {
                    ColumnTarget::Custom(name) => self.table.find(name.as_str()).is_some(),
                    _ => true,
                };
                let columns: Vec<_> =
                    (0..row.len()).filter_map(|at| Some((at, target(at).filter(is_there)?))).collect();
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
    Ok(Plan { columns, custom: Vec::new(), width, has_names, zero_is_nobody: false })
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
        Plan { columns, custom: Vec::new(), width: row.len(), has_names: true, zero_is_nobody }
    }

    /// With the columns of configured fields apart.
    fn with_fields(mut self, table: &CustomFields) -> Result<Self, String> {
        for (at, target) in std::mem::take(&mut self.columns) {
            let ColumnTarget::Custom(name) = target else {
                self.columns.push((at, target));
                continue;
            };
            let id = table.find(name.as_str()).ok_or_else(|| {
                let names = ColumnTarget::names(table);
                format!("{} is nothing that a tick has; there are {names}", shown(name.as_str()))
            })?;
            self.custom.push((at, id));
        }
        Ok(self)
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

    fn fill(
        &self,
        row: &TableRow<'_>,
        unit: Unit,
        table: &Arc<CustomFields>,
        tick: &mut Parts,
    ) -> Result<(), FormatFault> {
        for &(at, id) in &self.custom {
            let cell = row.get(at).trim();
            if !is_absent(cell) {
                read_custom(cell, id, table, &mut tick.fields)?;
            }
        }
        for &(at, target) in &self.columns {
            let cell = row.get(at).trim();
            match target {
                ColumnTarget::Symbol if !cell.is_empty() => tick.symbol = Some(Symbol::new(cell)?),
                ColumnTarget::Report(column @ ReportColumn::Affects) if cell == NONE => {
                    column.read(cell, &mut tick.line)?;
                }
                _ if is_absent(cell) => {}
                ColumnTarget::Report(column) => column.read(cell, &mut tick.line)?,
                ColumnTarget::Ts => {
                    tick.ts = Some(unit.read(cell).ok_or(FormatFault::value("ts", ValueFault::Moment))?);
                }
                ColumnTarget::Rx => {
                    tick.rx = Some(unit.read(cell).ok_or(FormatFault::value("rx", ValueFault::Moment))?);
                }
                ColumnTarget::BuyerMaker => tick.fields.set_side(seller_waited(cell)?),
                ColumnTarget::Conditions => tick.affects = of_massive(cell),
                ColumnTarget::Correction => tick.correction = MassiveCorrection::of(cell),
                ColumnTarget::Field(field) => {
                    read(cell, field, &mut tick.fields)
                        .map_err(|fault| FormatFault::value(field.name(), fault))?;
                }
                // Configured fields are in `custom`.
                ColumnTarget::Symbol | ColumnTarget::Custom(_) => {}
            }
        }
        if self.zero_is_nobody {
            tick.fields.withdraw_sides_at_zero();
        }
        tick.report();
        Ok(tick.line.put(&mut tick.fields)?)
    }
}

/// A tick being built.
#[derive(Default)]
struct Parts {
    symbol: Option<Symbol>,
    ts: Option<crate::tick::Nanos>,
    rx: Option<crate::tick::Nanos>,
    fields: Fields,
    affects: Affects,
    correction: MassiveCorrection,
    /// Of the columns with our own names.
    line: LineReport,
}

/// What a row of Massive's trades is, by its indicator of corrections.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum MassiveCorrection {
    /// As it stands, corrected or not, also when it was cancelled later.
    #[default]
    Trade,
    /// The cancel of a trade, or that it was an error.
    Cancel,
    /// What was wrong with a trade that is corrected in its own row.
    Before,
}

impl MassiveCorrection {
    fn of(cell: &str) -> Self {
        match cell {
            "10" | "11" => MassiveCorrection::Cancel,
            "12" => MassiveCorrection::Before,
            _ => MassiveCorrection::Trade,
        }
    }
}

impl Parts {
    /// Applies what is said of the trade beside its values.
    fn report(&mut self) {
        let id = *self.fields.trade_id();
        match self.correction {
            // Names of other securities than stocks have a prefix, and their conditions other numbers.
            MassiveCorrection::Trade => {
                if self.symbol.as_ref().is_none_or(|symbol| !symbol.as_str().contains(':')) {
                    self.fields.limit_trade(self.affects);
                }
            }
            MassiveCorrection::Cancel if !id.is_empty() => {
                self.fields = Fields::default();
                self.fields.set_report(Some(Arc::new(TradeReport::of(ReportKind::Cancel, id))));
            }
            MassiveCorrection::Cancel | MassiveCorrection::Before => self.fields = Fields::default(),
        }
    }
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
        plan.fill(row, self.unit, &self.table, &mut tick)?;
        let Parts { symbol, ts, rx, fields, .. } = tick;
        let symbol =
            symbol.or_else(|| self.symbol.clone()).ok_or(FormatFault::Missing { field: "symbol" })?;
        let named = fields.named().without(Field::Side.bit().with(Field::TradeId));
        if named.is_empty() && fields.custom.is_none() && fields.report().is_none() {
            return Ok(RowValue::Nothing);
        }
        Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
    }
}

#[cfg(test)]
mod tests;
