//! Escapes text from outside (file names, first lines of recordings, messages of peers) for display: characters that
//! move a terminal's cursor, colour it, or reverse the order of letters are written as `\u{…}`.

use std::{
    borrow::Cow,
    fmt::{self, Display, Write},
};

/// Shows a text escaped.
pub struct Escaped<'a>(pub &'a str);

/// The text itself when it needs no escape.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unshown) { Cow::Owned(Escaped(text).to_string()) } else { Cow::Borrowed(text) }
}

/// JSON that is safe for a terminal: escapes what JSON itself does not escape within its strings.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|char| char != '\n' && is_unshown(char)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 8);
    for char in json.chars() {
        if char != '\n' && is_unshown(char) {
            // Writing to a string cannot fail.
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(char);
        }
    }
    Cow::Owned(out)
}

/// Whether a character is invisible: a control, a mark of direction, a separator of lines, a joiner, a filler, a variation
/// selector, a tag.
pub fn is_unshown(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                _ if is_unshown(char) => write!(f, "{}", char.escape_unicode())?,
                _ => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_a_terminal_is_written_out() {
        assert_eq!(escaped("a\x1b[31m\n\u{9b}\u{202e}b\u{7f}"), "a\\u{1b}[31m\\n\\u{9b}\\u{202e}b\\u{7f}");
        assert!(matches!(escaped("plain, and caf\u{e9}"), Cow::Borrowed(_)));
        assert_eq!(escaped_json("{\"a\":\"\u{9b}\u{7f}\"}\n"), "{\"a\":\"\\u009b\\u007f\"}\n");
    }

    proptest! {
        #[test]
        fn nothing_unshown_is_left(text in any::<String>()) {
            prop_assert!(!escaped(&text).contains(is_unshown));
            let json = serde_json::json!({ "text": text }).to_string();
            let shown = escaped_json(&json);
            prop_assert!(!shown.contains(is_unshown));
            let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(read["text"].as_str(), Some(&*text));
        }
    }
}
