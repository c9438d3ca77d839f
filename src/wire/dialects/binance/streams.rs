//! The names of streams, and what each kind is here.

use std::time::Duration;

use compact_str::CompactString;

use crate::{
    fanout::Form,
    tick::{Field, FieldSet},
    wire::dialects::stream::{DialectStream, Whose},
};

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamName {
    Served(&'static DialectStream, Whose),
    /// A stream of the venue that is not served here.
    Missing,
    /// The venue has none of this name: it is acknowledged, and mute.
    Unknown,
}

const TICKER_EVERY: Duration = Duration::from_secs(1);
const BAR: FieldSet =
    Field::Open.bit().with(Field::High).with(Field::Low).with(Field::Last).with(Field::Volume);
const DAY: FieldSet = BAR.union(FieldSet::LAST_TRADE).union(FieldSet::QUOTE).with(Field::Trades);

const fn conflated(name: &'static str, form: u8, fields: FieldSet) -> DialectStream {
    DialectStream::conflated(name, form, fields).behind_snapshot(0)
}

const fn ticker(name: &'static str, form: u8, fields: FieldSet) -> DialectStream {
    conflated(name, form, fields).at_most_each(TICKER_EVERY)
}

/// One array of all symbols, each second.
const fn gathered(name: &'static str, form: u8, fields: FieldSet) -> DialectStream {
    DialectStream { form: Form::gathered(form), ..ticker(name, form, fields) }
}

pub static TRADE: DialectStream = DialectStream::trades("trade", 1);
pub static AGG_TRADE: DialectStream = DialectStream::trades("aggTrade", 2);
pub static BOOK_TICKER: DialectStream = conflated("bookTicker", 3, FieldSet::QUOTE);
pub static MINI_TICKER: DialectStream = ticker("miniTicker", 4, BAR);
pub static TICKER: DialectStream = ticker("ticker", 5, DAY);
pub static ALL_BOOK_TICKERS: DialectStream = conflated("!bookTicker", 6, FieldSet::QUOTE);
pub static ALL_MINI_TICKERS: DialectStream = gathered("!miniTicker@arr", 7, BAR);
pub static ALL_TICKERS: DialectStream = gathered("!ticker@arr", 8, DAY);

/// The streams of one symbol, and those of all.
static OF_ONE: [&DialectStream; 5] = [&TRADE, &AGG_TRADE, &BOOK_TICKER, &MINI_TICKER, &TICKER];
static OF_ALL: [&DialectStream; 3] = [&ALL_BOOK_TICKERS, &ALL_MINI_TICKERS, &ALL_TICKERS];

/// How the kinds begin that the venue has and that are not served.
const MISSING: [&str; 7] =
    ["kline_", "depth", "avgPrice", "ticker_", "blockTrade", "referencePrice", "continuousKline_"];

impl StreamName {
    pub fn of(name: &str) -> StreamName {
        if let Some(all) = name.strip_prefix('!') {
            return match OF_ALL.into_iter().find(|kind| kind.name == name) {
                Some(kind) => StreamName::Served(kind, Whose::All),
                None if all.starts_with("ticker_") => StreamName::Missing,
                None => StreamName::Unknown,
            };
        }
        let Some((symbol, kind)) = name.split_once('@') else { return StreamName::Unknown };
        if let Some(kind) = OF_ONE.into_iter().find(|known| known.name == kind) {
            return StreamName::Served(kind, Whose::Symbol(CompactString::new(symbol)));
        }
        if MISSING.iter().any(|missing| kind.starts_with(missing)) {
            StreamName::Missing
        } else {
            StreamName::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::{Mode, Name};

    #[test]
    fn a_name_is_a_kind_of_a_symbol_or_of_all() {
        let of = |symbol: &str| Whose::Symbol(symbol.into());
        for (name, expected) in [
            ("btcusdt@trade", StreamName::Served(&TRADE, of("btcusdt"))),
            ("BTC-USD@aggTrade", StreamName::Served(&AGG_TRADE, of("BTC-USD"))),
            ("x@bookTicker", StreamName::Served(&BOOK_TICKER, of("x"))),
            ("!bookTicker", StreamName::Served(&ALL_BOOK_TICKERS, Whose::All)),
            ("!miniTicker@arr", StreamName::Served(&ALL_MINI_TICKERS, Whose::All)),
            ("!ticker@arr", StreamName::Served(&ALL_TICKERS, Whose::All)),
            ("btcusdt@kline_1m", StreamName::Missing),
            ("btcusdt@depth20@100ms", StreamName::Missing),
            ("!ticker_1h@arr", StreamName::Missing),
            ("btcusdt@aggtrade", StreamName::Unknown),
            ("btcusdt", StreamName::Unknown),
            ("!ticker", StreamName::Unknown),
            ("", StreamName::Unknown),
        ] {
            assert_eq!(StreamName::of(name), expected, "{name}");
        }
    }

    #[test]
    fn kinds_are_told_apart_by_name_and_form() {
        let all: Vec<_> = OF_ONE.into_iter().chain(OF_ALL).collect();
        for (index, kind) in all.iter().enumerate() {
            assert!(Name::new(kind.name).is_some() && !kind.form.is_native(), "{}", kind.name);
            assert!(all[index + 1..].iter().all(|other| other.name != kind.name && other.form != kind.form));
            assert_eq!(kind.form.is_lossless(), kind.mode == Mode::Every, "{}", kind.name);
        }
    }
}
