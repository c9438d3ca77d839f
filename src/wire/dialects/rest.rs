//! What clients of a venue ask by REST when they start: a few requests that only read. Each is a row of a dialect's table, as
//! functions that write; `server/http/venue.rs` finds the symbols, and answers.

use super::dialect::Moment;
use crate::{
    tick::{FieldSet, Symbol},
    topic::Record,
};

/// A request that a dialect answers.
#[derive(Clone, Copy)]
pub struct RestRow {
    /// A part `*` of it stands for a symbol.
    pub path: &'static str,
    pub answer: RestAnswer,
    pub symbols: RestSymbols,
    /// The answer to a request for a symbol that there is not.
    pub no_symbol: RestRefusal,
}

/// How the requests of a dialect name symbols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestSymbols {
    /// The parameter of one symbol; empty where there is none.
    pub one: &'static str,
    /// The parameter of several, which may come several times.
    pub some: &'static str,
    /// `BTC-USDT` names `BTCUSDT` too.
    pub is_spelled: bool,
    /// Requests may be `POST`, with a form in the body that names them.
    pub by_form: bool,
    /// Parameters that ask for symbols of some kinds alone, and the kinds that the market's are of.
    pub kinds: &'static [(&'static str, &'static [&'static str])],
}

/// An answer in a venue's words that is no success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestRefusal {
    pub status: u16,
    pub body: &'static str,
}

/// How a request is answered.
#[derive(Clone, Copy)]
pub enum RestAnswer {
    /// By a text that depends on the time alone.
    Fixed(fn(Moment) -> String),
    /// By all symbols, or by those that are named; by a row alone where the path names one.
    Listing { list: RestList, row: fn(&Symbol, &mut Vec<u8>) },
    /// By the records of all symbols that have ticked, or of those that are named; `needs` is what a row is made of.
    Records { list: RestList, needs: FieldSet, row: fn(&Symbol, &Record, Moment, &mut Vec<u8>) },
}

/// What stands around rows.
#[derive(Clone, Copy)]
pub struct RestList {
    /// Everything before the first bracket.
    pub head: fn(Moment) -> String,
    /// An array, or an object whose rows have names.
    pub brackets: [u8; 2],
    /// Everything behind the last bracket.
    pub tail: &'static str,
    /// A request that names one symbol by the parameter for one is answered by a row alone.
    pub one_alone: bool,
}

/// The symbols that a request names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamedSymbols {
    All,
    /// A part of the path.
    InPath(String),
    /// `symbol=A`.
    One(String),
    /// `symbols=["A","B"]`, as JSON or with commas between, or `symbols=A&symbols=B`.
    Some(Vec<String>),
    /// All of a kind that the market does not have: futures, say.
    NoneOfKind,
}

/// Rows, and nothing around them.
pub const ROWS: RestList = RestList { head: |_| String::new(), brackets: *b"[]", tail: "", one_alone: true };

// === impl RestRow ===

impl RestRow {
    /// Whether a path is this row's. The symbol that it names, if it names one.
    pub fn takes<'a>(&self, path: &'a str) -> Option<Option<&'a str>> {
        let Some((before, behind)) = self.path.split_once('*') else {
            return (self.path == path).then_some(None);
        };
        let symbol = path.strip_prefix(before)?.strip_suffix(behind)?;
        (!symbol.is_empty() && !symbol.contains('/')).then_some(Some(symbol))
    }
}

// === impl NamedSymbols ===

impl NamedSymbols {
    pub fn in_path(part: &str) -> NamedSymbols {
        NamedSymbols::InPath(percent_decoded(part))
    }

    pub fn of(query: &str, by: RestSymbols) -> NamedSymbols {
        let (mut several, mut is_of_kind) = (Vec::new(), true);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !by.one.is_empty() && name == by.one {
                return NamedSymbols::One(value.into_owned());
            }
            if name == by.some {
                several.extend(listed(&value));
            } else if let Some((_, kinds)) = by.kinds.iter().find(|(parameter, _)| name == *parameter) {
                let is_known = |kind: String| kinds.iter().any(|known| kind.eq_ignore_ascii_case(known));
                is_of_kind &= value.is_empty() || listed(&value).into_iter().any(is_known);
            }
        }
        match several.is_empty() {
            false => NamedSymbols::Some(several),
            true if is_of_kind => NamedSymbols::All,
            true => NamedSymbols::NoneOfKind,
        }
    }
}

/// Texts as JSON, or with commas between.
fn listed(value: &str) -> Vec<String> {
    serde_json::from_str(value)
        .unwrap_or_else(|_| value.split(',').map(|one| one.trim().to_owned()).collect())
}

/// A part of a path, with its escapes resolved.
pub fn percent_decoded(part: &str) -> String {
    // A plus in a path is a plus.
    let escaped = part.replace('+', "%2B");
    let parsed = form_urlencoded::parse(escaped.as_bytes()).next();
    parsed.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: RestSymbols = RestSymbols {
        one: "symbol",
        some: "symbols",
        is_spelled: false,
        by_form: false,
        kinds: &[("permissions", &["SPOT"])],
    };

    #[test]
    fn symbols_are_named_one_by_one_or_in_a_list() {
        let some = |names: &[&str]| NamedSymbols::Some(names.iter().map(|&name| name.to_owned()).collect());
        for (query, expected) in [
            ("", NamedSymbols::All),
            ("permissions=SPOT", NamedSymbols::All),
            ("permissions=", NamedSymbols::All),
            ("permissions=%5B%22MARGIN%22%2C%22SPOT%22%5D", NamedSymbols::All),
            ("permissions=LEVERAGED", NamedSymbols::NoneOfKind),
            ("permissions=LEVERAGED&symbols=A", some(&["A"])),
            ("symbol=BTCUSDT", NamedSymbols::One("BTCUSDT".into())),
            ("x=1&symbols=%5B%22A%22%2C%22B%22%5D", some(&["A", "B"])),
            ("symbols=A,%20B", some(&["A", "B"])),
            ("symbols=A&symbols=B", some(&["A", "B"])),
            ("symbols=%5B%5D", NamedSymbols::All),
        ] {
            assert_eq!(NamedSymbols::of(query, BY), expected, "{query}");
        }
        assert_eq!(NamedSymbols::in_path("BTC%2FUSD"), NamedSymbols::InPath("BTC/USD".into()));
    }

    #[test]
    fn a_path_may_name_a_symbol() {
        let row = |path| RestRow {
            path,
            answer: RestAnswer::Fixed(|_| String::new()),
            symbols: BY,
            no_symbol: RestRefusal { status: 404, body: "" },
        };
        assert_eq!(row("/products").takes("/products"), Some(None));
        assert_eq!(row("/products").takes("/products/A"), None);
        assert_eq!(row("/products/*").takes("/products/BTC-USD"), Some(Some("BTC-USD")));
        assert_eq!(row("/products/*/ticker").takes("/products/A/ticker"), Some(Some("A")));
        for path in ["/products/", "/products", "/products/A/ticker", "/products/A/", "/time"] {
            assert_eq!(row("/products/*").takes(path), None, "{path}");
        }
    }
}
