//! Numbers that the JSON parser rejects as invalid: integers of more than 64 bits, and numbers beyond any double, such
//! as 1e999.
//!
//! They are rare, so a message is only searched for a long run of digits or a long exponent. Such numbers are put into
//! quotes: they are then reported as values of the wrong type, except a command's `id`, which is echoed unchanged.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Shorter numbers fit into 64 bits.
const DIGITS_MIN: usize = 19;
/// Shorter exponents, with few digits before them, give valid doubles.
const EXPONENT_DIGITS_MIN: usize = 3;

#[derive(Deserialize)]
struct WithId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// The message with such numbers in quotes; `None` when it has none.
pub fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    if !has_long_run(text) && !has_long_exponent(text) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() + 64);
    let (mut at, mut found) = (0, false);
    while at < text.len() {
        let rest = &text[at..];
        let bytes = match rest[0] {
            b'"' => string_bytes(rest),
            b'-' | b'0'..=b'9' => {
                let in_number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                rest.iter().take_while(in_number).count()
            }
            _ => 1,
        };
        let part = &rest[..bytes];
        let wide = is_wide(part);
        found |= wide;
        let quote: &[u8] = if wide { b"\"" } else { b"" };
        out.extend_from_slice(quote);
        out.extend_from_slice(part);
        out.extend_from_slice(quote);
        at += bytes;
    }
    found.then_some(out)
}

/// Whether the text has [`DIGITS_MIN`] consecutive digits. Such a run covers a multiple of [`DIGITS_MIN`], so only
/// these positions are checked first.
fn has_long_run(text: &[u8]) -> bool {
    (DIGITS_MIN - 1..text.len()).step_by(DIGITS_MIN).filter(|&at| text[at].is_ascii_digit()).any(|at| {
        let before = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let from = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        before + from >= DIGITS_MIN
    })
}

/// Whether a number has an exponent of three digits or more, as numbers beyond doubles do.
fn has_long_exponent(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'e', b'E', text).any(|at| {
        let exponent = &text[at + 1..];
        let digits = exponent.strip_prefix(b"+").unwrap_or(exponent);
        at > 0
            && text[at - 1].is_ascii_digit()
            && digits.len() >= EXPONENT_DIGITS_MIN
            && digits[..EXPONENT_DIGITS_MIN].iter().all(u8::is_ascii_digit)
    })
}

/// The `id` of a command, if it is such a number.
pub fn id(text: &[u8]) -> Option<String> {
    let WithId { id } = serde_json::from_slice(text).ok()?;
    id.map(RawValue::get).filter(|id| is_wide(id.as_bytes())).map(str::to_owned)
}

fn is_wide(part: &[u8]) -> bool {
    let digits = part.strip_prefix(b"-").unwrap_or(part);
    // JSON numbers have no leading zeros.
    let is_whole = digits.len() >= DIGITS_MIN && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(part).unwrap_or_default();
    let is_wide_whole = is_whole && text.parse::<u64>().is_err() && text.parse::<i64>().is_err();
    is_wide_whole
        || digits.first().is_some_and(u8::is_ascii_digit) && text.parse().is_ok_and(f64::is_infinite)
}

/// Length of a string with its quotes; of the rest of the text if the string does not end.
fn string_bytes(text: &[u8]) -> usize {
    let mut escaped = true;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}
