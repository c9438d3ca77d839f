//! Whole numbers that 64 bits do not hold, which the reader of commands refuses as if they were no JSON.
//!
//! Rare, so a message without a long run of digits is only looked through. In one that has such numbers they are put into
//! quotes, and are then values of the wrong kind, of which the reader says so; a command's `id` is kept as it was.

use serde::Deserialize;
use serde_json::value::RawValue;

/// No shorter number is too large for 64 bits.
const DIGITS_MIN: usize = 19;

#[derive(Deserialize)]
struct WithId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// The message with such numbers in quotes; `None` when it has none.
pub fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    if !has_long_run(text) {
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

/// Whether so many digits stand side by side. Each such run has one of every so many bytes, and the others are not looked at.
fn has_long_run(text: &[u8]) -> bool {
    (DIGITS_MIN - 1..text.len()).step_by(DIGITS_MIN).filter(|&at| text[at].is_ascii_digit()).any(|at| {
        let before = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let from = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        before + from >= DIGITS_MIN
    })
}

/// The `id` of a command, if it is such a number.
pub fn id(text: &[u8]) -> Option<String> {
    let WithId { id } = serde_json::from_slice(text).ok()?;
    id.map(RawValue::get).filter(|id| is_wide(id.as_bytes())).map(str::to_owned)
}

fn is_wide(part: &[u8]) -> bool {
    let digits = part.strip_prefix(b"-").unwrap_or(part);
    // JSON has no zeros before a number.
    let is_whole = digits.len() >= DIGITS_MIN && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(part).unwrap_or_default();
    is_whole && text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
}

/// A string with its quotes, or what there is of it.
fn string_bytes(text: &[u8]) -> usize {
    let mut escaped = true;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}
