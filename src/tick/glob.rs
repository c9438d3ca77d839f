//! Symbol patterns: `*` matches any run of characters, any other character only itself. `\*` is a star: symbols may have
//! stars, and never a backslash, so nothing else is escaped.
//!
//! A pattern also matches symbols that are listed later. Equal patterns of many sessions are matched once for each new
//! topic.
//!
//! Invariants: a match costs at most one comparison for each byte of the pattern and three for each byte of the name,
//! whatever the pattern (Knuth, Morris and Pratt, for each run of text between two stars); the first position of each
//! run is enough, so there is no backtracking. Bytes are compared, and no character is cut: a run of text is UTF-8, and in
//! UTF-8 no character's bytes begin within another's. Equal patterns have equal texts.

mod overlap;

use std::borrow::Cow;

use compact_str::CompactString;

use super::{SYMBOL_BYTES_MAX, Symbol, SymbolError, check_characters};

/// A valid pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    /// As it was given.
    text: CompactString,
    /// Without escapes, and with [`ANY`] for each star that matches any run.
    pattern: CompactString,
    /// Bytes before its first [`ANY`] and after its last; `None` when it has none.
    ends: Option<(u8, u8)>,
    /// For each byte, how many bytes up to and including it are also the first ones of its run of text. Empty when no
    /// text is between two stars.
    borders: Box<[u8]>,
}

/// Text that every matching symbol has: the longest one, and its position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatternAnchor<'a> {
    Prefix(&'a str),
    Suffix(&'a str),
    Within(&'a str),
    /// The pattern has only stars.
    None,
}

/// Any run of characters. No symbol has this one.
const ANY: char = '\0';
const ESCAPED_STAR: &str = "\\*";

const _: () = assert!(SYMBOL_BYTES_MAX <= u8::MAX as usize, "places within a pattern are bytes");

impl Glob {
    /// # Errors
    /// When the text, apart from its stars, could not be part of a symbol.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        if text.is_empty() {
            return Err(SymbolError::Empty);
        }
        // A star may be anywhere in a symbol. As many bytes as before, so that errors say the right one.
        let plain =
            if text.contains('\\') { text.replace(ESCAPED_STAR, "**").into() } else { Cow::Borrowed(text) };
        check_characters(&plain)?;
        let pattern = unescaped(text);
        if pattern.len() > SYMBOL_BYTES_MAX {
            return Err(SymbolError::TooLong(pattern.len()));
        }
        let stars = pattern.find(ANY).zip(pattern.rfind(ANY));
        let ends = stars.map(|(first, last)| (first as u8, (pattern.len() - 1 - last) as u8));
        let has_middle =
            stars.is_some_and(|(first, last)| pattern[first..last].chars().any(|char| char != ANY));
        let borders = if has_middle { borders(pattern.as_bytes()) } else { Box::default() };
        Ok(Glob { text: CompactString::new(text), pattern, ends, borders })
    }

    /// The pattern that matches this symbol alone, as it is written.
    pub fn spelled(symbol: &str) -> Cow<'_, str> {
        if symbol.contains('*') {
            Cow::Owned(symbol.replace('*', ESCAPED_STAR))
        } else {
            Cow::Borrowed(symbol)
        }
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The only symbol that it matches; `None` when it matches any run of characters somewhere.
    pub fn named(&self) -> Option<Symbol> {
        if self.ends.is_some() { None } else { Symbol::new(&self.pattern).ok() }
    }

    pub fn matches(&self, symbol: &Symbol) -> bool {
        self.matches_by(symbol.as_str().as_bytes(), &mut |a, b| a == b)
    }

    /// Where to look for matches first.
    pub fn anchor(&self) -> PatternAnchor<'_> {
        let Some((head, tail)) = self.ends() else { return PatternAnchor::Prefix(&self.pattern) };
        let (before, suffix) = self.pattern.split_at(self.pattern.len() - tail);
        let (prefix, middle) = before.split_at(head);
        let runs = middle.split(ANY);
        let within = runs.max_by_key(|run| run.len()).unwrap_or_default();
        let longest = head.max(tail).max(within.len());
        match longest {
            0 => PatternAnchor::None,
            _ if longest == head => PatternAnchor::Prefix(prefix),
            _ if longest == tail => PatternAnchor::Suffix(suffix),
            _ => PatternAnchor::Within(within),
        }
    }

    fn ends(&self) -> Option<(usize, usize)> {
        self.ends.map(|(head, tail)| (usize::from(head), usize::from(tail)))
    }

    /// As [`Self::matches`], but `same` makes every comparison of two bytes.
    fn matches_by(&self, name: &[u8], same: &mut impl FnMut(u8, u8) -> bool) -> bool {
        let pattern = self.pattern.as_bytes();
        let Some((head, tail)) = self.ends() else {
            return name.len() == pattern.len() && are_same(pattern, name, same);
        };
        let (Some(behind), Some(before)) = (pattern.len().checked_sub(tail), name.len().checked_sub(tail))
        else {
            return false;
        };
        if before < head
            || !are_same(&pattern[..head], &name[..head], same)
            || !are_same(&pattern[behind..], &name[before..], same)
        {
            return false;
        }
        if self.borders.is_empty() {
            return true;
        }
        let mut rest = &name[head..before];
        let mut at = head;
        for run in pattern[head..behind].split(|&byte| byte == ANY as u8) {
            if !run.is_empty() {
                let Some(end) = find(run, &self.borders[at..], rest, same) else { return false };
                rest = &rest[end..];
            }
            at += run.len() + 1;
        }
        true
    }
}

