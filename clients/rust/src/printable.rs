//! What others say, as a terminal may be shown it.

/// The most of a foreign text that is shown.
const CHARS_MAX: usize = 200;

/// The text without what moves a cursor, colours a terminal or turns letters around, and not longer than a line or two.
///
/// ```
/// assert_eq!(tickcast_client::printable("plain \x1b[31m words"), "plain [31m words");
/// ```
pub fn printable(text: &str) -> String {
    text.chars().filter(|char| !is_unshown(*char)).take(CHARS_MAX).collect()
}

fn is_unshown(char: char) -> bool {
    let is_mark = matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    char.is_control() || is_mark
}
