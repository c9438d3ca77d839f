//! Binance's public data: trades, aggregated trades and best prices, of spot and futures.
//!
//! ```text
//! BTCUSDT-trades-2024-01-01.csv      trade_id,price,qty,quoteQty,time,isBuyerMaker[,isBestMatch]
//! BTCUSDT-aggTrades-2024-01.csv      agg_trade_id,price,qty,first_id,last_id,time,is_buyer_maker[,is_best_match]
//! BTCUSDT-bookTicker-2024-01-01.csv  update_id,bid,bid_qty,ask,ask_qty,transaction_time,event_time
//! ```
//! The file's name gives the symbol and the columns, and the rows must fit. A line of names is skipped, and so is a
//! trade at price 0, which is none. A best price of 0 means that the side is empty: its price and size are withdrawn.
//! Times are milliseconds or, in spot from 2025, microseconds, detected from their size. There is no receive time: the
//! event time is used.
//!
//! `isBuyerMaker` true means that the buyer's order was resting in the book, so the aggressor side is sell.

use super::{
    FormatFault,
    table::{RowValue, TableFormat, TableRow},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Decimal, Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, TradeId},
};

/// Decodes the rows of one file.
pub struct Binance {
    symbol: Symbol,
    kind: BinanceTable,
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Whether a line is of names: none of them is a number.
fn are_names(row: &TableRow<'_>) -> bool {
    (0..row.len()).all(|column| row.get(column).starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// The table, which defines the columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinanceTable {
    Trades,
    AggTrades,
    BookTicker,
}

// === impl BinanceTable ===

impl BinanceTable {
    pub const ALL: [BinanceTable; 3] =
        [BinanceTable::Trades, BinanceTable::AggTrades, BinanceTable::BookTicker];

    const fn name(self) -> &'static str {
        match self {
            BinanceTable::Trades => "trades",
            BinanceTable::AggTrades => "aggTrades",
            BinanceTable::BookTicker => "bookTicker",
        }
    }

    /// The minimum number of columns, and the one that holds the time.
    const fn columns(self) -> (usize, usize) {
        match self {
            BinanceTable::Trades => (6, 4),
            BinanceTable::AggTrades => (7, 5),
            BinanceTable::BookTicker => (6, 5),
        }
    }

    /// Whether a line is the names of this kind. Other exchanges' files have names of the same shape.
    pub fn is_names(self, row: &TableRow<'_>) -> bool {
        let has = |wanted: &[&str]| {
            (0..row.len()).any(|column| {
                let name = row.get(column).trim().replace(['_', ' '], "").to_ascii_lowercase();
                wanted.contains(&name.as_str())
            })
        };
        has(match self {
            BinanceTable::Trades | BinanceTable::AggTrades => &["isbuyermaker", "m", "wasthebuyerthemaker"],
            BinanceTable::BookTicker => &["bestbidprice", "bidprice", "bid"],
        }) && row.len() >= self.columns().0
            && are_names(row)
    }

    /// Whether a line is one of this kind's rows.
    pub fn is_row(self, row: &TableRow<'_>) -> bool {
        let (count, time) = self.columns();
        let whole =
            |column| !row.get(column).is_empty() && row.get(column).bytes().all(|byte| byte.is_ascii_digit());
        let is_number = |column| row.get(column).starts_with(|first: char| first.is_ascii_digit());
        row.len() >= count
            && whole(0)
            && whole(time)
            && (10..=19).contains(&row.get(time).len())
            && (1..time).all(is_number)
            && (self == BinanceTable::BookTicker || boolean(row.get(time + 1)).is_some())
    }

    /// Its description, for a person.
    pub const fn what(self) -> &'static str {
        match self {
            BinanceTable::Trades => "Binance's public trades",
            BinanceTable::AggTrades => "Binance's public aggTrades",
            BinanceTable::BookTicker => "Binance's public bookTicker",
        }
    }

    /// As [`Self::what`], for a file whose name gives nothing.
    pub const fn nameless(self) -> &'static str {
        match self {
            BinanceTable::Trades => {
                "Binance's public trades under another name: the symbol stands in the name, as in \
                 BTCUSDT-trades-2024-01-01.csv"
            }
            BinanceTable::AggTrades => {
                "Binance's public aggTrades under another name: the symbol stands in the name, as in \
                 BTCUSDT-aggTrades-2024-01-01.csv"
            }
            BinanceTable::BookTicker => {
                "Binance's public bookTicker under another name: the symbol stands in the name, as in \
                 BTCUSDT-bookTicker-2024-01-01.csv"
            }
        }
    }

    /// From a name such as `BTCUSDT-aggTrades-2024-01-01.csv`: the symbol and the kind of table.
    pub fn of_name(name: &str) -> Option<(&str, BinanceTable)> {
        BinanceTable::ALL.into_iter().find_map(|kind| {
            let (symbol, date) = name.split_once(&format!("-{}-", kind.name()))?;
            date.starts_with(|first: char| first.is_ascii_digit()).then_some((symbol, kind))
        })
    }
}

// === impl Binance ===

impl Binance {
    /// # Errors
    /// When the name does not give the symbol.
    pub fn new(name: &str) -> Result<Self, String> {
        let (symbol, kind) = BinanceTable::of_name(name).ok_or(
            "the symbol of Binance's public data stands in the file's name, as in BTCUSDT-trades-2024-01-01.csv",
        )?;
        let symbol = Symbol::new(symbol).map_err(|error| format!("its name tells no symbol: {error}"))?;
        Ok(Binance { symbol, kind })
    }
}

impl TableFormat for Binance {
    fn is_header(&mut self, row: &TableRow<'_>) -> bool {
        are_names(row)
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let (expected, time) = self.kind.columns();
        if row.len() < expected {
            return Err(FormatFault::Columns { found: row.len(), expected });
        }
        let count =
            row.get(time).parse::<i64>().map_err(|_| FormatFault::value("time", ValueFault::Moment))?;
        let ts = Nanos::by_size(count).ok_or(FormatFault::value("time", ValueFault::Moment))?;
        let mut fields = Fields::default();
        if self.kind == BinanceTable::BookTicker {
            let columns = [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize];
            for (column, field) in columns.into_iter().enumerate() {
                row.read(column + 1, field, &mut fields)?;
            }
            fields.withdraw_sides_at_zero();
        } else {
            row.read(1, Field::Last, &mut fields)?;
            row.read(2, Field::LastSize, &mut fields)?;
            if !fields.mask.contains_all(FieldSet::TRADE) {
                return Err(FormatFault::Missing { field: "price or quantity" });
            }
            let maker =
                boolean(row.get(time + 1)).ok_or(FormatFault::value("isBuyerMaker", ValueFault::Boolean))?;
            fields.set_side(if maker { Side::Sell } else { Side::Buy });
            if let Some(id) = TradeId::of_venue(row.get(0)) {
                fields.set_trade_id(id);
            }
            // Futures have rows of trades settled elsewhere, which have no price.
            if fields.get_decimal(Field::Last) == Some(Decimal::ZERO) {
                return Ok(RowValue::Nothing);
            }
        }
        if fields.named().is_empty() {
            return Err(FormatFault::NoFields);
        }
        Ok(RowValue::Tick(None, Tick { symbol: self.symbol.clone(), ts: Some(ts), fields }))
    }
}
