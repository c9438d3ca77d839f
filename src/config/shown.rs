//! Makes text from outside safe for a message: one line, of bounded length, that cannot control a terminal.

use std::fmt;

pub(super) struct ShownText<'a>(pub &'a str);

/// How many characters are shown before the rest is cut off.
const SHOWN_CHARS: usize = 100;

impl fmt::Display for ShownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(SHOWN_CHARS) {
            if c.is_control() || c == '\u{2028}' || c == '\u{2029}' {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        if chars.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_length_is_bounded() {
        assert_eq!(ShownText("a \"b\" é").to_string(), "a \"b\" é");
        assert_eq!(ShownText("\x1b[2J\r\n").to_string(), "\\u{1b}[2J\\r\\n");
        assert_eq!(ShownText(&"x".repeat(101)).to_string(), format!("{}…", "x".repeat(100)));
    }
}
