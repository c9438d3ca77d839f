//! Where the board is shown: a table that is redrawn in place, or a log with a line for each change.
//!
//! Thin: what is written is made by [`table`](super::table). Invariant: the terminal's cursor is visible again when the
//! view is dropped, however the program ends.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use rustix::termios::tcgetwinsize;

use super::table::Room;

/// How the board is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Table,
    Log,
}

/// An output, and what is on it.
pub struct View<W: Write> {
    out: W,
    pub style: Style,
    /// Lines of the table that stand above the cursor.
    drawn: usize,
}

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// What a terminal has when it does not say.
const USUAL: Room = Room { columns: 80, lines: 24 };

// === impl View ===

impl<W: Write> View<W> {
    pub fn new(out: W, style: Style) -> Self {
        View { out, style, drawn: 0 }
    }

    /// Draws over the table that is there.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::from(HIDE_CURSOR);
        if self.drawn > 0 {
            // Writing into a string cannot fail.
            let _infallible = write!(text, "\x1b[{}A", self.drawn);
        }
        text.push('\r');
        for line in lines {
            text.push_str(line);
            text.push_str(CLEAR_LINE);
            text.push_str("\r\n");
        }
        text.push_str(CLEAR_BELOW);
        self.drawn = lines.len();
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Adds a line to the log.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn log(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

impl<W: Write> Drop for View<W> {
    fn drop(&mut self) {
        if self.style == Style::Table {
            // There is nobody left to tell.
            let _ignored = self.out.write_all(SHOW_CURSOR.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}

/// The room on standard output. One line is left for the cursor, so that the terminal never scrolls.
pub fn room() -> Room {
    let Room { columns, lines } = match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Room { columns: usize::from(size.ws_col), lines: usize::from(size.ws_row) }
        }
        _ => USUAL,
    };
    Room { columns, lines: lines - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_drawn_over_the_one_before_and_the_cursor_comes_back() {
        let mut out = Vec::new();
        let mut view = View::new(&mut out, Style::Table);
        view.draw(&["one".to_owned(), "two".to_owned()]).unwrap();
        view.draw(&["three".to_owned()]).unwrap();
        drop(view);
        let expected = "\x1b[?25l\rone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J\
                        \x1b[?25l\x1b[2A\rthree\x1b[K\r\n\x1b[J\
                        \x1b[?25h";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_log_holds_no_escapes() {
        let mut out = Vec::new();
        let mut view = View::new(&mut out, Style::Log);
        view.log("one").unwrap();
        drop(view);
        assert_eq!(out, b"one\n");
    }
}
