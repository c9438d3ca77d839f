//! Known tables of vendors and exchanges, recognised by their line of names: the meanings of their columns.
//!
//! Invariant: no header belongs to two of them.

use super::{table::TableRow, target::ColumnTarget};
use crate::tick::Field;

/// A known table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Preset {
    /// Flat files of Polygon, now Massive.
    PolygonTrades,
    PolygonQuotes,
    /// Bybit's derivatives; spot has other columns.
    Bybit,
    BybitSpot,
    Okx,
    Kucoin,
}

/// The definition of a table.
pub struct Known {
    pub name: &'static str,
    /// An alias.
    alias: &'static str,
    /// Required columns; of `a|b` either. No other table has all of them.
    marks: &'static [&'static str],
    /// The field of each column: the first of these names that the table has. Fields without a column are left out.
    pub columns: &'static [(ColumnTarget, &'static [&'static str])],
    /// A price of 0 means that the side is empty: its price and size are withdrawn.
    pub zero_is_nobody: bool,
    /// The text after the symbol in the file's name, and before the date.
    separators: &'static [&'static str],
}

const LAST: ColumnTarget = ColumnTarget::Field(Field::Last);
const LAST_SIZE: ColumnTarget = ColumnTarget::Field(Field::LastSize);
const SIDE: ColumnTarget = ColumnTarget::Field(Field::Side);
const TRADE_ID: ColumnTarget = ColumnTarget::Field(Field::TradeId);

const POLYGON_TRADES: Known = Known {
    name: "polygon-trades",
    alias: "massive-trades",
    marks: &["ticker", "conditions", "exchange", "price", "size", "sip_timestamp|participant_timestamp"],
    columns: &[
        (ColumnTarget::Symbol, &["ticker"]),
        (ColumnTarget::Ts, &["participant_timestamp", "sip_timestamp"]),
        (ColumnTarget::Rx, &["sip_timestamp"]),
        (LAST, &["price"]),
        (LAST_SIZE, &["size"]),
        (TRADE_ID, &["id"]),
        (ColumnTarget::Conditions, &["conditions"]),
        (ColumnTarget::Correction, &["correction"]),
    ],
    zero_is_nobody: false,
    separators: &[],
};
const POLYGON_QUOTES: Known = Known {
    name: "polygon-quotes",
    alias: "massive-quotes",
    marks: &["ticker", "ask_exchange", "ask_price", "bid_price", "sip_timestamp|participant_timestamp"],
    columns: &[
        (ColumnTarget::Symbol, &["ticker"]),
        (ColumnTarget::Ts, &["participant_timestamp", "sip_timestamp"]),
        (ColumnTarget::Rx, &["sip_timestamp"]),
        (ColumnTarget::Field(Field::Bid), &["bid_price"]),
        (ColumnTarget::Field(Field::BidSize), &["bid_size"]),
        (ColumnTarget::Field(Field::Ask), &["ask_price"]),
        (ColumnTarget::Field(Field::AskSize), &["ask_size"]),
    ],
    zero_is_nobody: true,
    separators: &[],
};
const BYBIT: Known = Known {
    name: "bybit-trades",
    alias: "bybit",
    marks: &["timestamp", "symbol", "side", "size", "price", "tickDirection|trdMatchID"],
    columns: &[
        (ColumnTarget::Symbol, &["symbol"]),
        (ColumnTarget::Ts, &["timestamp"]),
        (LAST, &["price"]),
        (LAST_SIZE, &["size"]),
        (SIDE, &["side"]),
        (TRADE_ID, &["trdMatchID"]),
    ],
    zero_is_nobody: false,
    separators: &[],
};
const BYBIT_SPOT: Known = Known {
    name: "bybit-spot-trades",
    alias: "bybit-spot",
    marks: &["id", "timestamp", "price", "volume", "side"],
    columns: &[
        (ColumnTarget::Symbol, &["symbol"]),
        (ColumnTarget::Ts, &["timestamp"]),
        (LAST, &["price"]),
        (LAST_SIZE, &["volume"]),
        (SIDE, &["side"]),
        (TRADE_ID, &["id"]),
    ],
    zero_is_nobody: false,
    separators: &["_"],
};
const OKX: Known = Known {
    name: "okx-trades",
    alias: "okx",
    marks: &["trade_id", "side", "size", "price", "created_time"],
    columns: &[
        (ColumnTarget::Symbol, &["instrument_name"]),
        (ColumnTarget::Ts, &["created_time"]),
        (LAST, &["price"]),
        (LAST_SIZE, &["size"]),
        (SIDE, &["side"]),
        (TRADE_ID, &["trade_id"]),
    ],
    zero_is_nobody: false,
    separators: &["-trades-", "-aggtrades-"],
};
const KUCOIN: Known = Known {
    name: "kucoin-trades",
    alias: "kucoin",
    marks: &["trade_id", "trade_time", "price", "size", "side"],
    columns: &[
        (ColumnTarget::Symbol, &["symbol"]),
        (ColumnTarget::Ts, &["trade_time"]),
        (LAST, &["price"]),
        (LAST_SIZE, &["size"]),
        (SIDE, &["side"]),
        (TRADE_ID, &["trade_id"]),
    ],
    zero_is_nobody: false,
    separators: &["-trades-"],
};

