//! Text as files and bodies have it.

/// What some editors put before text: U+FEFF in UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text without the mark that it may begin with, and that means nothing.
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}
