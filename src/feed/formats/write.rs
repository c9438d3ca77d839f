//! Writes ticks in the writable text formats: our own, plain tables, and Tardis's trades and quotes.
//!
//! Loss: fields without a column are left out, and Tardis's tables leave out cancels, corrections, and trades that do not
//! affect everything; [`Rows::write`] returns whether there were any. Times lose everything below a microsecond. A row of Tardis's quotes is a whole quote, of which an empty side is withdrawn: [`WholeQuotes`]
//! makes ticks so. A table of Tardis withdraws nothing but a side of the book.
//!
//! Invariant: a written line is read back as the same tick, except for the fields left out.

use std::{collections::HashMap, sync::Arc};

use super::{plain::NULL, report::ReportColumn};
use crate::{
    feed::ndjson::write_line,
    tick::{
        CustomFields, CustomValue, Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, TradeId, WantedFields,
    },
};

/// A writable format.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Rows {
    #[default]
    Own,
    /// With a column for each of these fields too.
    Plain {
        fields: Arc<CustomFields>,
    },
    TardisTrades {
        exchange: String,
    },
    TardisQuotes {
        exchange: String,
    },
    /// Written only by [`crate::feed::recording::Writer`]: its rows are not text.
    #[cfg(feature = "parquet")]
    Parquet {
        fields: Arc<CustomFields>,
    },
}

/// How much of a tick was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    All,
    /// Fields were left out.
    Part,
    Nothing,
}

const QUOTE: FieldSet = Field::Bid.bit().with(Field::BidSize).with(Field::Ask).with(Field::AskSize);
const TRADE: FieldSet = FieldSet::TRADE.with(Field::Side);

/// The quotes of all symbols so far, for formats whose rows have both sides of the book.
#[derive(Default)]
pub struct WholeQuotes(HashMap<Symbol, Fields, foldhash::fast::RandomState>);

// === impl WholeQuotes ===

impl WholeQuotes {
    /// The tick with its symbol's whole quote as it is from it on. One without a part of a quote is returned as it is.
    pub fn complete(&mut self, tick: &Tick) -> Tick {
        let mut tick = tick.clone();
        if tick.fields.named().intersect(QUOTE).is_empty() {
            return tick;
        }
        let quote = match self.0.get_mut(&tick.symbol) {
            Some(quote) => quote,
            None => self.0.entry(tick.symbol.clone()).or_default(),
        };
        quote.merge(&tick.fields.only(QUOTE));
        tick.fields.merge(quote);
        tick
    }
}

// === impl Rows ===

impl Rows {
    /// The names that [`Rows::parse`] accepts, for a person.
    pub const NAMES: &str = if cfg!(feature = "parquet") {
        "own, csv, tardis-trades, tardis-quotes or parquet"
    } else {
        "own, csv, tardis-trades or tardis-quotes; and parquet in a build with --features parquet"
    };

    /// By its name; `exchange` is the value of Tardis's first column, and tables have columns of these `fields` too.
    pub fn parse(name: &str, exchange: &str, fields: &Arc<CustomFields>) -> Option<Self> {
        let exchange = exchange.to_owned();
        Some(match name {
            "own" => Rows::Own,
            "csv" => Rows::Plain { fields: Arc::clone(fields) },
            "tardis-trades" => Rows::TardisTrades { exchange },
            "tardis-quotes" => Rows::TardisQuotes { exchange },
            #[cfg(feature = "parquet")]
            "parquet" => Rows::Parquet { fields: Arc::clone(fields) },
            _ => return None,
        })
    }

    /// The line of names; our own format has its first line instead.
    pub fn names(&self) -> Option<String> {
        match self {
            Rows::Own => None,
            #[cfg(feature = "parquet")]
            Rows::Parquet { .. } => None,
            Rows::Plain { fields } => {
                let fields = WantedFields::ALL.names(fields).join(",");
                let report = ReportColumn::ALL.map(ReportColumn::name).join(",");
                Some(format!("symbol,ts,rx,{fields},{report}\n"))
            }
            Rows::TardisTrades { .. } => {
                Some("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n".to_owned())
            }
            Rows::TardisQuotes { .. } => Some(
                "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
                    .to_owned(),
            ),
        }
    }

    /// Appends a tick with receive time `rx`.
    pub fn write(&self, tick: &Tick, rx: Nanos, out: &mut Vec<u8>) -> Kept {
        let is_tardis = matches!(self, Rows::TardisTrades { .. } | Rows::TardisQuotes { .. });
        if is_tardis && tick.fields.report().is_some() {
            let left = without_report(tick);
            let kept = left.map_or(Kept::Nothing, |left| self.write(&left, rx, out));
            return if kept == Kept::All { Kept::Part } else { kept };
        }
        match self {
            Rows::Own => {
                write_line(tick, Some(rx), out);
                Kept::All
            }
            #[cfg(feature = "parquet")]
            Rows::Parquet { .. } => Kept::Nothing,
            Rows::Plain { fields } => write_plain(tick, fields, rx, out),
            Rows::TardisTrades { exchange } => {
                if !tick.fields.mask.contains_all(FieldSet::TRADE) {
                    return Kept::Nothing;
                }
                write_tardis(exchange, tick, rx, out);
                let known = tick.fields.mask.contains(Field::Side);
                let side = if known { tick.fields.side } else { Side::Unknown };
                out.push(b',');
                cell(side.as_str().as_bytes(), out);
                cells(tick, &[Field::Last, Field::LastSize], Nulls::Empty, out);
                kept(tick, TRADE)
            }
            Rows::TardisQuotes { exchange } => {
                if tick.fields.named().intersect(QUOTE).is_empty() {
                    return Kept::Nothing;
                }
                write_tardis(exchange, tick, rx, out);
                cells(tick, &[Field::AskSize, Field::Ask, Field::Bid, Field::BidSize], Nulls::Empty, out);
                kept(tick, QUOTE)
            }
        }
    }
}

