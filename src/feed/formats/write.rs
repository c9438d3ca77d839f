//! Writes ticks in the writable text formats: our own, plain tables, and Tardis's trades and quotes.
//!
//! Loss: fields without a column are left out; [`Rows::write`] returns whether there were any. Times lose everything
//! below a microsecond. A row of Tardis's quotes is a whole quote, of which an empty side is withdrawn: [`WholeQuotes`]
//! makes ticks so. A table of Tardis withdraws nothing but a side of the book.
//!
//! Invariant: a written line is read back as the same tick, except for the fields left out.

use std::collections::HashMap;

use super::plain::NULL;
use crate::{
    feed::ndjson::write_line,
    tick::{Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, TradeId},
};

/// A writable format.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Rows {
    #[default]
    Own,
    Plain,
    TardisTrades {
        exchange: String,
    },
    TardisQuotes {
        exchange: String,
    },
    /// Written only by [`crate::feed::recording::Writer`]: its rows are not text.
    #[cfg(feature = "parquet")]
    Parquet,
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

    /// By its name; `exchange` is the value of Tardis's first column.
    pub fn parse(name: &str, exchange: &str) -> Option<Self> {
        let exchange = exchange.to_owned();
        Some(match name {
            "own" => Rows::Own,
            "csv" => Rows::Plain,
            "tardis-trades" => Rows::TardisTrades { exchange },
            "tardis-quotes" => Rows::TardisQuotes { exchange },
            #[cfg(feature = "parquet")]
            "parquet" => Rows::Parquet,
            _ => return None,
        })
    }

    /// The line of names; our own format has its first line instead.
    pub fn names(&self) -> Option<String> {
        match self {
            Rows::Own => None,
            #[cfg(feature = "parquet")]
            Rows::Parquet => None,
            Rows::Plain => {
                let fields = Field::ALL.map(Field::name).join(",");
                Some(format!("symbol,ts,rx,{fields}\n"))
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
        match self {
            Rows::Own => {
                write_line(tick, Some(rx), out);
                return Kept::All;
            }
            #[cfg(feature = "parquet")]
            Rows::Parquet => return Kept::Nothing,
            Rows::Plain => write_plain(tick, rx, out),
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
                return kept(tick, TRADE);
            }
            Rows::TardisQuotes { exchange } => {
                if tick.fields.named().intersect(QUOTE).is_empty() {
                    return Kept::Nothing;
                }
                write_tardis(exchange, tick, rx, out);
                cells(tick, &[Field::AskSize, Field::Ask, Field::Bid, Field::BidSize], Nulls::Empty, out);
                return kept(tick, QUOTE);
            }
        }
        Kept::All
    }
}

fn kept(tick: &Tick, columns: FieldSet) -> Kept {
    if columns.contains_all(tick.fields.named()) { Kept::All } else { Kept::Part }
}

fn write_plain(tick: &Tick, rx: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(tick.symbol.as_str().as_bytes());
    out.push(b',');
    if let Some(ts) = tick.ts {
        time(ts, out);
    }
    out.push(b',');
    time(rx, out);
    cells(tick, &Field::ALL, Nulls::Told, out);
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
    Told,
    Empty,
}

/// A column for each field, empty where the tick does not have it, and the line's end.
fn cells(tick: &Tick, fields: &[Field], nulls: Nulls, out: &mut Vec<u8>) {
    for &field in fields {
        out.push(b',');
        if !tick.fields.mask.contains(field) {
            if nulls == Nulls::Told && tick.fields.withdrawn().contains(field) {
                out.extend_from_slice(NULL.as_bytes());
            }
            continue;
        }
        match field {
            Field::Side => out.extend_from_slice(tick.fields.side.as_str().as_bytes()),
            Field::TradeId => write_id(tick.fields.trade_id(), out),
            Field::Trades => out.extend_from_slice(itoa::Buffer::new().format(tick.fields.trades).as_bytes()),
            Field::Volume => tick.fields.volume().write(out),
            _ => tick.fields.get_decimal(field).unwrap_or_default().write(out),
        }
    }
    out.push(b'\n');
}

