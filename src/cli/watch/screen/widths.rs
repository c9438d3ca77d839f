//! How wide each column is: as wide as the widest text that it has shown, so that it does not change with each price.

use super::columns::{Align, COLUMNS, Column};
use crate::cli::terminal::width;

/// The widest texts seen, by column.
#[derive(Default)]
pub struct Widths {
    /// Cells before the decimal point, or of the whole text; and from the point on.
    parts: [(usize, usize); COLUMNS],
}

impl Widths {
    pub fn see(&mut self, cells: &[String; COLUMNS]) {
        for (column, (parts, text)) in Column::ALL.into_iter().zip(self.parts.iter_mut().zip(cells)) {
            let (whole, rest) = split(column, text);
            *parts = (parts.0.max(whole), parts.1.max(rest));
        }
    }

    /// How wide each column is, with its title and its signs.
    pub fn of(&self, sorted: Option<Column>) -> [usize; COLUMNS] {
        Column::ALL.map(|column| {
            let (whole, rest) = self.parts[column as usize];
            let signs = if matches!(column, Column::Last | Column::State) { 2 } else { 0 };
            let title = column.title().len() + if sorted == Some(column) { 2 } else { 0 };
            (whole + rest + signs).max(title)
        })
    }

    /// A text at its place in its column.
    pub fn aligned(&self, column: Column, text: &str, wide: usize) -> String {
        match column.align() {
            Align::Left => text.to_owned(),
            Align::Right => format!("{text:>wide$}"),
            Align::Point => {
                let behind = self.parts[column as usize].1 - split(column, text).1;
                format!("{:>wide$}", text.to_owned() + &" ".repeat(behind))
            }
        }
    }
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
