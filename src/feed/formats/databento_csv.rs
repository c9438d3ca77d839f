//! Databento's CSV tables: `trades`, `tbbo`, `mbp-1`, `mbp-10`, `bbo-1s`, `bbo-1m`, and those of consolidated markets.
//!
//! ```text
//! ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,...,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,...,symbol
//! ```
//! Columns are found by their names. A price with a point is a decimal, one without counts 1e-9, as in DBN; times are
//! nanoseconds or ISO-8601. A price that is empty, or the largest there is, means that the side is empty: its price
//! and size are withdrawn. Without a
//! column `symbol`, the symbol is the given one, or else the number of the instrument.

use super::{
    FormatFault,
    hints::Hints,
    moment::Unit,
    preset::column,
    table::{RowValue, TableFormat, TableRow, decimal},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Decimal, DecimalError, Field, Fields, Nanos, Side, Symbol, Tick},
};

/// Decodes the rows of one table.
pub struct DatabentoCsv {
    symbol: Option<Symbol>,
    columns: Option<DatabentoColumns>,
}

struct DatabentoColumns {
    width: usize,
    ts_event: usize,
    ts_recv: Option<usize>,
    symbol: usize,
    /// Action, side, price, size.
    trade: Option<[usize; 4]>,
    /// Price and size.
    bid: Option<[usize; 2]>,
    ask: Option<[usize; 2]>,
}

/// Values of prices and times that mean none.
const UNDEF_PRICE: &str = "9223372036854775807";
const UNDEF_TIMESTAMP: &str = "18446744073709551615";

/// Whether the first line belongs to such a table.
///
/// # Errors
/// When the table holds no ticks: its description, for a person.
pub fn check_header(row: &TableRow<'_>) -> Result<bool, &'static str> {
    let has = |name: &str| column(row, name).is_some();
    if !(has("ts_event") && has("rtype") && has("publisher_id")) {
        return Ok(false);
    }
    match DatabentoColumns::of(row) {
        _ if has("order_id") => Err("Databento's table of mbo, whose orders are read from DBN alone"),
        Some(columns) if columns.trade.is_some() || columns.bid.is_some() => Ok(true),
        _ => Err("a table of Databento of a schema that holds no ticks, such as ohlcv or definition"),
    }
}

// === impl DatabentoColumns ===

impl DatabentoColumns {
    fn of(row: &TableRow<'_>) -> Option<Self> {
        let find = |name: &str| column(row, name);
        let all = |names: [&str; 2]| Some([find(names[0])?, find(names[1])?]);
        let trade = || Some([find("action")?, find("side")?, find("price")?, find("size")?]);
        Some(DatabentoColumns {
            width: row.len(),
            ts_event: find("ts_event")?,
            ts_recv: find("ts_recv"),
            symbol: find("symbol").or_else(|| find("raw_symbol")).or_else(|| find("instrument_id"))?,
            trade: trade(),
            bid: all(["bid_px_00", "bid_sz_00"]),
            ask: all(["ask_px_00", "ask_sz_00"]),
        })
    }
}

// === impl DatabentoCsv ===

impl DatabentoCsv {
    pub fn new(hints: &Hints) -> Self {
        DatabentoCsv { symbol: hints.symbol.clone(), columns: None }
    }
}

impl TableFormat for DatabentoCsv {
    fn is_header(&mut self, row: &TableRow<'_>) -> bool {
        let is_header = check_header(row).unwrap_or(false);
        if is_header {
            self.columns = DatabentoColumns::of(row);
        }
        is_header
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let Some(columns) = &self.columns else {
            return Err(FormatFault::Missing { field: "the line of names" });
        };
        if row.len() != columns.width {
            return Err(FormatFault::Columns { found: row.len(), expected: columns.width });
        }
        let mut fields = Fields::default();
        for (side, price, size) in
            [(columns.bid, Field::Bid, Field::BidSize), (columns.ask, Field::Ask, Field::AskSize)]
        {
            let Some([price_at, size_at]) = side else { continue };
            match read_price(row.get(price_at), price)? {
                Some(value) => {
                    fields.set_decimal(price, value);
                    row.read(size_at, size, &mut fields)?;
                }
                None => fields.withdraw_all(price.bit().with(size)),
            }
        }
        if let Some([action, side, price, size]) = columns.trade
            && row.get(action) == "T"
            && let Some(value) = read_price(row.get(price), Field::Last)?
        {
            fields.set_decimal(Field::Last, value);
            row.read(size, Field::LastSize, &mut fields)?;
            match row.get(side) {
                "A" => fields.set_side(Side::Sell),
                "B" => fields.set_side(Side::Buy),
                _ => {}
            }
        }
        if fields.named().is_empty() {
            return Ok(RowValue::Nothing);
        }
        let symbol = match &self.symbol {
            Some(symbol) => symbol.clone(),
            None => Symbol::new(row.get(columns.symbol))?,
        };
        let ts = read_time(row.get(columns.ts_event), "ts_event")?;
        let rx = columns.ts_recv.map(|at| read_time(row.get(at), "ts_recv")).transpose()?.flatten();
        Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
    }
}

/// `None` when there is none.
fn read_price(text: &str, field: Field) -> Result<Option<Decimal>, FormatFault> {
    if matches!(text, "" | UNDEF_PRICE) {
        return Ok(None);
    }
    let value = if text.contains('.') {
        decimal(text, field)
    } else {
        text.parse().map(Decimal::from_units).map_err(|_| ValueFault::Decimal(DecimalError::Syntax))
    };
    value.map(Some).map_err(|fault| FormatFault::value(field.name(), fault))
}

fn read_time(text: &str, field: &'static str) -> Result<Option<Nanos>, FormatFault> {
    if matches!(text, "" | UNDEF_TIMESTAMP) {
        return Ok(None);
    }
    // A small count of nanoseconds must not be read as seconds.
    let unit = if text.bytes().all(|byte| byte.is_ascii_digit()) { Unit::Nanos } else { Unit::Iso };
    unit.read(text).map(Some).ok_or(FormatFault::value(field, ValueFault::Moment))
}
