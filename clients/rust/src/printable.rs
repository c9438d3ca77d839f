//! What others say, as a terminal may be shown it.

use std::fmt::Write;

/// The most of a foreign text that is shown.
const CHARS_MAX: usize = 200;

/// The text with what moves a cursor, colours a terminal, turns letters around or is not seen written out, and not longer
/// than a line or two. So no two texts of that length look the same for what is invisible in them.
///
/// ```
/// assert_eq!(tickcast_client::printable("plain \x1b[31m words"), "plain \\u{1b}[31m words");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars().take(CHARS_MAX) {
        if is_unshown(char) {
            // A string takes every write.
            let _ = write!(shown, "{}", char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// Controls, marks of direction, separators of lines, joiners, fillers, variation selectors and tags.
fn is_unshown(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}
