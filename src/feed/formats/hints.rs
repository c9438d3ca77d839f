//! Hints about files that their contents do not give: the meanings of columns, the unit of times, and the symbol.
//!
//! ```text
//! columns=ts:timestamp,last:price,last_size:qty,side:side&unit=ms&symbol=XYZ&prefix=BINANCE:
//! ```
//! Left of a colon is a field of a tick, right of it the column's name, or its number from 1. Bytes of a name may be
//! percent-encoded. In place of pairs, the name of a known table.

use std::{borrow::Cow, str::FromStr, sync::Arc};

use percent_encoding::percent_decode_str;

use super::{moment::Unit, prefix::Prefix, preset::Preset, target::ColumnTarget};
use crate::tick::{CustomFields, Field, Symbol};

/// The hints given; none by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hints {
    pub columns: Option<Columns>,
    /// The unit of times.
    pub unit: Option<Unit>,
    /// The symbol of every row, where rows have none.
    pub symbol: Option<Symbol>,
    /// The prefix of every symbol: one name for the same instrument of several exchanges would be one topic.
    pub prefix: Option<Prefix>,
    /// The fields that are configured, beside the fixed ones. No hint, but as much needed to read a file.
    pub fields: Arc<CustomFields>,
}

/// The meanings of the columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Columns {
    Known(Preset),
    /// Any of Databento's tables.
    Databento,
    /// At least one is a field of a record.
    Pairs(Vec<(ColumnTarget, String)>),
}

/// How much of the given text a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

// === impl Columns ===

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "databento" || text.starts_with("databento-") {
            return Ok(Columns::Databento);
        }
        if !text.contains(':') {
            let known = Preset::parse(text);
            return known.map(Columns::Known).ok_or_else(|| {
                format!(
                    "neither pairs such as ts:timestamp,last:price nor a table that is known by name; there are databento, {}",
                    Preset::names()
                )
            });
        }
        let mut pairs: Vec<(ColumnTarget, String)> = Vec::new();
        for piece in text.split(',') {
            match piece.split_once(':') {
                Some((target, column)) => {
                    let target = ColumnTarget::parse(target.trim()).ok_or_else(|| {
                        format!(
                            "{} is nothing that a tick has; there are {}",
                            shown(target),
                            ColumnTarget::names(&CustomFields::none())
                        )
                    })?;
                    if pairs.iter().any(|(known, _)| *known == target) {
                        return Err(format!("{} is given twice", target.name()));
                    }
                    pairs.push((target, column.trim().to_owned()));
                }
                // A comma within a column's name: the part right of it has no colon.
                None => match pairs.last_mut() {
                    Some((_, column)) => {
                        column.push(',');
                        column.push_str(piece);
                    }
                    None => return Err(format!("{} is not a pair such as last:price", shown(piece))),
                },
            }
        }
        Self::of_pairs(pairs)
    }
}

impl Columns {
    fn of_pairs(pairs: Vec<(ColumnTarget, String)>) -> Result<Self, String> {
        let decoded = pairs.into_iter().map(|(target, column)| {
            let name = percent_decode_str(&column).decode_utf8().map(Cow::into_owned);
            match name {
                Ok(name) if !name.is_empty() => Ok((target, name)),
                _ => Err(format!("the column of {} has no name", target.name())),
            }
        });
        let pairs = decoded.collect::<Result<Vec<_>, String>>()?;
        let has = |wanted: fn(ColumnTarget) -> bool| pairs.iter().any(|(target, _)| wanted(*target));
        if !has(ColumnTarget::is_value) {
            return Err("no field of a record, such as bid, ask or last, is among them".to_owned());
        }
        if has(|target| target == ColumnTarget::BuyerMaker)
            && has(|target| target == ColumnTarget::Field(Field::Side))
        {
            return Err("side and buyer_maker say the same: one of them is enough".to_owned());
        }
        Ok(Columns::Pairs(pairs))
    }
}

/// A part of the given text, for a message.
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        match text.parse() {
            Ok(Columns::Pairs(pairs)) => {
                pairs.into_iter().map(|(target, column)| (target.name().to_owned(), column)).collect()
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn pairs_name_what_a_tick_has_and_where_it_stands() {
        let found = pairs("ts:timestamp,last:price, last_size : qty,side:side");
        let expected = [("ts", "timestamp"), ("last", "price"), ("last_size", "qty"), ("side", "side")];
        assert_eq!(found, expected.map(|(target, column)| (target.to_owned(), column.to_owned())));
        // Odd names: percent-encoded, or as they are where that is unambiguous.
        let odd = [("last", "price, usd"), ("bid", "a:b"), ("ask", "50%")];
        let odd = odd.map(|(target, column)| (target.to_owned(), column.to_owned()));
        assert_eq!(pairs("last:price%2C%20usd,bid:a%3Ab,ask:50%25"), odd);
        assert_eq!(pairs("last:price, usd,bid:a:b,ask:50%"), odd);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_there_is() {
        for (text, part) in [
            ("", "known by name; there are databento, polygon-trades"),
            ("nothing-like-it", "known by name; there are "),
            ("Prise:x", "\"Prise\" is nothing that a tick has; there are symbol, ts, rx, bid"),
            ("last:price,last:prise", "last is given twice"),
            ("ts:a,side:b", "no field of a record"),
            ("last:", "the column of last has no name"),
            ("x,last:price", "\"x\" is not a pair"),
            ("last:%ff", "the column of last has no name"),
            ("last:p,side:s,buyer_maker:m", "one of them is enough"),
        ] {
            let error = text.parse::<Columns>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(matches!("polygon-trades".parse(), Ok(Columns::Known(_))));
    }
}
