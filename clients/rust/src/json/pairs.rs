//! The pairs of an object whose keys and values are plain: scalars without escapes, as the service writes them.

/// One `"key":value` of an object, unparsed.
pub struct Pair<'a> {
    /// Without its quotes.
    pub key: &'a str,
    /// A string's quotes included.
    pub value: &'a str,
    /// Offset of the comma or brace after the value.
    pub next: usize,
}

/// The pair at `at`; `None` when the key or the value is anything but a plain scalar without escapes.
pub fn pair(text: &str, at: usize) -> Option<Pair<'_>> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let key_end = plain_string_end(bytes, at + 1)?;
    if bytes.get(key_end + 1) != Some(&b':') {
        return None;
    }
    let start = key_end + 2;
    let next = match bytes.get(start)? {
        b'"' => plain_string_end(bytes, start + 1)? + 1,
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
            start + bytes[start..].iter().position(is_end)?
        }
        _ => return None,
    };
    let is_whole = matches!(bytes.get(next), Some(b',' | b'}'));
    is_whole.then(|| Pair { key: &text[at + 1..key_end], value: &text[start..next], next })
}

/// Offset of the closing quote of the string at `at`; `None` when it has an escape or does not end.
fn plain_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    // Keys and symbols are a few bytes, so a plain loop costs less than a call of `memchr`.
    let length = bytes.get(at..)?.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
    (bytes[at + length] == b'"').then_some(at + length)
}

/// The text between a value's quotes.
pub fn string(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// A whole number, not negative.
pub fn integer(value: &str) -> Option<u64> {
    if value.is_empty() || value.len() > 20 {
        return None;
    }
    value.bytes().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}
