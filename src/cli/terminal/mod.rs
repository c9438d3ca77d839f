//! A terminal taken for a full-screen view, and always given back: what `watch` and `replay` have in common.
//!
//! ```text
//! keys -> FullScreen -> TerminalView (pure: keys and what is shown go in, a drawn buffer comes out) -> Tty
//! ```

mod ansi;
mod fullscreen;
mod paint;
mod pen;
mod theme;
mod tty;
mod width;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
pub use fullscreen::{FullScreen, Tty};
pub use paint::put;
use ratatui_core::{buffer::Buffer, layout::Position};
pub use theme::Theme;
pub use tty::open;
pub use width::{padded, width};

/// What is shown, as a state machine without a terminal.
pub trait TerminalView {
    /// What it is shown of, and when, as its owner has it at the moment.
    type Source<'a>: Copy;

    /// A key was pressed.
    fn key(&mut self, key: KeyEvent, seen: Self::Source<'_>) -> Act;

    /// Text was pasted: it is not a key press.
    fn paste(&mut self, text: &str);

    /// The terminal has another size.
    fn resized(&mut self);

    /// Draws, and returns the position of the cursor if it is shown.
    fn draw(&mut self, buf: &mut Buffer, seen: Self::Source<'_>) -> Option<Position>;
}

/// What is left to do for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Draw.
    Show,
    Quit,
    /// Give the terminal back and stop, until the person wants us in front again.
    Suspend,
    /// Draw everything anew, for something else has written on the screen.
    Redraw,
}

// === impl Act ===

impl Act {
    /// What a key asks for whatever is shown: Ctrl-C, Ctrl-Z, Ctrl-L.
    pub fn of_control(key: KeyEvent) -> Option<Act> {
        if !key.modifiers.contains(KeyModifiers::CONTROL) {
            return None;
        }
        match key.code {
            KeyCode::Char('c') => Some(Act::Quit),
            KeyCode::Char('z') => Some(Act::Suspend),
            KeyCode::Char('l') => Some(Act::Redraw),
            _ => None,
        }
    }
}
