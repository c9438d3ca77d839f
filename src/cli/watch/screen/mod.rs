//! The full-screen table as a state machine: keys and boards go in, a drawn buffer comes out.
//!
//! ```text
//! keys -> Screen -> which rows, in which order, which columns, which overlay -> paint
//! board ----^
//! ```
//!
//! Pure: no terminal, no clock, no socket. Invariants: a selected row stays selected wherever sorting moves it. While
//! paused, values do not change but ages and states do, so that nothing old looks new. Rows are sorted again at most once
//! a second, however fast their values change.

mod columns;
mod keys;
mod others;
mod overlay;
mod paint;
mod reports;
mod sort;
#[cfg(test)]
mod tests;
mod theme;
mod trend;
mod widths;

use columns::Column;
use others::OtherFields;
use reports::Reports;
use tickcast::tick::Nanos;
use tickcast_client::{Event, Mirror, Pattern, Topic};
use trend::Trends;
use widths::Widths;

use crate::cli::terminal::Theme;

/// What the person sees, and has chosen to see.
pub struct Screen {
    theme: Theme,
    mode: ScreenMode,
    /// What symbols must match; empty: all.
    filter: String,
    /// The column that rows are sorted by, and whether descending; `None`: in the order of the command line or of arrival.
    sort: Option<(Column, bool)>,
    /// Columns that were put away.
    hidden: Vec<Column>,
    others: OtherFields,
    reports: Reports,
    trends: Trends,
    /// Rows by their places on the board, filtered and sorted.
    places: Vec<usize>,
    /// When that was done last, and for how many rows; `None`: it must be done before anything is shown.
    arranged: Option<(Nanos, usize)>,
    /// By its place on the board, which it keeps.
    selected: Option<usize>,
    /// The first of `places` that is shown, and how many there was room for at the last drawing.
    top: usize,
    page: usize,
    /// The columns that the last drawing showed, in order: what the digits mean.
    shown: Vec<Column>,
    frozen: Option<Frozen>,
    /// How the connection is, and what the server complained of over it.
    connection: String,
    complaint: Option<String>,
    widths: Widths,
}

/// What keys mean, and which overlay is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ScreenMode {
    Table,
    /// The filter is being written.
    Filter,
    /// Scrolled by so many lines.
    Help(usize),
    /// All fields of the selected row, scrolled by so many lines.
    Detail(usize),
    /// Columns are being chosen; the one at the cursor.
    Columns(usize),
    /// Cancels, corrections and trades that affect little, scrolled by so many lines.
    Reports(usize),
}

/// The board as it was when the person paused.
struct Frozen {
    rows: Vec<Topic>,
    since: Nanos,
    updates: u64,
}

/// Between two sortings by values that change.
const REARRANGE_NANOS: u64 = 1_000_000_000;

// === impl Screen ===

impl Screen {
    pub fn new(theme: Theme) -> Self {
        Screen {
            theme,
            mode: ScreenMode::Table,
            filter: String::new(),
            sort: None,
            hidden: Vec::new(),
            others: OtherFields::default(),
            reports: Reports::default(),
            trends: Trends::default(),
            places: Vec::new(),
            arranged: None,
            selected: None,
            top: 0,
            page: 1,
            shown: Vec::new(),
            frozen: None,
            connection: "connecting".to_owned(),
            complaint: None,
            widths: Widths::default(),
        }
    }

    /// A message has changed the board; `now` is the server's time.
    pub fn changed(&mut self, event: &Event<'_>, now: Nanos) {
        if let Event::Record(change) | Event::Correction(change) = event {
            self.others.look(change.topic);
            self.reports.take(change, now);
        }
    }

    /// All columns, in the order of the table.
    fn columns(&self) -> Vec<Column> {
        Column::FIXED.into_iter().chain(self.others.indexes().map(Column::Other)).collect()
    }

    pub fn say(&mut self, what: &str) {
        what.clone_into(&mut self.connection);
        self.complaint = None;
    }

    pub fn complain(&mut self, what: &str) {
        self.complaint = Some(what.to_owned());
    }

    /// The terminal has another size: what was measured for the old one is forgotten.
    pub fn forget_widths(&mut self) {
        self.widths = Widths::default();
    }

    /// Takes the board's state in. Called before each drawing, however long ago the last one was.
    fn look(&mut self, board: &Mirror, now: Nanos, server_us: i64) {
        if let Some(frozen) = &mut self.frozen {
            for (row, live) in frozen.rows.iter_mut().zip(board.topics()) {
                row.standing.clone_from(&live.standing);
            }
        } else {
            self.trends.look(board.topics(), now, server_us);
        }
        let rows = self.frozen.as_ref().map_or(board.topics(), |frozen| &frozen.rows);
        let is_due = self.arranged.is_none_or(|(at, known)| {
            let is_old = self.sort.is_some() && now.since(at) >= REARRANGE_NANOS;
            known != rows.len() || is_old
        });
        if is_due {
            let is_shown = matcher(&self.filter);
            self.places.clear();
            self.places.extend((0..rows.len()).filter(|&place| is_shown(&rows[place].symbol)));
            if let Some(by) = self.sort {
                sort::sort(&mut self.places, rows, (&self.trends, &self.others), by, server_us);
            }
            self.arranged = Some((now, rows.len()));
        }
        self.scroll();
    }

    /// Keeps the selected row, or else the last page, in sight.
    fn scroll(&mut self) {
        if let Some(at) = self.selected_at() {
            self.top = self.top.clamp((at + 1).saturating_sub(self.page), at);
        }
        self.top = self.top.min(self.places.len().saturating_sub(self.page));
    }

    /// Index of the selected row in the order shown; `None` when there is none, or the filter hides it.
    fn selected_at(&self) -> Option<usize> {
        let selected = self.selected?;
        self.places.iter().position(|&place| place == selected)
    }

    /// Selects the row `by` rows from the selected one, or from the top of the page.
    fn select(&mut self, by: isize) {
        let Some(last) = self.places.len().checked_sub(1) else { return };
        let at = match self.selected_at() {
            Some(at) => at.saturating_add_signed(by).min(last),
            // The first key shows where the selection is.
            None if by.unsigned_abs() <= 1 => self.top,
            None => self.top.saturating_add_signed(by).min(last),
        };
        self.selected = Some(self.places[at]);
        self.scroll();
    }

    fn sort_by(&mut self, column: Column) {
        self.sort = match self.sort {
            Some((sorted, descending)) if sorted == column => Some((column, !descending)),
            _ => Some((column, column.begins_descending())),
        };
        self.arranged = None;
    }

    fn pause(&mut self, board: &Mirror, now: Nanos) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => {
                Some(Frozen { rows: board.topics().to_vec(), since: now, updates: board.totals().updates })
            }
        };
        self.arranged = None;
    }
}

/// Whether a symbol is shown: it has the filter in it, in whatever case, or matches it when that has a `*`.
fn matcher(filter: &str) -> impl Fn(&str) -> bool {
    let filter = filter.to_lowercase();
    let pattern = Pattern::is_pattern(&filter).then(|| Pattern::new(&filter));
    let filter = Pattern::named(&filter).into_owned();
    move |symbol| {
        let symbol = symbol.to_lowercase();
        pattern.as_ref().map_or_else(|| symbol.contains(&filter), |pattern| pattern.matches(&symbol))
    }
}