/// What is left of a tick that says more of a trade than its fields can, for formats without cancels, corrections and
/// `affects`. Its price has no size then: played again, it moves no total that the trade did not affect. `None` when
/// nothing is left.
fn without_report(tick: &Tick) -> Option<Tick> {
    let mut left = tick.clone();
    let report = left.fields.report()?;
    if report.is_correction() {
        return None;
    }
    left.fields.set_report(None);
    left.fields.clear(Field::LastSize.bit());
    left.fields.has_values().then_some(left)
}

fn kept(tick: &Tick, columns: FieldSet) -> Kept {
    let all = columns.contains_all(tick.fields.named()) && tick.fields.custom.is_none();
    if all { Kept::All } else { Kept::Part }
}

fn write_plain(tick: &Tick, fields: &CustomFields, rx: Nanos, out: &mut Vec<u8>) -> Kept {
    out.extend_from_slice(tick.symbol.as_str().as_bytes());
    out.push(b',');
    if let Some(ts) = tick.ts {
        time(ts, out);
    }
    out.push(b',');
    time(rx, out);
    values(&tick.fields.spelled_out(), &Field::ALL, Nulls::Detection, out);
    let kept = configured(tick, fields, out);
    for column in ReportColumn::ALL {
        out.push(b',');
        if let Some(cell) = column.cell(&tick.fields) {
            quoted(&cell, out);
        }
    }
    out.push(b'\n');
    kept
}

/// A column for each configured field. A text that reads as a withdrawal is left out.
fn configured(tick: &Tick, fields: &CustomFields, out: &mut Vec<u8>) -> Kept {
    let mut kept = Kept::All;
    let entries = tick.fields.custom.as_ref().map_or(&[][..], |custom| custom.entries());
    for (id, _) in fields.iter() {
        out.push(b',');
        match entries.iter().find(|entry| entry.id == id).map(|entry| &entry.value) {
            None => {}
            Some(None) => out.extend_from_slice(NULL.as_bytes()),
            Some(Some(CustomValue::Text(text))) if **text == *NULL => kept = Kept::Part,
            Some(Some(CustomValue::Text(text))) => quoted(text, out),
            Some(Some(number)) => number.write_json(out),
        }
    }
    if entries.iter().any(|entry| entry.id.index() >= fields.len()) { Kept::Part } else { kept }
}

/// A cell that may have any character but line ends.
fn quoted(text: &str, out: &mut Vec<u8>) {
    if !text.contains([',', '"']) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// The first columns of all of Tardis's tables. Without an event time, the receive time is used.
fn write_tardis(exchange: &str, tick: &Tick, rx: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(exchange.as_bytes());
    cell(tick.symbol.as_str().as_bytes(), out);
    out.push(b',');
    time(tick.ts.unwrap_or(rx), out);
    out.push(b',');
    time(rx, out);
}

/// Whether a cell can say that its field is withdrawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Detection,
    Empty,
}

/// A column for each field, empty where the tick does not have it, and the line's end.
fn cells(tick: &Tick, fields: &[Field], nulls: Nulls, out: &mut Vec<u8>) {
    values(&tick.fields, fields, nulls, out);
    out.push(b'\n');
}

fn values(of: &Fields, fields: &[Field], nulls: Nulls, out: &mut Vec<u8>) {
    for &field in fields {
        out.push(b',');
        if !of.mask.contains(field) {
            if nulls == Nulls::Detection && of.withdrawn().contains(field) {
                out.extend_from_slice(NULL.as_bytes());
            }
            continue;
        }
        match field {
            Field::Side => out.extend_from_slice(of.side.as_str().as_bytes()),
            Field::TradeId => write_id(of.trade_id(), out),
            Field::Trades => out.extend_from_slice(itoa::Buffer::new().format(of.trades).as_bytes()),
            Field::Volume => of.volume().write(out),
            _ => of.get_decimal(field).unwrap_or_default().write(out),
        }
    }
}

/// A cell that may have a comma, and no quote.
fn write_id(id: &TradeId, out: &mut Vec<u8>) {
    let text = id.text();
    let quote: &[u8] = if text.contains(',') { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(quote);
}

fn cell(text: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    out.extend_from_slice(text);
}

fn time(time: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(time.micros()).as_bytes());
}

#[cfg(test)]
mod tests;
