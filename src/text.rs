//! Text from files, request bodies and command lines: the byte order mark, and names that were mistyped.

/// The byte order mark that some editors put before text: U+FEFF in UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";
/// A longer name is not a typing error, and would take time to compare.
pub const NAME_BYTES_MAX: usize = 64;

/// The text without a byte order mark.
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// The known name that was probably meant by `unknown`; `None` when no name is near.
pub fn nearest<'a>(unknown: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if unknown.len() > NAME_BYTES_MAX {
        return None;
    }
    let unknown = unknown.to_ascii_lowercase();
    let distances = names.into_iter().filter_map(|name| Some((edits(&unknown, name)?, name)));
    distances.min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// The distance of two names, if it is small enough for a mistyped or shortened one.
pub fn edits(unknown: &str, name: &str) -> Option<usize> {
    if unknown.len() >= 3 && name.starts_with(unknown) {
        return Some(usize::from(name != unknown));
    }
    let edits = strsim::damerau_levenshtein(unknown, name);
    // A short name may have one typing error: with two, `rate` would be taken for `name`.
    (edits <= 1 + unknown.len() / 5).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_whatever_its_case() {
        let check = |unknown: &str, expected: Option<&str>| {
            assert_eq!(nearest(unknown, ["binance", "binance-usdm", "kraken", "okx"]), expected, "{unknown}");
        };
        check("binanc", Some("binance"));
        check("Binance", Some("binance"));
        check("karken", Some("kraken"));
        check("OKX", Some("okx"));
        check("nasdaq", None);
        check("", None);
        check(&"binance".repeat(10_000), None);
    }
}
