//! Draws by escape sequences, as a backend of ratatui.
//!
//! Invariant: a frame is one write, and a frame that changes nothing is none.

use std::io;

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    style::{Attribute, Color as Ink, Print, SetAttribute, SetBackgroundColor, SetForegroundColor},
    terminal::{self, BeginSynchronizedUpdate, Clear, ClearType as Cleared, EndSynchronizedUpdate},
};
use ratatui_core::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};

use super::pen::Pen;

/// Draws by escape sequences, gathered until they are flushed.
#[derive(Default)]
pub struct Ansi {
    frame: Vec<u8>,
    cursor: Option<Position>,
}

// === impl Ansi ===

impl Ansi {
    fn style(&mut self, cell: &Cell) -> io::Result<()> {
        const ATTRIBUTES: [(Modifier, Attribute); 4] = [
            (Modifier::BOLD, Attribute::Bold),
            (Modifier::DIM, Attribute::Dim),
            (Modifier::UNDERLINED, Attribute::Underlined),
            (Modifier::REVERSED, Attribute::Reverse),
        ];
        queue!(self.frame, SetAttribute(Attribute::Reset))?;
        for (modifier, attribute) in ATTRIBUTES {
            if cell.modifier.contains(modifier) {
                queue!(self.frame, SetAttribute(attribute))?;
            }
        }
        if cell.fg != Color::Reset {
            queue!(self.frame, SetForegroundColor(ink(cell.fg)))?;
        }
        if cell.bg != Color::Reset {
            queue!(self.frame, SetBackgroundColor(ink(cell.bg)))?;
        }
        Ok(())
    }
}

/// The colours that the theme has.
fn ink(color: Color) -> Ink {
    match color {
        Color::Yellow => Ink::DarkYellow,
        Color::LightBlue => Ink::Blue,
        Color::LightMagenta => Ink::Magenta,
        _ => Ink::Reset,
    }
}

impl Backend for Ansi {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut style = (Color::Reset, Color::Reset, Modifier::empty());
        let mut next = None;
        for (x, y, cell) in content {
            if self.frame.is_empty() {
                queue!(self.frame, BeginSynchronizedUpdate)?;
            }
            if next != Some((x, y)) {
                queue!(self.frame, MoveTo(x, y))?;
            }
            next = Some((x + 1, y));
            let wanted = (cell.fg, cell.bg, cell.modifier);
            if wanted != style {
                self.style(cell)?;
                style = wanted;
            }
            queue!(self.frame, Print(cell.symbol()))?;
        }
        if next.is_some() {
            queue!(self.frame, SetAttribute(Attribute::Reset), EndSynchronizedUpdate)?;
            // A cursor that is shown has moved with what was written.
            if let Some(Position { x, y }) = self.cursor {
                queue!(self.frame, MoveTo(x, y))?;
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor.take().is_some() {
            queue!(self.frame, Hide)?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor.is_none() {
            self.cursor = Some(Position::ORIGIN);
            queue!(self.frame, MoveTo(0, 0), Show)?;
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // The terminal is not queried, because its answer would arrive among the keys.
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor.is_some_and(|cursor| cursor != position) {
            self.cursor = Some(position);
            queue!(self.frame, MoveTo(position.x, position.y))?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        let cleared = match clear_type {
            ClearType::All => Cleared::All,
            ClearType::AfterCursor => Cleared::FromCursorDown,
            ClearType::BeforeCursor => Cleared::FromCursorUp,
            ClearType::CurrentLine => Cleared::CurrentLine,
            ClearType::UntilNewLine => Cleared::UntilNewLine,
        };
        if self.frame.is_empty() {
            // So that the empty screen is not shown.
            queue!(self.frame, BeginSynchronizedUpdate)?;
        }
        queue!(self.frame, Clear(cleared))
    }

    fn size(&self) -> io::Result<Size> {
        terminal::size().map(Size::from)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        Pen::of_process().write(std::mem::take(&mut self.frame))
    }
}
