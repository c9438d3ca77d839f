//! Binance's public data: trades, aggregated trades and best prices, of spot and futures.
//!
//! ```text
//! BTCUSDT-trades-2024-01-01.csv      trade_id,price,qty,quoteQty,time,isBuyerMaker[,isBestMatch]
//! BTCUSDT-aggTrades-2024-01.csv      agg_trade_id,price,qty,first_id,last_id,time,is_buyer_maker[,is_best_match]
//! BTCUSDT-bookTicker-2024-01-01.csv  update_id,bid,bid_qty,ask,ask_qty,transaction_time,event_time
//! ```
//! The symbol and what the columns are stand in the file's name; a line of names is passed over. Times are milliseconds
//! or, in spot from 2025, microseconds: their size tells. There is no receive time, so the event's stands in.
//!
//! `isBuyerMaker` true means that the buyer waited in the book, so the aggressor sold.

use super::{
    Fault,
    table::{Made, Row, Rows},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Field, FieldSet, Fields, Nanos, Side, Symbol, Tick},
};

/// One file's rows.
pub struct Binance {
    symbol: Symbol,
    kind: Kind,
}

/// What the columns are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Trades,
    AggTrades,
    BookTicker,
}

/// Milliseconds reach this in the year 5138, microseconds did in 1973.
const MICROS_FROM: i64 = 100_000_000_000_000;

// === impl Kind ===

impl Kind {
    const ALL: [Kind; 3] = [Kind::Trades, Kind::AggTrades, Kind::BookTicker];

    const fn name(self) -> &'static str {
        match self {
            Kind::Trades => "trades",
            Kind::AggTrades => "aggTrades",
            Kind::BookTicker => "bookTicker",
        }
    }

    /// The fewest columns, and the one that holds the time.
    const fn columns(self) -> (usize, usize) {
        match self {
            Kind::Trades => (6, 4),
            Kind::AggTrades => (7, 5),
            Kind::BookTicker => (6, 5),
        }
    }

    /// From a name such as `BTCUSDT-aggTrades-2024-01-01.csv`: the symbol, and what the columns are.
    pub fn of_name(name: &str) -> Option<(&str, Kind)> {
        Kind::ALL.into_iter().find_map(|kind| {
            let (symbol, date) = name.split_once(&format!("-{}-", kind.name()))?;
            date.starts_with(|first: char| first.is_ascii_digit()).then_some((symbol, kind))
        })
    }
}

// === impl Binance ===

impl Binance {
    /// # Errors
    /// When the name does not tell the symbol.
    pub fn new(name: &str) -> Result<Self, String> {
        let (symbol, kind) = Kind::of_name(name).ok_or(
            "the symbol of Binance's public data stands in the file's name, as in BTCUSDT-trades-2024-01-01.csv",
        )?;
        let symbol = Symbol::new(symbol).map_err(|error| format!("its name tells no symbol: {error}"))?;
        Ok(Binance { symbol, kind })
    }
}

impl Rows for Binance {
    fn is_header(&mut self, row: &Row<'_>) -> bool {
        row.get(0).starts_with(|first: char| first.is_ascii_alphabetic())
    }

    fn make(&mut self, row: &Row<'_>) -> Result<Made, Fault> {
        let (expected, time) = self.kind.columns();
        if row.len() < expected {
            return Err(Fault::Columns { found: row.len(), expected });
        }
        let count = row.get(time).parse::<i64>().map_err(|_| Fault::value("time", ValueFault::Moment))?;
        let micros = if count >= MICROS_FROM { Some(count) } else { count.checked_mul(1_000) };
        let ts = micros.and_then(Nanos::from_micros).ok_or(Fault::value("time", ValueFault::Moment))?;
        let mut fields = Fields::default();
        if self.kind == Kind::BookTicker {
            let columns = [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize];
            for (column, field) in columns.into_iter().enumerate() {
                row.read(column + 1, field, &mut fields)?;
            }
        } else {
            row.read(1, Field::Last, &mut fields)?;
            row.read(2, Field::LastSize, &mut fields)?;
            if !fields.mask.contains_all(FieldSet::TRADE) {
                return Err(Fault::Missing { field: "price or quantity" });
            }
            fields.set_side(match row.get(time + 1) {
                "true" | "True" | "TRUE" => Side::Sell,
                "false" | "False" | "FALSE" => Side::Buy,
                _ => return Err(Fault::value("isBuyerMaker", ValueFault::Boolean)),
            });
        }
        if fields.mask.is_empty() {
            return Err(Fault::NoFields);
        }
        Ok(Made::Tick(None, Tick { symbol: self.symbol.clone(), ts: Some(ts), fields }))
    }
}
