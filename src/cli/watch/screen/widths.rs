//! How wide each column is: as wide as the widest text that it has shown, so that it does not change with each price.

use super::{
    columns::{Align, Column},
    others::OtherFields,
};
use crate::cli::terminal::width;

/// The widest texts seen, by column.
#[derive(Default)]
pub struct Widths {
    /// Cells before the decimal point, or of the whole text; and from the point on.
    parts: Vec<(usize, usize)>,
}

impl Widths {
    /// The texts of a row, in the order of all columns.
    pub fn see(&mut self, columns: &[Column], cells: &[String]) {
        self.parts.resize(columns.len().max(self.parts.len()), (0, 0));
        for (column, (parts, text)) in columns.iter().zip(self.parts.iter_mut().zip(cells)) {
            let (whole, rest) = split(*column, text);
            *parts = (parts.0.max(whole), parts.1.max(rest));
        }
    }

    /// How wide a column is, with its title and its signs.
    pub fn of(&self, column: Column, others: &OtherFields, sorted: Option<Column>) -> usize {
        let (whole, rest) = self.part(column);
        let signs = if matches!(column, Column::Last | Column::State) { 2 } else { 0 };
        let title = width(column.title(others)) + if sorted == Some(column) { 2 } else { 0 };
        (whole + rest + signs).max(title)
    }

    fn part(&self, column: Column) -> (usize, usize) {
        self.parts.get(column.place()).copied().unwrap_or_default()
    }

    /// A text at its place in its column.
    pub fn aligned(&self, column: Column, text: &str, wide: usize) -> String {
        match column.align() {
            Align::Left => text.to_owned(),
            Align::Right => right(text, wide),
            Align::Point => {
                let behind = self.part(column).1.saturating_sub(split(column, text).1);
                right(&(text.to_owned() + &" ".repeat(behind)), wide)
            }
        }
    }
}

/// At the right of so many cells, also with characters that take two.
fn right(text: &str, wide: usize) -> String {
    " ".repeat(wide.saturating_sub(width(text))) + text
}

/// Cells before the decimal point and from it on.
fn split(column: Column, text: &str) -> (usize, usize) {
    let all = width(text);
    match text.find('.') {
        Some(point) if column.align() == Align::Point => {
            let whole = width(&text[..point]);
            (whole, all - whole)
        }
        _ => (all, 0),
    }
}
