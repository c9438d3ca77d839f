//! Entries of a subscription: symbols, and patterns with `*`, which matches any run of characters. `\*` is a star, for
//! symbols that have some; nothing else is escaped, since no symbol has a backslash.

use std::borrow::Cow;

use wildmatch::WildMatchPattern;

/// Any run of characters, and any one: symbols have no control characters, so no other character means more than itself.
const ANY_RUN: char = '\0';
const ANY_ONE: char = '\u{1}';
const ESCAPED_STAR: &str = "\\*";

/// A pattern of symbols, as the service reads it.
///
/// ```
/// use tickcast_client::Pattern;
///
/// assert!(Pattern::new("AAPL  *").matches("AAPL  250221C00250000"));
/// assert!(Pattern::new("SAN-I\\*").matches("SAN-I*") && !Pattern::new("SAN-I\\*").matches("SAN-IX"));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Pattern(WildMatchPattern<ANY_RUN, ANY_ONE>);

impl Pattern {
    pub fn new(text: &str) -> Self {
        let runs: Vec<String> = text.split(ESCAPED_STAR).map(|run| run.replace('*', "\0")).collect();
        Pattern(WildMatchPattern::new(&runs.join("*")))
    }

    pub fn matches(&self, symbol: &str) -> bool {
        self.0.matches(symbol)
    }

    /// Whether an entry is a pattern, and not the name of one symbol.
    pub fn is_pattern(entry: &str) -> bool {
        entry.split(ESCAPED_STAR).any(|run| run.contains('*'))
    }

    /// The entry that names this symbol, and no other.
    ///
    /// ```
    /// assert_eq!(tickcast_client::Pattern::spelled("SAN-I*"), "SAN-I\\*");
    /// ```
    pub fn spelled(symbol: &str) -> Cow<'_, str> {
        if symbol.contains('*') { symbol.replace('*', ESCAPED_STAR).into() } else { symbol.into() }
    }

    /// The symbol that an entry names, if it is not a pattern.
    pub fn named(entry: &str) -> Cow<'_, str> {
        if entry.contains(ESCAPED_STAR) { entry.replace(ESCAPED_STAR, "*").into() } else { entry.into() }
    }
}
