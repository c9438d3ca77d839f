//! Ticks of Lean, the engine of `QuantConnect`: of equities, and of forex, CFDs, crypto and futures.
//!
//! ```text
//! 20131009_ibm_trade_tick.csv   ms since midnight,price x 10000,size,exchange,condition,suspicious
//! 20131009_ibm_quote_tick.csv   ms since midnight,bid x 10000,bid size,ask x 10000,ask size,exchange,condition,suspicious
//! 20140501_eurusd_tick_quote.csv   ms since midnight,bid,ask
//! 20180816_btcusd_tick_quote.csv   ms since midnight,bid,bid size,ask,ask size[,...]
//! 20180816_btcusd_tick_trade.csv   ms since midnight,price,size[,...]
//! 20131007_es_tick_trade_201312_20131220.csv   the same, of the contract of a month; `perp` in place of month and day
//! ```
//! Equities count from midnight in New York, the others from midnight in UTC.
//! The file's name gives day and symbol. A quote's row has one side, and the other is 0: that side keeps its value.
//! A trade affects what its conditions say (`feed/conditions.rs`). Suspicious rows are ticks like others. There is no receive time: the event time is used.

use super::{
    FormatFault,
    new_york::Day,
    table::{RowValue, TableFormat, TableRow, decimal},
};
use crate::{
    feed::{conditions::of_lean, ndjson::ValueFault},
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick},
};

/// Decodes the rows of one file.
pub struct Lean {
    symbol: Symbol,
    midnight: Nanos,
    kind: LeanTable,
}

/// The kind of the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeanTable {
    Trade,
    Quote,
    /// Not equities: prices as they are.
    PlainTrade,
    PlainQuote,
}

/// The column of a trade's conditions.
const CONDITION: usize = 4;
/// Prices are multiplied by ten thousand.
const PRICE_PLACES: u32 = 4;
/// A decimal's units are of 1e-9; of milliseconds that is a thousandth of a nanosecond.
const MILLIS_UNITS_PER_NANO: i64 = 1_000;

// === impl LeanTable ===

impl LeanTable {
    const fn columns(self) -> usize {
        match self {
            LeanTable::Trade | LeanTable::PlainTrade | LeanTable::PlainQuote => 3,
            LeanTable::Quote => 5,
        }
    }

    /// Whether a line is one of this kind's rows.
    pub fn is_row(self, row: &TableRow<'_>) -> bool {
        row.len() >= self.columns()
            && (0..self.columns()).all(|column| Decimal::parse(row.get(column)).is_ok())
    }

    /// From a name such as `20131009_ibm_trade_tick.csv`: the day, the symbol and the kind.
    pub fn of_name(name: &str) -> Option<(Day, String, LeanTable)> {
        let name = name.to_ascii_lowercase();
        let (day, rest) = name.split_once('_')?;
        let day = Day::parse(day)?;
        let equity = [("_trade_tick", LeanTable::Trade), ("_quote_tick", LeanTable::Quote)];
        let other = [("_tick_trade", LeanTable::PlainTrade), ("_tick_quote", LeanTable::PlainQuote)];
        equity.into_iter().chain(other).find_map(|(ending, kind)| {
            let (symbol, after) = rest.split_once(ending)?;
            let contract = match after.split_once('.').map_or(after, |(contract, _)| contract) {
                _ if matches!(kind, LeanTable::Trade | LeanTable::Quote) => "",
                "" => "",
                "_perp" => "_perp",
                contract => month_of(contract)?,
            };
            Some((day, format!("{symbol}{}", contract.replace('_', "-")).to_ascii_uppercase(), kind))
        })
    }

    const fn is_equity(self) -> bool {
        matches!(self, LeanTable::Trade | LeanTable::Quote)
    }
}

/// The month of `_201312_20131220`, with the part before it. Options have more parts, and are not supported.
fn month_of(contract: &str) -> Option<&str> {
    let (month, expiry) = contract.strip_prefix('_')?.split_once('_')?;
    Day::parse(expiry)?;
    Day::parse(&format!("{month}01")).map(|_| &contract[..=month.len()])
}