/// The only cell that may have a comma.
fn write_id(id: &TradeId, out: &mut Vec<u8>) {
    let quote: &[u8] = if id.as_bytes().contains(&b',') { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(id.as_bytes());
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        feed::formats::{DecoderOutput, Format, Hints},
        tick::{
            Decimal, Fields, Symbol,
            testing::{ANY_SYMBOL, any_decimal, any_size, any_trade_id, any_volume},
        },
    };

    /// A tick with some of `columns`, at least one of `needed`, and its receive time.
    fn tick(columns: FieldSet, needed: FieldSet) -> impl Strategy<Value = (Tick, Nanos)> {
        // Earlier times are so small that a reader would take them for another unit.
        let micros =
            || (100_000_000_000_000i64..4_000_000_000_000_000).prop_map(|micros| Nanos(micros * 1_000));
        let values = (
            proptest::array::uniform9(any_decimal()),
            any_size(),
            any_size(),
            any_size(),
            prop_oneof![Just(Side::Buy), Just(Side::Sell), Just(Side::Unknown)],
            any_volume(),
            (any::<u64>(), any_trade_id()),
        );
        (ANY_SYMBOL, micros(), micros(), any::<u16>(), values).prop_map(
            move |(
                symbol,
                ts,
                rx,
                bits,
                (prices, bid_size, ask_size, last_size, side, volume, (trades, id)),
            )| {
                let mut mask = FieldSet(bits).intersect(columns);
                if mask.intersect(needed).is_empty() || needed != FieldSet::ALL {
                    mask = mask.union(needed);
                }
                let mut fields = Fields::default();
                for field in mask.iter() {
                    match field {
                        Field::Side => fields.set_side(side),
                        Field::Volume => fields.set_volume(volume),
                        Field::Trades => fields.set_trades(trades),
                        Field::TradeId => fields.set_trade_id(id),
                        Field::BidSize => fields.set_decimal(field, bid_size),
                        Field::AskSize => fields.set_decimal(field, ask_size),
                        Field::LastSize => fields.set_decimal(field, last_size),
                        _ => fields.set_decimal(field, prices[field as usize]),
                    }
                }
                (Tick { symbol: Symbol::new(&symbol).unwrap(), ts: Some(ts), fields }, rx)
            },
        )
    }

    /// Writes ticks, and reads them without knowing how they were written.
    fn there_and_back(rows: &Rows, ticks: &[(Tick, Nanos)]) -> Vec<(Tick, Nanos)> {
        let header = || "{\"tickcast\":\"recording\",\"version\":1}\n".to_owned();
        let mut bytes = rows.names().unwrap_or_else(header).into_bytes();
        for (tick, rx) in ticks {
            assert_eq!(rows.write(tick, *rx, &mut bytes), Kept::All);
        }
        let mut decoder =
            Format::detect("table", &bytes).unwrap().decoder("table", &Hints::default(), 4_096).unwrap();
        let mut out = DecoderOutput::default();
        decoder.feed(&mut bytes, &mut out);
        decoder.finish(&mut out);
        assert!(out.rejects.is_empty(), "{:?}", out.rejects);
        out.ticks.into_iter().map(|(rx, tick)| (tick, rx.unwrap())).collect()
    }

    proptest! {
        #[test]
        fn ours_and_plain_tables_carry_every_tick(
            ticks in proptest::collection::vec(
                (tick(FieldSet::ALL, FieldSet::ALL), prop_oneof![Just(FieldSet::NONE), any::<u16>().prop_map(FieldSet)]),
                1..20,
            ),
        ) {
            let withdraw = |((mut tick, rx), withdrawn): ((Tick, Nanos), FieldSet)| {
                tick.fields.withdraw_all(withdrawn);
                (tick, rx)
            };
            let ticks: Vec<_> = ticks.into_iter().map(withdraw).collect();
            let own = there_and_back(&Rows::Own, &ticks);
            prop_assert_eq!(&own, &ticks);
            let plain = there_and_back(&Rows::Plain, &own);
            prop_assert_eq!(&plain, &ticks);
        }

        #[test]
        fn tables_of_tardis_carry_trades_and_quotes(
            trades in proptest::collection::vec(tick(TRADE, TRADE), 1..20),
            quotes in proptest::collection::vec((tick(QUOTE, QUOTE), 0usize..8), 1..20),
        ) {
            let sides = [Field::Bid.bit().with(Field::BidSize), Field::Ask.bit().with(Field::AskSize), QUOTE];
            let empty = |((mut tick, rx), side): ((Tick, Nanos), usize)| {
                tick.fields.withdraw_all(sides.get(side).copied().unwrap_or_default());
                (tick, rx)
            };
            let quotes: Vec<_> = quotes.into_iter().map(empty).collect();
            let exchange = "binance".to_owned();
            let table = Rows::TardisTrades { exchange: exchange.clone() };
            prop_assert_eq!(there_and_back(&Rows::Plain, &there_and_back(&table, &trades)), trades);
            let table = Rows::TardisQuotes { exchange };
            prop_assert_eq!(there_and_back(&Rows::Own, &there_and_back(&table, &quotes)), quotes);
        }
    }

    #[test]
    fn a_side_that_a_tick_does_not_name_stands_in_its_row_as_before() {
        let mut quotes = WholeQuotes::default();
        let mut tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields: Fields::default() };
        let mut complete = |fields: Fields| {
            tick.fields = fields;
            let mut out = Vec::new();
            Rows::TardisQuotes { exchange: "x".to_owned() }.write(
                &quotes.complete(&tick),
                Nanos(0),
                &mut out,
            );
            String::from_utf8(out).unwrap()
        };
        let with = |field: Field, units: i64| {
            let mut fields = Fields::default();
            fields.set_decimal(field, Decimal::from_units(units * 1_000_000_000));
            fields
        };
        let mut gone = Fields::default();
        gone.withdraw_all(Field::Bid.bit().with(Field::BidSize));
        assert_eq!(complete(with(Field::Bid, 1)), "x,A,0,0,,,1,\n");
        assert_eq!(complete(with(Field::Ask, 2)), "x,A,0,0,,2,1,\n");
        assert_eq!(complete(with(Field::Last, 3)), "", "no quote");
        assert_eq!(complete(gone), "x,A,0,0,,2,,\n");
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Bid, Decimal::from_units(1));
        let mut tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields };
        let exchange = "x".to_owned();
        let (trades, quotes) = (Rows::parse("tardis-trades", "x").unwrap(), Rows::TardisQuotes { exchange });
        let kept = |rows: &Rows, tick: &Tick| rows.write(tick, Nanos(0), &mut Vec::new());
        assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Nothing, Kept::All));
        tick.fields.set_decimal(Field::Last, Decimal::from_units(2));
        assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Nothing, Kept::Part));
        tick.fields.set_decimal(Field::LastSize, Decimal::from_units(2));
        assert_eq!((kept(&trades, &tick), kept(&quotes, &tick)), (Kept::Part, Kept::Part));
        assert_eq!((kept(&Rows::Own, &tick), kept(&Rows::Plain, &tick)), (Kept::All, Kept::All));
        assert_eq!(Rows::parse("parquet", "x").is_some(), cfg!(feature = "parquet"));
        assert_eq!(Rows::parse("arrow", "x"), None);
    }
}
