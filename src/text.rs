//! Text from files and request bodies.

/// The byte order mark that some editors put before text: U+FEFF in UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text without a byte order mark.
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}