// === impl Preset ===

impl Preset {
    pub const ALL: [Preset; 6] = [
        Preset::PolygonTrades,
        Preset::PolygonQuotes,
        Preset::Bybit,
        Preset::BybitSpot,
        Preset::Okx,
        Preset::Kucoin,
    ];

    pub const fn known(self) -> &'static Known {
        match self {
            Preset::PolygonTrades => &POLYGON_TRADES,
            Preset::PolygonQuotes => &POLYGON_QUOTES,
            Preset::Bybit => &BYBIT,
            Preset::BybitSpot => &BYBIT_SPOT,
            Preset::Okx => &OKX,
            Preset::Kucoin => &KUCOIN,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let is_it = |preset: &Preset| [preset.known().name, preset.known().alias].contains(&name);
        Self::ALL.into_iter().find(is_it)
    }

    /// All names, for a person.
    pub fn names() -> String {
        Self::ALL.map(|preset| preset.known().name).join(", ")
    }

    /// The table with this line of names.
    pub fn of_header(row: &TableRow<'_>) -> Option<Self> {
        let is_it = |preset: &Preset| preset.known().missing(row).is_none();
        Self::ALL.into_iter().find(is_it)
    }
}

// === impl Known ===

impl Known {
    /// The first required column that a line of names does not have.
    pub fn missing(&self, row: &TableRow<'_>) -> Option<&'static str> {
        let there = |mark: &&&str| mark.split('|').any(|name| column(row, name).is_some());
        self.marks.iter().find(|mark| !there(mark)).copied()
    }

    /// The symbol in a file's name, as in `BTCUSDT-trades-2024-01-01.csv`.
    pub fn symbol_of_name<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.separators.iter().find_map(|separator| {
            let (symbol, date) = name.rsplit_once(separator)?;
            (date.starts_with(|first: char| first.is_ascii_digit()) && !symbol.is_empty()).then_some(symbol)
        })
    }
}

/// The column of this name: exact, or else in another case, or with a translation after a slash as in old tables of
/// OKX.
pub fn column(row: &TableRow<'_>, name: &str) -> Option<usize> {
    let clean = |at: usize| row.get(at).trim_start_matches('\u{feff}').trim();
    let exact = (0..row.len()).find(|&at| clean(at) == name);
    exact.or_else(|| {
        (0..row.len()).find(|&at| {
            let clean = clean(at);
            clean.eq_ignore_ascii_case(name)
                || clean.strip_prefix(name).is_some_and(|rest| rest.starts_with('/') && !rest.is_ascii())
        })
    })
}
