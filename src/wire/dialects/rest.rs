//! What clients of a venue ask by REST when they start: a few requests that only read. Each is a row of a dialect's table, as
//! functions that write; `server/http/venue.rs` finds the symbols, and answers.

use super::dialect::Moment;
use crate::{tick::Symbol, topic::Record};

/// A request that a dialect answers.
#[derive(Clone, Copy)]
pub struct RestRow {
    pub path: &'static str,
    pub answer: RestAnswer,
    /// The answer, with status 400, to a request for a symbol that there is not.
    pub no_symbol: &'static str,
}

/// How a request is answered.
#[derive(Clone, Copy)]
pub enum RestAnswer {
    /// By a text that depends on the time alone.
    Fixed(fn(Moment) -> String),
    /// By an object with an array of all symbols, or of those that are named.
    Listing {
        /// Everything before the array.
        head: fn(Moment) -> String,
        row: fn(&Symbol, &mut Vec<u8>),
        /// Everything behind it.
        tail: &'static str,
    },
    /// By the records of all symbols or of those that are named, as an array; by an object when one is named as such.
    Records { row: fn(&Symbol, &Record, Moment, &mut Vec<u8>) },
}

/// The symbols that a request names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamedSymbols {
    All,
    /// `symbol=A`.
    One(String),
    /// `symbols=["A","B"]`, as JSON or with commas between.
    Some(Vec<String>),
}

impl NamedSymbols {
    pub fn of(query: &str) -> NamedSymbols {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "symbol" => return NamedSymbols::One(value.into_owned()),
                "symbols" => {
                    let listed = serde_json::from_str(&value);
                    return NamedSymbols::Some(listed.unwrap_or_else(|_| {
                        value.split(',').map(|symbol| symbol.trim().to_owned()).collect()
                    }));
                }
                _ => {}
            }
        }
        NamedSymbols::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_named_one_by_one_or_in_a_list() {
        for (query, expected) in [
            ("", NamedSymbols::All),
            ("permissions=SPOT", NamedSymbols::All),
            ("symbol=BTCUSDT", NamedSymbols::One("BTCUSDT".into())),
            ("x=1&symbols=%5B%22A%22%2C%22B%22%5D", NamedSymbols::Some(vec!["A".into(), "B".into()])),
            ("symbols=A,%20B", NamedSymbols::Some(vec!["A".into(), "B".into()])),
        ] {
            assert_eq!(NamedSymbols::of(query), expected, "{query}");
        }
    }
}