/// The pattern of a valid text: in it a backslash stands before a star alone.
fn unescaped(text: &str) -> CompactString {
    let mut pattern = CompactString::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        pattern.push(match char {
            '*' => ANY,
            '\\' => chars.next().unwrap_or_default(),
            char => char,
        });
    }
    pattern
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

fn are_same(a: &[u8], b: &[u8], same: &mut impl FnMut(u8, u8) -> bool) -> bool {
    a.iter().zip(b).all(|(&a, &b)| same(a, b))
}

/// The end of the run's first position in the text.
fn find(run: &[u8], borders: &[u8], text: &[u8], same: &mut impl FnMut(u8, u8) -> bool) -> Option<usize> {
    let mut matched = 0;
    for (at, &byte) in text.iter().enumerate() {
        let mut fits = same(run[matched], byte);
        while !fits && matched > 0 {
            matched = usize::from(borders[matched - 1]);
            fits = same(run[matched], byte);
        }
        matched += usize::from(fits);
        if matched == run.len() {
            return Some(at + 1);
        }
    }
    None
}

/// For each byte of each run of text between stars: the length of the run's longest prefix that also ends there.
fn borders(pattern: &[u8]) -> Box<[u8]> {
    let mut borders = vec![0; pattern.len()].into_boxed_slice();
    let mut begin = 0;
    for run in pattern.split(|&byte| byte == ANY as u8) {
        let mut matched: u8 = 0;
        for at in 1..run.len() {
            while matched > 0 && run[usize::from(matched)] != run[at] {
                matched = borders[begin + usize::from(matched) - 1];
            }
            matched += u8::from(run[usize::from(matched)] == run[at]);
            borders[begin + at] = matched;
        }
        begin += run.len() + 1;
    }
    borders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, symbol: &str, expected: bool) {
        let glob = Glob::new(pattern).unwrap();
        assert_eq!(glob.matches(&Symbol::new(symbol).unwrap()), expected, "{pattern} {symbol}");
    }

    #[test]
    fn stars_match_any_run() {
        check("*", "A", true);
        check("BTC-*", "BTC-USD", true);
        check("BTC-*", "BTC-", true);
        check("BTC-*", "ETH-USD", false);
        check("*-USD", "BTC-USD", true);
        check("*-USD", "BTC-USDT", false);
        check("B*-*D", "BTC-USD", true);
        check("**", "A", true);
        check("A*A", "A", false);
        check("*AAB*", "AAAB", true);
        check("BTC-USD", "BTC-USD", true);
        check("BTC-USD", "BTC-USDT", false);
        assert!(Glob::new("").is_err());
    }

    #[test]
    fn an_escaped_star_is_a_star() {
        check("SAN-I\\*", "SAN-I*", true);
        check("SAN-I\\*", "SAN-IX", false);
        check("SAN-I*", "SAN-I*", true);
        check("*\\**", "SAN-I*", true);
        check("*\\**", "SAN-I", false);
        check("\\*\\*", "**", true);
        check("*\\*", "*", true);
        check("*\\*", "A", false);
        let named = |text: &str| Glob::new(text).unwrap().named().map(|symbol| symbol.to_string());
        assert_eq!(named("SAN-I\\*").as_deref(), Some("SAN-I*"));
        assert_eq!(named("SAN-I*"), None);
        assert_eq!(Glob::new("SAN-I\\*").unwrap().as_str(), "SAN-I\\*");
        let stars = "*".repeat(64);
        assert_eq!(named(&Glob::spelled(&stars)), Some(stars));
    }

    #[test]
    fn what_no_symbol_has_no_pattern_has() {
        let error = |text: &str| Glob::new(text).unwrap_err();
        for (text, at, char) in [
            ("A\\", 1, '\\'),
            ("\\\\*", 0, '\\'),
            ("\\A*", 0, '\\'),
            ("A\\*\u{7f}*", 3, '\u{7f}'),
            ("币*,", 4, ','),
            ("\0*", 0, '\0'),
        ] {
            assert_eq!(error(text), SymbolError::Char { at, char }, "{text:?}");
        }
        assert_eq!(error(" *"), SymbolError::Blank { at: 0 });
        assert_eq!(error("*\u{3000}"), SymbolError::Blank { at: 1 });
        assert_eq!(error(&"*".repeat(65)), SymbolError::TooLong(65));
        assert_eq!(error(&"\\*".repeat(65)), SymbolError::TooLong(65));
    }

    #[test]
    fn blanks_and_any_script_are_text() {
        check("AAPL  *", "AAPL  250221C00250000", true);
        check("AAPL *C*", "AAPL  250221C00250000", true);
        check("AAPL 2*", "AAPL  250221C00250000", false);
        check("币安*", "币安人生USDT", true);
        check("*人生*", "币安人生USDT", true);
        check("*!", "BRN FMJ0024!", true);
        check("A?", "AB", false);
        check("A?", "A?", true);
    }

    /// Returns whether it matches, and the cost.
    fn comparisons(pattern: &str, name: &str) -> (bool, usize) {
        let mut count = 0;
        let matched = Glob::new(pattern).unwrap().matches_by(name.as_bytes(), &mut |a, b| {
            count += 1;
            a == b
        });
        (matched, count)
    }

    #[test]
    fn what_makes_others_go_back_costs_no_more() {
        let name = "a".repeat(64);
        for (pattern, expected) in [
            (format!("*{}x*", "a".repeat(43)), false),
            (format!("*{}x", "a".repeat(62)), false),
            ("*a".repeat(32), true),
            ("a*".repeat(32), true),
            (format!("{}b", "a*".repeat(31)), false),
            (format!("*{}*b*", "a*".repeat(30)), false),
            (format!("*{}b*{}*", "a".repeat(30), "a".repeat(30)), false),
            (format!("*{}*{}*{}x*", "a".repeat(20), "a".repeat(20), "a".repeat(19)), false),
        ] {
            let (matched, cost) = comparisons(&pattern, &name);
            assert_eq!(matched, expected, "{pattern}");
            assert!(cost <= pattern.len() + 3 * name.len(), "{cost} comparisons for {pattern}");
        }
    }

    /// By the definition of a star, of characters: row by row, whether a prefix of the pattern matches a prefix of the
    /// name.
    fn naive(pattern: &str, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let mut row = vec![false; name.len() + 1];
        row[0] = true;
        let mut pattern = pattern.chars();
        while let Some(char) = pattern.next() {
            let (is_any, char) = (char == '*', if char == '\\' { pattern.next().unwrap() } else { char });
            let mut next = vec![false; name.len() + 1];
            for upto in 0..=name.len() {
                next[upto] = match (is_any, upto) {
                    (true, 0) => row[0],
                    (true, _) => row[upto] || next[upto - 1],
                    (false, 0) => false,
                    (false, _) => row[upto - 1] && char == name[upto - 1],
                };
            }
            row = next;
        }
        row[name.len()]
    }

    /// Characters that share bytes: the same first ones, the same last ones, one of them within a longer name.
    const NAMES: &str = "[ab*]([ab* \u{e9}\u{129}币带\u{5e82}\u{1f600}\u{1f601}]{0,12}[a*币带])?";
    const PATTERNS: &str =
        r"[ab*]((\\\*|[ab* \x{e9}\x{129}币带\x{5e82}\x{1f600}\x{1f601}]){0,8}([a*币带]|\\\*))?";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// Few letters, so that the matcher often has to fall back.
        #[test]
        fn matches_what_its_meaning_says_in_linear_work(pattern in "[ab*]{1,24}|([ab]{1,4}\\*){1,8}|\\*[ab]{1,9}\\*|[ab]{1,3}", name in "[ab]{1,40}") {
            let (matched, cost) = comparisons(&pattern, &name);
            prop_assert_eq!(matched, naive(&pattern, &name));
            prop_assert!(cost <= pattern.len() + 3 * name.len(), "{} comparisons", cost);
        }

        #[test]
        fn escapes_blanks_and_long_characters_match_as_they_mean(pattern in PATTERNS, name in NAMES) {
            let (matched, cost) = comparisons(&pattern, &name);
            prop_assert_eq!(matched, naive(&pattern, &name));
            prop_assert!(cost <= pattern.len() + 3 * name.len(), "{} comparisons", cost);
        }

        /// A name's own characters in place of some stars: most of these match.
        #[test]
        fn a_star_stands_for_whole_characters(name in NAMES, stars in prop::collection::vec(any::<bool>(), 14)) {
            let pattern: String = name.chars().zip(&stars).map(|(char, star)| match (star, char) {
                (true, _) => "*".to_owned(),
                (false, char) => Glob::spelled(&char.to_string()).into_owned(),
            }).collect();
            let (name, glob) = (Symbol::new(&name).unwrap(), Glob::new(&pattern).unwrap());
            prop_assert!(glob.matches(&name), "{} {}", pattern, name);
            let expected = (!stars[..name.as_str().chars().count()].contains(&true)).then_some(name);
            prop_assert_eq!(glob.named(), expected);
        }

        #[test]
        fn every_match_has_the_anchor(pattern in PATTERNS, name in NAMES) {
            let glob = Glob::new(&pattern).unwrap();
            let has = match glob.anchor() {
                PatternAnchor::Prefix(text) => name.starts_with(text),
                PatternAnchor::Suffix(text) => name.ends_with(text),
                PatternAnchor::Within(text) => name.contains(text),
                PatternAnchor::None => true,
            };
            prop_assert!(has || !glob.matches(&Symbol::new(&name).unwrap()), "{:?}", glob.anchor());
        }
    }
}
