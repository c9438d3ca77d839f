//! Equity ticks of Lean, the engine of `QuantConnect`.
//!
//! ```text
//! 20131009_ibm_trade_tick.csv   ms since midnight,price x 10000,size,exchange,condition,suspicious
//! 20131009_ibm_quote_tick.csv   ms since midnight,bid x 10000,bid size,ask x 10000,ask size,exchange,condition,suspicious
//! ```
//! Day and symbol stand in the file's name. A quote's row has one side, and the other is 0: that side keeps what it had.
//! Suspicious rows are ticks like others. There is no receive time, so the event's stands in.

use super::{
    Fault,
    new_york::Day,
    table::{Made, Row, Rows, decimal},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Field, Fields, Fixed, FixedError, Nanos, Symbol, Tick},
};

/// One file's rows.
pub struct Lean {
    symbol: Symbol,
    midnight: Nanos,
    kind: Kind,
}

/// What the columns are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Trade,
    Quote,
}

/// Prices are whole numbers of this part.
const PRICE_SCALE: i64 = 10_000;
/// A [`Fixed`] counts 1e-9; of milliseconds that is a thousandth of a nanosecond.
const FIXED_MILLIS_PER_NANO: i64 = 1_000;

// === impl Kind ===

impl Kind {
    const fn columns(self) -> usize {
        match self {
            Kind::Trade => 3,
            Kind::Quote => 5,
        }
    }

    /// Whether a line is one of this kind's rows.
    pub fn is_row(self, row: &Row<'_>) -> bool {
        row.len() >= self.columns() && (0..self.columns()).all(|column| Fixed::parse(row.get(column)).is_ok())
    }

    /// From a name such as `20131009_ibm_trade_tick.csv`: the day, the symbol, and what the columns are.
    pub fn of_name(name: &str) -> Option<(Day, String, Kind)> {
        let name = name.to_ascii_lowercase();
        let (day, rest) = name.split_once('_')?;
        let day = Day::parse(day)?;
        [("_trade_tick", Kind::Trade), ("_quote_tick", Kind::Quote)].into_iter().find_map(|(ending, kind)| {
            let (symbol, _) = rest.split_once(ending)?;
            Some((day, symbol.to_ascii_uppercase(), kind))
        })
    }
}

// === impl Lean ===

impl Lean {
    /// # Errors
    /// When the name does not tell day and symbol.
    pub fn new(name: &str) -> Result<Self, String> {
        let (day, symbol, kind) = Kind::of_name(name).ok_or(
            "day and symbol of Lean's ticks stand in the file's name, as in 20131009_ibm_trade_tick.csv",
        )?;
        let symbol = Symbol::new(&symbol).map_err(|error| format!("its name tells no symbol: {error}"))?;
        Ok(Lean { symbol, midnight: day.midnight(), kind })
    }
}

impl Rows for Lean {
    fn is_header(&mut self, _row: &Row<'_>) -> bool {
        false
    }

    fn make(&mut self, row: &Row<'_>) -> Result<Made, Fault> {
        let expected = self.kind.columns();
        if row.len() < expected {
            return Err(Fault::Columns { found: row.len(), expected });
        }
        let mut fields = Fields::default();
        match self.kind {
            Kind::Trade => {
                read_price(row, 1, Field::Last, &mut fields)?;
                row.read(2, Field::LastSize, &mut fields)?;
            }
            Kind::Quote => {
                read_side(row, 1, Field::Bid, Field::BidSize, &mut fields)?;
                read_side(row, 3, Field::Ask, Field::AskSize, &mut fields)?;
            }
        }
        if fields.mask.is_empty() {
            return Ok(Made::Nothing);
        }
        let ts = Some(self.time(row.get(0))?);
        Ok(Made::Tick(None, Tick { symbol: self.symbol.clone(), ts, fields }))
    }
}

impl Lean {
    /// Milliseconds since midnight, in some files with a fraction.
    fn time(&self, text: &str) -> Result<Nanos, Fault> {
        let millis = Fixed::parse(text).ok().filter(|millis| *millis >= Fixed(0));
        let nanos = millis.and_then(|millis| self.midnight.0.checked_add(millis.0 / FIXED_MILLIS_PER_NANO));
        nanos.map(Nanos).ok_or(Fault::value("time", ValueFault::Moment))
    }
}

/// A side of a quote; 0 when the row is about the other one.
fn read_side(
    row: &Row<'_>,
    column: usize,
    price: Field,
    size: Field,
    fields: &mut Fields,
) -> Result<(), Fault> {
    if matches!(row.get(column), "0" | "") {
        return Ok(());
    }
    read_price(row, column, price, fields)?;
    row.read(column + 1, size, fields)
}

fn read_price(row: &Row<'_>, column: usize, field: Field, fields: &mut Fields) -> Result<(), Fault> {
    let fault = |fault| Fault::value(field.name(), fault);
    let scaled = decimal(row.get(column), field).map_err(fault)?;
    if scaled.0 % PRICE_SCALE != 0 {
        return Err(fault(ValueFault::Decimal(FixedError::Precision)));
    }
    fields.set_fixed(field, Fixed(scaled.0 / PRICE_SCALE));
    Ok(())
}
