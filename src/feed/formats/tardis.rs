//! Tables of Tardis: trades, quotes, `book_ticker`, `derivative_ticker`, and the best prices of `book_snapshot_N`.
//!
//! ```text
//! exchange,symbol,timestamp,local_timestamp,id,side,price,amount
//! exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount
//! ```
//! Columns are found by their names. Times are microseconds since 1970; `local_timestamp` is the receive time. An empty
//! price of a side of the book means that the side is empty: its price and size are withdrawn. Any other empty cell is
//! absent, and the record keeps its value.

use std::sync::Arc;

use super::{
    FormatFault, custom,
    table::{NO_NAMES, RowValue, TableFormat, TableRow},
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{CustomFields, CustomId, Field, Fields, Side, Symbol, Tick, TradeId},
};

/// The meanings of the columns; `None` until the first line was read.
pub struct Tardis {
    columns: Option<TardisColumns>,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
}

struct TardisColumns {
    count: usize,
    symbol: usize,
    timestamp: usize,
    local_timestamp: usize,
    side: Option<usize>,
    id: Option<usize>,
    /// Decimals and their fields.
    decimals: Vec<(usize, Field)>,
    configured: Vec<(usize, CustomId)>,
}

/// The columns of `derivative_ticker` that fill configured fields, and the names of these.
const CONFIGURED: [(&str, &str); 6] = [
    ("mark_price", "mark"),
    ("index_price", "index"),
    ("open_interest", "open_interest"),
    ("funding_rate", "funding"),
    ("predicted_funding_rate", "predicted_funding"),
    ("funding_timestamp", "funding_time"),
];

const NANOS_PER_MICRO: i64 = 1_000;
/// The possible names of a field's column.
const DECIMALS: [(&[&str], Field); 6] = [
    (&["bid_price", "bids[0].price"], Field::Bid),
    (&["bid_amount", "bids[0].amount"], Field::BidSize),
    (&["ask_price", "asks[0].price"], Field::Ask),
    (&["ask_amount", "asks[0].amount"], Field::AskSize),
    (&["price", "last_price"], Field::Last),
    (&["amount"], Field::LastSize),
];

/// Whether a line is the names of such a table.
///
/// # Errors
/// When the table holds no ticks: what it is, for a person. Liquidations have the columns of trades, so that only the
/// file's name shows; they are not additional trades, since the trades contain them once.
pub fn check_header(name: &str, row: &TableRow<'_>) -> Result<bool, &'static str> {
    if ["exchange", "symbol", "timestamp", "local_timestamp"].iter().any(|name| row.find(&[name]).is_none()) {
        return Ok(false);
    }
    if name.to_ascii_lowercase().contains("liquidations") {
        return Err("Tardis's liquidations: orders that were closed by force, which its trades hold already");
    }
    if row.find(&["is_snapshot"]).is_some() {
        return Err("Tardis's incremental_book: changes of a book's levels, without best prices");
    }
    let has_field =
        TardisColumns::of(row, &CustomFields::none()).is_some_and(|columns| !columns.decimals.is_empty());
    if has_field { Ok(true) } else { Err("a table of Tardis that has neither a price nor a quote") }
}

// === impl TardisColumns ===

impl TardisColumns {
    fn of(row: &TableRow<'_>, table: &CustomFields) -> Option<Self> {
        let configured =
            CONFIGURED.iter().filter_map(|(column, name)| Some((row.find(&[column])?, table.find(name)?)));
        let decimals = DECIMALS.iter().filter_map(|(names, field)| Some((row.find(names)?, *field)));
        Some(TardisColumns {
            count: row.len(),
            symbol: row.find(&["symbol"])?,
            timestamp: row.find(&["timestamp"])?,
            local_timestamp: row.find(&["local_timestamp"])?,
            side: row.find(&["side"]),
            id: row.find(&["id"]),
            decimals: decimals.collect(),
            configured: configured.collect(),
        })
    }

    fn has(&self, field: Field) -> bool {
        self.decimals.iter().any(|(_, found)| *found == field)
    }
}

// === impl Tardis ===

impl Tardis {
    /// A table of derivatives fills these fields too.
    pub fn with_fields(table: Arc<CustomFields>) -> Self {
        Tardis { columns: None, table }
    }
}

impl TableFormat for Tardis {
    fn is_header(&mut self, row: &TableRow<'_>) -> bool {
        let found = TardisColumns::of(row, &self.table);
        let is_header = found.is_some();
        self.columns = found.or_else(|| self.columns.take());
        is_header
    }

    fn make(&mut self, row: &TableRow<'_>) -> Result<RowValue, FormatFault> {
        let Some(columns) = &self.columns else { return Err(NO_NAMES) };
        if row.len() != columns.count {
            return Err(FormatFault::Columns { found: row.len(), expected: columns.count });
        }
        let symbol = Symbol::new(row.get(columns.symbol))?;
        let ts = row.time(columns.timestamp, "timestamp", NANOS_PER_MICRO)?;
        let rx = row.time(columns.local_timestamp, "local_timestamp", NANOS_PER_MICRO)?;
        let mut fields = Fields::default();
        for &(column, field) in &columns.decimals {
            row.read(column, field, &mut fields)?;
        }
        for (price, size) in [(Field::Bid, Field::BidSize), (Field::Ask, Field::AskSize)] {
            if columns.has(price) && !fields.mask.contains(price) {
                fields.withdraw_all(price.bit().with(size));
            }
        }
        for &(column, id) in &columns.configured {
            custom::read(row.get(column), id, &self.table, &mut fields)?;
        }
        if let Some(side) = columns.side {
            let side = Side::parse(row.get(side)).ok_or(FormatFault::value("side", ValueFault::Side))?;
            fields.set_side(side);
        }
        let id = columns.id.and_then(|id| TradeId::of_venue(row.get(id)));
        if let Some(id) = id.filter(|_| fields.is_trade()) {
            fields.set_trade_id(id);
        }
        let is_bare = fields.named().is_empty() || fields.named() == Field::Side.bit();
        if is_bare && fields.custom.is_none() {
            return Ok(RowValue::Nothing);
        }
        Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
    }
}
