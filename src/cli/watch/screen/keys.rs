//! What keys do: to the screen, and what is left for the shell to do.
//!
//! Invariant: `Ctrl-C` leaves and `Esc` goes one step back, whatever is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tickcast::tick::Nanos;
use tickcast_client::Mirror;

use super::{Screen, ScreenMode, columns::Column};
use crate::cli::terminal::Act;

/// The longest filter, in characters: that of a symbol.
const FILTER_MAX: usize = tickcast::tick::SYMBOL_BYTES_MAX;

impl Screen {
    pub fn press(&mut self, key: KeyEvent, board: &Mirror, now: Nanos) -> Act {
        if let Some(act) = Act::of_control(key) {
            return act;
        }
        match self.mode {
            ScreenMode::Filter => self.key_in_filter(key),
            ScreenMode::Table => return self.key_in_table(key, board, now),
            ScreenMode::Help(_) | ScreenMode::Detail(_) | ScreenMode::Reports(_) => {
                return self.key_over_table(key);
            }
            ScreenMode::Columns(at) => return self.key_in_columns(key.code, at),
        }
        Act::Show
    }

    /// Text that was pasted: it is not a key press, and means something only where text is written.
    pub fn write_all(&mut self, text: &str) {
        if self.mode == ScreenMode::Filter {
            text.chars().for_each(|char| self.write(char));
        }
    }

    fn key_in_table(&mut self, key: KeyEvent, board: &Mirror, now: Nanos) -> Act {
        let page = isize::try_from(self.page).unwrap_or(isize::MAX).max(1);
        match key.code {
            KeyCode::Char('q') => return Act::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = ScreenMode::Help(0),
            KeyCode::Char('/') => self.mode = ScreenMode::Filter,
            KeyCode::Char('c') => {
                let sorted = self.sort.map_or(0, |(column, _)| column.place());
                self.mode = ScreenMode::Columns(sorted);
            }
            KeyCode::Char('e') => self.mode = ScreenMode::Reports(0),
            KeyCode::Char('p' | ' ') => self.pause(board, now),
            KeyCode::Char('s') => self.sort_next(1),
            KeyCode::Char('S') => self.sort_next(self.shown.len()),
            KeyCode::Char('r') => {
                if let Some((column, _)) = self.sort {
                    self.sort_by(column);
                }
            }
            KeyCode::Char(digit @ '1'..='9') => {
                let place = digit as usize - '1' as usize;
                if let Some(&column) = self.shown.get(place) {
                    self.sort_by(column);
                }
            }
            KeyCode::Char('0') => (self.sort, self.arranged) = (None, None),
            KeyCode::Down | KeyCode::Char('j') => self.select(1),
            KeyCode::Up | KeyCode::Char('k') => self.select(-1),
            KeyCode::PageDown => self.select(page),
            KeyCode::PageUp => self.select(-page),
            KeyCode::Char('f') if key.modifiers.contains(KeyModifiers::CONTROL) => self.select(page),
            KeyCode::Char('b') if key.modifiers.contains(KeyModifiers::CONTROL) => self.select(-page),
            KeyCode::Home | KeyCode::Char('g') => self.select(-isize::MAX),
            KeyCode::End | KeyCode::Char('G') => self.select(isize::MAX),
            KeyCode::Enter => {
                if self.selected_at().is_none() {
                    self.select(0);
                }
                if self.selected_at().is_some() {
                    self.mode = ScreenMode::Detail(0);
                }
            }
            KeyCode::Esc => self.step_back(),
            _ => {}
        }
        Act::Show
    }

    /// First the selection goes, then the filter, and the table is at its top again.
    fn step_back(&mut self) {
        if self.selected.take().is_none() && !self.filter.is_empty() {
            self.filter.clear();
            self.arranged = None;
        }
        self.top = 0;
    }

    /// Sorts by the column so many positions after the sorted one, among those shown. After the last one comes the order
    /// of the command line.
    fn sort_next(&mut self, by: usize) {
        let places = self.shown.len() + 1;
        let sorted = self.sort.and_then(|(column, _)| self.shown.iter().position(|shown| *shown == column));
        let next = (sorted.map_or(0, |place| place + 1) + by) % places;
        self.sort = next.checked_sub(1).map(|place| {
            let column = self.shown[place];
            (column, column.begins_descending())
        });
        self.arranged = None;
    }

    fn key_in_filter(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => self.mode = ScreenMode::Table,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = ScreenMode::Table;
            }
            // As in a shell: backspace on an empty line leaves it.
            KeyCode::Backspace if self.filter.pop().is_none() => self.mode = ScreenMode::Table,
            KeyCode::Char('u' | 'w') if control => self.filter.clear(),
            KeyCode::Char(char) if !control && !key.modifiers.contains(KeyModifiers::ALT) => self.write(char),
            KeyCode::Down => self.select(1),
            KeyCode::Up => self.select(-1),
            _ => {}
        }
        self.arranged = None;
    }

    fn write(&mut self, char: char) {
        if !char.is_control() && self.filter.chars().count() < FILTER_MAX {
            self.filter.push(char);
            (self.top, self.arranged) = (0, None);
        }
    }

    fn key_over_table(&mut self, key: KeyEvent) -> Act {
        let (ScreenMode::Help(top) | ScreenMode::Detail(top) | ScreenMode::Reports(top)) = &mut self.mode
        else {
            return Act::Show;
        };
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => *top += 1,
            KeyCode::Up | KeyCode::Char('k') => *top = top.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => *top += self.page.max(1),
            KeyCode::PageUp => *top = top.saturating_sub(self.page.max(1)),
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'h' | 'q' | 'e') | KeyCode::F(1) => {
                self.mode = ScreenMode::Table;
            }
            _ => {}
        }
        Act::Show
    }

    fn key_in_columns(&mut self, code: KeyCode, at: usize) -> Act {
        let columns = self.columns();
        let column = columns[at.min(columns.len() - 1)];
        match code {
            KeyCode::Down | KeyCode::Char('j') => {
                self.mode = ScreenMode::Columns((at + 1).min(columns.len() - 1));
            }
            KeyCode::Up | KeyCode::Char('k') => self.mode = ScreenMode::Columns(at.saturating_sub(1)),
            KeyCode::Home | KeyCode::Char('g') => self.mode = ScreenMode::Columns(0),
            KeyCode::End | KeyCode::Char('G') => self.mode = ScreenMode::Columns(columns.len() - 1),
            // The symbol stays, because it identifies the row.
            KeyCode::Char(' ' | 'x') if column != Column::Symbol => self.show_or_hide(column),
            KeyCode::Char('a') => self.hidden.clear(),
            KeyCode::Enter | KeyCode::Char('s') => {
                self.hidden.retain(|hidden| *hidden != column);
                self.sort_by(column);
            }
            KeyCode::Esc | KeyCode::Char('c' | 'q') => self.mode = ScreenMode::Table,
            _ => {}
        }
        Act::Show
    }

    fn show_or_hide(&mut self, column: Column) {
        let hidden = self.hidden.len();
        self.hidden.retain(|hidden| *hidden != column);
        if self.hidden.len() == hidden {
            self.hidden.push(column);
        }
    }
}
