//! How venues spell symbols: what can be told without asking them.

use compact_str::CompactString;

use crate::feed::SourceError;

/// A symbol that stands for all.
pub const ALL: &str = "*";

/// # Errors
/// When a symbol is not spelt as the venue spells its own; `*` always is.
pub fn check(
    venue: &'static str,
    symbols: &[CompactString],
    expected: &str,
    is_spelt: impl Fn(&str) -> bool,
) -> Result<(), SourceError> {
    match symbols.iter().find(|symbol| *symbol != ALL && !is_spelt(symbol)) {
        None => Ok(()),
        Some(wrong) => Err(SourceError::Invalid {
            source_name: venue,
            option: "symbols",
            why: format!("{wrong:?} is not {expected}"),
        }),
    }
}

/// Two names or more of letters and digits, with this between them.
pub fn is_pair(symbol: &str, between: char) -> bool {
    let mut names = symbol.split(between);
    let is_name = |name: &str| is_plain(name, "");
    names.next().is_some_and(is_name) && names.next().is_some_and(is_name) && names.all(is_name)
}

/// Letters, digits and these.
pub fn is_plain(symbol: &str, more: &str) -> bool {
    !symbol.is_empty() && symbol.chars().all(|char| char.is_alphanumeric() || more.contains(char))
}

pub fn is_upper(symbol: &str) -> bool {
    !symbol.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_of_another_venue_is_told() {
        let check = |symbol: &str| {
            let symbols = [CompactString::new(symbol)];
            check("coinbase", &symbols, "a product such as BTC-USD", |symbol| is_pair(symbol, '-'))
        };
        for good in ["*", "BTC-USD", "BTC-PERP-INTX"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for wrong in ["BTCUSD", "BTC/USD", "-USD", "BTC-", "BTC-\"x"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        let told = check("BTC/USD").unwrap_err().to_string();
        assert_eq!(told, "coinbase: option symbols: \"BTC/USD\" is not a product such as BTC-USD");
        assert!(is_plain("xyz:SP500", ":") && !is_plain("", ":") && !is_upper("btc"));
    }
}
