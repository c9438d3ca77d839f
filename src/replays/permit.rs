//! Whether a token allows a replay, and what of the recordings it shows.
//!
//! `replay` (and `admin`) allows all. Otherwise the symbols that it may read as they happen are allowed, with the fields
//! that a data type shows. Recordings spell symbols as they do, so what is refused by name here is what the token
//! allows in no spelling that was asked for; each record is asked for again.

use super::{data_types::DataTypes, options::ReplayRequest};
use crate::{
    access::{Rights, SharedRights},
    tick::{CustomFields, Field, FieldSet, Symbol},
};

/// The symbols that a replay may show.
#[derive(Clone, Debug)]
pub enum Readable {
    All,
    Of(SharedRights),
}

impl Readable {
    pub fn shows(&self, symbol: &Symbol) -> bool {
        match self {
            Readable::All => true,
            Readable::Of(rights) => rights.may_read(symbol),
        }
    }
}

/// What the token shows of this request.
///
/// # Errors
/// When it does not allow what was asked for by name, for a person.
pub fn permit(
    request: &ReplayRequest,
    rights: &SharedRights,
    table: &CustomFields,
) -> Result<Readable, String> {
    if rights.may_control_replay() {
        return Ok(Readable::All);
    }
    if !rights.min_interval.is_zero() {
        return Err(
            "the token's messages have a least interval, which a replay cannot keep: it needs replay"
                .to_owned(),
        );
    }
    for stream in &request.streams {
        fields(&stream.data_types, rights, table)?;
        if stream.symbols.is_empty() && rights.read.is_empty() {
            return Err("the token may read no symbol".to_owned());
        }
        if let Some(symbol) = stream.symbols.iter().find(|symbol| !may_read(rights, symbol)) {
            return Err(format!(
                "the token may not read {symbol}: ask without it, or with a token that has it or replay"
            ));
        }
    }
    Ok(Readable::Of(SharedRights::clone(rights)))
}

/// In the spelling of the request, or in capitals, as exchanges spell them.
fn may_read(rights: &Rights, name: &str) -> bool {
    let spellings = [name.to_owned(), name.to_ascii_uppercase()];
    spellings.iter().filter_map(|name| Symbol::new(name).ok()).any(|symbol| rights.may_read(&symbol))
}

fn fields(types: &DataTypes, rights: &Rights, table: &CustomFields) -> Result<(), String> {
    let readable = rights.readable_fields(table).fixed;
    let needs = [(types.trade, FieldSet::LAST_TRADE, "trade"), (types.quotes(), FieldSet::QUOTE, "quotes")];
    for (is_wanted, needed, what) in needs {
        if is_wanted && !readable.contains_all(needed) {
            let needed: Vec<&str> = needed.iter().map(Field::name).collect();
            return Err(format!("the token does not have all fields of {what}: {}", needed.join(", ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::SymbolPatterns;

    fn ask(symbols: &str, types: &str) -> ReplayRequest {
        let options = format!(
            r#"{{"exchange":"binance","symbols":{symbols},"from":"2025-03-25","to":"2025-03-26","dataTypes":{types}}}"#
        );
        let options: String = form_urlencoded::byte_serialize(options.as_bytes()).collect();
        ReplayRequest::parse(&format!("options={options}")).unwrap()
    }

    fn of(texts: &[&str]) -> Rights {
        Rights { read: SymbolPatterns::new(texts.iter().copied()).unwrap(), ..Rights::default() }
    }

    fn check(rights: &Rights, symbols: &str, types: &str, is_allowed: bool) -> Option<Readable> {
        let result =
            permit(&ask(symbols, types), &SharedRights::new(rights.clone()), &CustomFields::default());
        assert_eq!(result.is_ok(), is_allowed, "{rights:?} {symbols} {types}: {result:?}");
        result.ok()
    }

    #[test]
    fn symbols_are_those_of_the_token_in_any_case_and_replay_allows_all() {
        let (trade, all) = (r#"["trade"]"#, r#"["trade","book_ticker","quote"]"#);
        let shown = check(&of(&["BTC*", "ETHUSDT"]), r#"["btcusdt","ETHUSDT"]"#, all, true).unwrap();
        let symbol = |text| Symbol::new(text).unwrap();
        assert!(shown.shows(&symbol("BTCUSDT")) && !shown.shows(&symbol("SOLUSDT")));
        assert!(!shown.shows(&symbol("ethusdt")), "another name in a recording is another symbol");
        check(&of(&["BTC*"]), r#"["btcusdt","ethusdt"]"#, trade, false);
        check(&of(&["BTC*"]), "[]", trade, true);
        check(&of(&[]), "[]", trade, false);
        let replay = Rights { replay: true, ..Rights::default() };
        assert!(check(&replay, "[]", all, true).unwrap().shows(&symbol("X")));
    }

    #[test]
    fn fields_and_intervals_of_a_token_hold() {
        let with = |names: &[&str]| Rights {
            fields: Some(names.iter().map(|name| (*name).into()).collect()),
            ..of(&["*"])
        };
        check(&with(&["last", "last_size", "side", "trade_id"]), "[]", r#"["trade"]"#, true);
        check(&with(&["last", "last_size"]), "[]", r#"["trade"]"#, false);
        check(&with(&["bid", "bid_size", "ask", "ask_size"]), "[]", r#"["book_ticker"]"#, true);
        check(&with(&["bid", "ask"]), "[]", r#"["quote"]"#, false);
        check(&Rights { min_interval: Duration::from_secs(1), ..of(&["*"]) }, "[]", r#"["trade"]"#, false);
    }
}
