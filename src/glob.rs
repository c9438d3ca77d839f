//! Symbol patterns: `*` matches any run of characters, any other character only itself.
//!
//! A pattern also matches symbols that are listed later. Equal patterns of many sessions are matched once for each new
//! topic.
//!
//! Invariant: a match costs at most one comparison for each byte of the pattern and three for each byte of the name,
//! whatever the pattern (Knuth, Morris and Pratt, for each run of text between two stars). The first position of each
//! run is enough, so there is no backtracking.

use compact_str::CompactString;

use crate::tick::{SYMBOL_BYTES_MAX, Symbol, SymbolError, is_symbol_byte};

/// A valid pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    text: CompactString,
    /// Bytes before its first star and after its last; `None` when it has no star.
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

const _: () = assert!(SYMBOL_BYTES_MAX <= u8::MAX as usize, "places within a pattern are bytes");

impl Glob {
    pub fn is_glob(text: &str) -> bool {
        text.contains('*')
    }

    /// # Errors
    /// When the text, apart from its stars, could not be part of a symbol.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        if text.is_empty() {
            return Err(SymbolError::Empty);
        }
        if text.len() > SYMBOL_BYTES_MAX {
            return Err(SymbolError::TooLong(text.len()));
        }
        if let Some(at) = text.bytes().position(|byte| byte != b'*' && !is_symbol_byte(byte)) {
            return Err(SymbolError::Byte { at });
        }
        let stars = text.find('*').zip(text.rfind('*'));
        let ends = stars.map(|(first, last)| (first as u8, (text.len() - 1 - last) as u8));
        let has_middle =
            stars.is_some_and(|(first, last)| text[first..last].bytes().any(|byte| byte != b'*'));
        let borders = if has_middle { borders(text.as_bytes()) } else { Box::default() };
        Ok(Glob { text: CompactString::new(text), ends, borders })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, symbol: &Symbol) -> bool {
        self.matches_by(symbol.as_str().as_bytes(), &mut |a, b| a == b)
    }

    /// Where to look for matches first.
    pub fn anchor(&self) -> PatternAnchor<'_> {
        let Some((head, tail)) = self.ends() else { return PatternAnchor::Prefix(&self.text) };
        let (prefix, suffix) = (&self.text[..head], &self.text[self.text.len() - tail..]);
        let runs = self.text[head..self.text.len() - tail].split('*');
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
        let pattern = self.text.as_bytes();
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
        for run in pattern[head..behind].split(|&byte| byte == b'*') {
            if !run.is_empty() {
                let Some(end) = find(run, &self.borders[at..], rest, same) else { return false };
                rest = &rest[end..];
            }
            at += run.len() + 1;
        }
        true
    }
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
    for run in pattern.split(|&byte| byte == b'*') {
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
        assert!(Glob::new("A?").is_err());
        assert!(Glob::new("").is_err());
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

    /// By the definition of a star: row by row, whether a prefix of the pattern matches a prefix of the name.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        let mut row = vec![false; name.len() + 1];
        row[0] = true;
        for &byte in pattern {
            let mut next = vec![false; name.len() + 1];
            for upto in 0..=name.len() {
                next[upto] = match (byte, upto) {
                    (b'*', 0) => row[0],
                    (b'*', _) => row[upto] || next[upto - 1],
                    (_, 0) => false,
                    _ => row[upto - 1] && byte == name[upto - 1],
                };
            }
            row = next;
        }
        row[name.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// Few letters, so that the matcher often has to fall back.
        #[test]
        fn matches_what_its_meaning_says_in_linear_work(pattern in "[ab*]{1,24}|([ab]{1,4}\\*){1,8}|\\*[ab]{1,9}\\*|[ab]{1,3}", name in "[ab]{1,40}") {
            let (matched, cost) = comparisons(&pattern, &name);
            prop_assert_eq!(matched, naive(pattern.as_bytes(), name.as_bytes()));
            prop_assert!(cost <= pattern.len() + 3 * name.len(), "{} comparisons", cost);
        }

        #[test]
        fn every_match_has_the_anchor(pattern in "[ab*]{1,12}", name in "[ab]{1,20}") {
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