// === impl Lean ===

impl Lean {
    /// # Errors
    /// When the name does not give day and symbol.
    pub fn new(name: &str) -> Result<Self, String> {
        let (day, symbol, kind) = LeanTable::of_name(name).ok_or(
            "day and symbol of Lean's ticks stand in the file's name, as in 20131009_ibm_trade_tick.csv",
        )?;
        let symbol = Symbol::new(&symbol).map_err(|error| format!("its name tells no symbol: {error}"))?;
        let midnight = if kind.is_equity() { day.midnight() } else { day.utc_midnight() };
        Ok(Lean { symbol, midnight, kind })
    }
}

impl TableFormat for Lean {
    fn is_header(&mut self, _row: &TableRow<'_>) -> bool {
        false
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let expected = self.kind.columns();
        if row.len() < expected {
            return Err(FormatFault::Columns { found: row.len(), expected });
        }
        let mut fields = Fields::default();
        match self.kind {
            LeanTable::Trade => {
                read_price(row, 1, Field::Last, &mut fields)?;
                row.read(2, Field::LastSize, &mut fields)?;
                if row.len() > CONDITION {
                    fields.limit_trade(of_lean(row.get(CONDITION).trim()));
                }
            }
            LeanTable::Quote => {
                read_side(row, 1, Field::Bid, Field::BidSize, &mut fields)?;
                read_side(row, 3, Field::Ask, Field::AskSize, &mut fields)?;
            }
            LeanTable::PlainTrade => {
                row.read(1, Field::Last, &mut fields)?;
                row.read(2, Field::LastSize, &mut fields)?;
            }
            // Of forex and CFDs without sizes.
            LeanTable::PlainQuote if row.len() < 5 => {
                read_plain(row, 1, Field::Bid, &mut fields)?;
                read_plain(row, 2, Field::Ask, &mut fields)?;
            }
            LeanTable::PlainQuote => {
                for (at, price, size) in [(1, Field::Bid, Field::BidSize), (3, Field::Ask, Field::AskSize)] {
                    if read_plain(row, at, price, &mut fields)? {
                        row.read(at + 1, size, &mut fields)?;
                    }
                }
            }
        }
        if fields.mask.is_empty() && fields.report().is_none() {
            return Ok(RowValue::Nothing);
        }
        let ts = Some(self.time(row.get(0))?);
        Ok(RowValue::Tick(None, Tick { symbol: self.symbol.clone(), ts, fields }))
    }
}

impl Lean {
    /// Milliseconds since midnight, in some files with a fraction.
    fn time(&self, text: &str) -> Result<Nanos, FormatFault> {
        let millis = Decimal::parse(text).ok().and_then(Decimal::units).filter(|units| *units >= 0);
        let nanos = millis.and_then(|units| self.midnight.0.checked_add(units / MILLIS_UNITS_PER_NANO));
        nanos.map(Nanos).ok_or(FormatFault::value("time", ValueFault::Moment))
    }
}

/// A side of a quote; 0 when the row is for the other one.
fn read_side(
    row: &TableRow<'_>,
    column: usize,
    price: Field,
    size: Field,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    if matches!(row.get(column), "0" | "") {
        return Ok(());
    }
    read_price(row, column, price, fields)?;
    row.read(column + 1, size, fields)
}

/// A price as it is; whether there is one.
fn read_plain(
    row: &TableRow<'_>,
    column: usize,
    field: Field,
    fields: &mut Fields,
) -> Result<bool, FormatFault> {
    if matches!(row.get(column), "0" | "") {
        return Ok(false);
    }
    row.read(column, field, fields).map(|()| true)
}

fn read_price(
    row: &TableRow<'_>,
    column: usize,
    field: Field,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    let fault = |fault| FormatFault::value(field.name(), fault);
    let scaled = decimal(row.get(column), field).map_err(fault)?;
    let price = scaled.shifted(PRICE_PLACES).map_err(|error| fault(ValueFault::Decimal(error)))?;
    fields.set_decimal(field, price);
    Ok(())
}
