//! A symbol as a venue's client spells it. A recording has `BTCUSDT`, and the same symbol is `BTC-USDT` at one venue and
//! `BTC/USDT` at another: a client is sent the spelling that it asked with.
//!
//! Invariants: a spelling means one symbol; the exact one is preferred. What a client was sent for a spelling names it.

use compact_str::CompactString;

use super::{DialectStream, stream::BEHIND_KIND};
use crate::fanout::Name;

/// What stands in a shared message where each client's own spelling belongs: a byte that no text has.
pub const PLACE: u8 = 0xFF;

/// Whether a symbol is meant by this spelling: they differ in separators and in the case of letters at most.
pub fn means(spelling: &str, symbol: &str) -> bool {
    significant(spelling).eq(significant(symbol)) && significant(symbol).next().is_some()
}

/// The spelling without separators, in capitals: how most recordings have it.
pub fn joined(spelling: &str) -> CompactString {
    significant(spelling).collect()
}

/// The name of a client's subscription, which keeps its spelling; `None` when that can be no symbol.
pub fn named(kind: &DialectStream, spelling: &str) -> Option<Name> {
    Name::of_parts(kind.name, BEHIND_KIND, spelling)
}

/// The spelling that a subscription of this name is sent; `None` when it was not asked for by a spelling.
pub fn of_name(name: Option<&Name>) -> Option<&str> {
    let name = name?.as_str();
    let at = memchr::memchr(BEHIND_KIND as u8, name.as_bytes())?;
    Some(&name[at + 1..])
}

/// Appends a shared message, with a spelling at its [`PLACE`].
#[inline]
pub fn write_spelled(shared: &[u8], spelling: &str, out: &mut Vec<u8>) {
    match memchr::memchr(PLACE, shared) {
        Some(at) => {
            out.extend_from_slice(&shared[..at]);
            out.extend_from_slice(spelling.as_bytes());
            out.extend_from_slice(&shared[at + 1..]);
        }
        None => out.extend_from_slice(shared),
    }
}

/// Puts a spelling at the [`PLACE`] of a message that begins here.
pub fn spell(begin: usize, spelling: &str, out: &mut Vec<u8>) {
    if let Some(at) = memchr::memchr(PLACE, &out[begin..]) {
        drop(out.splice(begin + at..=begin + at, spelling.bytes()));
    }
}

fn significant(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|char| !is_separator(*char)).map(|char| char.to_ascii_uppercase())
}

const fn is_separator(char: char) -> bool {
    matches!(char, '-' | '/' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_spelled_as_it_is_written_or_in_its_place() {
        for shared in [&b"{\"s\":\"\xff\"}"[..], b"\xff", b"none"] {
            for spelling in ["BTC-USDT", "B", ""] {
                let (mut appended, mut placed) = (b"\xff before ".to_vec(), b"\xff before ".to_vec());
                let begin = appended.len();
                write_spelled(shared, spelling, &mut appended);
                placed.extend_from_slice(shared);
                spell(begin, spelling, &mut placed);
                assert_eq!(appended, placed);
            }
        }
    }

    #[test]
    fn a_spelling_differs_in_separators_and_case_alone() {
        for spelling in ["BTCUSDT", "btcusdt", "BTC-USDT", "BTC/USDT", "btc_usdt", "B-T/C_USDT"] {
            assert!(means(spelling, "BTCUSDT") && means("BTC/USDT", spelling), "{spelling}");
            assert_eq!(joined(spelling), "BTCUSDT");
        }
        for spelling in ["BTCUSD", "XBT/USDT", "BTC.USDT", "BTC USDT", "", "-"] {
            assert!(!means(spelling, "BTCUSDT"), "{spelling}");
        }
        assert!(!means("-", "/"), "nothing is left of either");
    }

    #[test]
    fn the_spelling_takes_its_place() {
        let written = |shared: &[u8]| {
            let mut out = b"x".to_vec();
            write_spelled(shared, "BTC/USD", &mut out);
            out
        };
        assert_eq!(written(b"{\"symbol\":\"\xFF\"}"), b"x{\"symbol\":\"BTC/USD\"}");
        assert_eq!(written(b"{}"), b"x{}");
        assert_eq!(written(b"\xFF"), b"xBTC/USD");
    }
}
