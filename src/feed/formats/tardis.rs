//! Tables of Tardis: trades, quotes, `book_ticker`, `derivative_ticker`, and the best prices of `book_snapshot_N`.
//!
//! ```text
//! exchange,symbol,timestamp,local_timestamp,id,side,price,amount
//! exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount
//! ```
//! Columns are found by their names. Times are microseconds since 1970; `local_timestamp` is the receive time. An empty
//! cell is absent, so what the record had stays: a tick cannot take a price away.

use super::{
    Fault,
    table::{Made, Row, Rows},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{Field, Fields, Side, Symbol, Tick},
};

/// What the columns hold; `None` until the first line was read.
#[derive(Default)]
pub struct Tardis {
    columns: Option<Columns>,
}

struct Columns {
    count: usize,
    symbol: usize,
    timestamp: usize,
    local_timestamp: usize,
    side: Option<usize>,
    /// Decimals, and where they go.
    decimals: Vec<(usize, Field)>,
}

const NANOS_PER_MICRO: i64 = 1_000;
/// The names that a field may stand under.
const DECIMALS: [(&[&str], Field); 6] = [
    (&["bid_price", "bids[0].price"], Field::Bid),
    (&["bid_amount", "bids[0].amount"], Field::BidSize),
    (&["ask_price", "asks[0].price"], Field::Ask),
    (&["ask_amount", "asks[0].amount"], Field::AskSize),
    (&["price", "last_price"], Field::Last),
    (&["amount"], Field::LastSize),
];

/// Whether the first line is that of such a table. `Err` when it is one that holds no ticks.
///
/// # Errors
/// Why it cannot be read, for a person.
pub fn check_header(row: &Row<'_>) -> Result<bool, String> {
    if ["exchange", "symbol", "timestamp", "local_timestamp"].iter().any(|name| row.find(&[name]).is_none()) {
        return Ok(false);
    }
    let changes_of_a_book = row.find(&["is_snapshot"]).is_some();
    let columns = Columns::of(row).filter(|columns| !columns.decimals.is_empty() && !changes_of_a_book);
    match columns {
        Some(_) => Ok(true),
        None => Err(
            "of Tardis's tables, trades, quotes, book_ticker, derivative_ticker and book_snapshot can be \
                     read, and this is another"
                .to_owned(),
        ),
    }
}

// === impl Columns ===

impl Columns {
    fn of(row: &Row<'_>) -> Option<Self> {
        let decimals = DECIMALS.iter().filter_map(|(names, field)| Some((row.find(names)?, *field)));
        Some(Columns {
            count: row.len(),
            symbol: row.find(&["symbol"])?,
            timestamp: row.find(&["timestamp"])?,
            local_timestamp: row.find(&["local_timestamp"])?,
            side: row.find(&["side"]),
            decimals: decimals.collect(),
        })
    }
}

// === impl Tardis ===

impl Rows for Tardis {
    fn is_header(&mut self, row: &Row<'_>) -> bool {
        self.columns = Columns::of(row);
        self.columns.is_some()
    }

    fn make(&mut self, row: &Row<'_>) -> Result<Made, Fault> {
        let Some(columns) = &self.columns else { return Err(Fault::Missing { field: "the line of names" }) };
        if row.len() != columns.count {
            return Err(Fault::Columns { found: row.len(), expected: columns.count });
        }
        let symbol = Symbol::new(row.get(columns.symbol))?;
        let ts = row.time(columns.timestamp, "timestamp", NANOS_PER_MICRO)?;
        let rx = row.time(columns.local_timestamp, "local_timestamp", NANOS_PER_MICRO)?;
        let mut fields = Fields::default();
        for &(column, field) in &columns.decimals {
            row.read(column, field, &mut fields)?;
        }
        if let Some(side) = columns.side {
            let side = Side::parse(row.get(side)).ok_or(Fault::value("side", ValueFault::Side))?;
            fields.set_side(side);
        }
        if fields.mask.is_empty() || fields.mask == Field::Side.bit() {
            return Ok(Made::Nothing);
        }
        Ok(Made::Tick(rx, Tick { symbol, ts, fields }))
    }
}
