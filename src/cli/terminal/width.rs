//! How many cells a text takes: a character of Chinese takes two, an accent that joins the letter before it takes none.
//!
//! For text that was made printable; a tab or an escape has no width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The longest beginning of a text that fits, and no part of a character.
pub fn beginning(text: &str, room: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|&(_, char)| {
        taken += char.width().unwrap_or(0);
        taken > room
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// With blanks behind it, so that it takes so many cells.
pub fn padded(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_take_two_cells() {
        assert_eq!(width("币安A"), 5);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(beginning("币安人生", 5), "币安");
        assert_eq!(beginning("e\u{301}e", 1), "e\u{301}");
        assert_eq!(beginning("AB", 2), "AB");
        assert_eq!(padded("币", 4), "币  ");
        assert_eq!(padded("币币", 3), "币币");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "[a币e\u{301} !]{0,12}", room in 0usize..16) {
            let cut = beginning(&text, room);
            prop_assert!(width(cut) <= room && text.starts_with(cut));
            prop_assert!(cut == text || width(&text) > room);
            prop_assert!(width(&padded(cut, room)) == room);
        }
    }
}
