//! The columns of the table: what each shows, and which there is room for. `sort.rs` beside it sorts by them.
//!
//! Pure. Invariants: the symbol is always shown; a column that does not fit is omitted, since half a price is a wrong one.

use tickcast_client::{Field, Topic, printable};

use crate::cli::watch::cell;

/// What a column shows, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    Symbol,
    Last,
    Change,
    Trend,
    Bid,
    BidSize,
    Ask,
    AskSize,
    Volume,
    High,
    Low,
    Trades,
    N,
    Merged,
    Gaps,
    Age,
    State,
}

/// Alignment of a cell's text in its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
    /// Decimal points one below the other.
    Point,
}

pub const COLUMNS: usize = Column::ALL.len();
/// Between two columns.
pub const BETWEEN: usize = 2;
/// The least and the most that a trend is wide.
const TREND: std::ops::RangeInclusive<usize> = 8..=30;

// === impl Column ===

impl Column {
    pub const ALL: [Column; 17] = [
        Column::Symbol,
        Column::Last,
        Column::Change,
        Column::Trend,
        Column::Bid,
        Column::BidSize,
        Column::Ask,
        Column::AskSize,
        Column::Volume,
        Column::High,
        Column::Low,
        Column::Trades,
        Column::N,
        Column::Merged,
        Column::Gaps,
        Column::Age,
        Column::State,
    ];
    /// From the one that a narrow terminal needs most to the one that it does best without.
    const BY_NEED: [Column; COLUMNS] = [
        Column::Symbol,
        Column::Last,
        Column::State,
        Column::Age,
        Column::Change,
        Column::Trend,
        Column::Bid,
        Column::Ask,
        Column::Gaps,
        Column::N,
        Column::Merged,
        Column::Volume,
        Column::BidSize,
        Column::AskSize,
        Column::High,
        Column::Low,
        Column::Trades,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Column::Symbol => "SYMBOL",
            Column::Last => "LAST",
            Column::Change => "VS OPEN %",
            Column::Trend => "TREND",
            Column::Bid => "BID",
            Column::BidSize => "BID SIZE",
            Column::Ask => "ASK",
            Column::AskSize => "ASK SIZE",
            Column::Volume => "VOLUME",
            Column::High => "HIGH",
            Column::Low => "LOW",
            Column::Trades => "TRADES",
            Column::N => "N",
            Column::Merged => "MERGED",
            Column::Gaps => "GAPS",
            Column::Age => "AGE",
            Column::State => "STATE",
        }
    }

    /// What it shows, in the list from which a user chooses columns.
    pub fn meaning(self) -> &'static str {
        match self {
            Column::Symbol => "name",
            Column::Last => "price of the last trade, and the way it went; mid: none yet",
            Column::Change => "last against open (first trade since the server has it), in percent",
            Column::Trend => "the price every 2 s, the newest at the right",
            Column::Bid | Column::Ask => "best price",
            Column::BidSize | Column::AskSize => "size at the best price",
            Column::Volume => "traded in the session",
            Column::High | Column::Low => "of the session",
            Column::Trades => "in the session",
            Column::N => "ticks that the last update stood for",
            Column::Merged => "ticks merged into others on their way",
            Column::Gaps => "announced losses (and ticks lost)",
            Column::Age => "since the server took in what is shown",
            Column::State => "as the server says it; old: by its age",
        }
    }

    pub(super) fn field(self) -> Option<Field> {
        match self {
            Column::Last => Some(Field::Last),
            Column::Bid => Some(Field::Bid),
            Column::BidSize => Some(Field::BidSize),
            Column::Ask => Some(Field::Ask),
            Column::AskSize => Some(Field::AskSize),
            Column::Volume => Some(Field::Volume),
            Column::High => Some(Field::High),
            Column::Low => Some(Field::Low),
            Column::Trades => Some(Field::Trades),
            _ => None,
        }
    }

    pub fn align(self) -> Align {
        match self {
            Column::Symbol | Column::State => Align::Left,
            Column::Trend
            | Column::N
            | Column::Merged
            | Column::Gaps
            | Column::Age
            | Column::Change
            | Column::Trades => Align::Right,
            _ => Align::Point,
        }
    }

    /// Names begin at A; of everything else the most is looked for first.
    pub fn begins_descending(self) -> bool {
        self != Column::Symbol
    }

    /// What is written, but for the trend and the signs of state and direction.
    pub fn text(self, row: &Topic, now_us: i64) -> String {
        match self {
            Column::Symbol => printable(&row.symbol),
            Column::Change => cell::change_bp(row).map(cell::percent).unwrap_or_default(),
            Column::N => {
                if row.record.n > 1 {
                    cell::count(row.record.n)
                } else {
                    String::new()
                }
            }
            Column::Merged => cell::count(row.merged),
            Column::Gaps => cell::gaps(row),
            Column::Age => cell::age(row, now_us),
            Column::State => printable(row.standing_at(now_us).as_str()),
            Column::Last => cell::main_price(row),
            Column::Trend => String::new(),
            _ => self.field().map(|field| cell::value(row, field)).unwrap_or_default(),
        }
    }
}

/// Columns with their widths, in the order of the table: as many of the chosen as there is room for, and the trend
/// takes what is left over. `widths` are of the texts; the trend's is ignored.
pub fn fitting(
    chosen: &[bool; COLUMNS],
    widths: &[usize; COLUMNS],
    room: usize,
    sorted: Option<Column>,
) -> Vec<(Column, usize)> {
    let width = |column: Column| {
        if column == Column::Trend { *TREND.start() } else { widths[column as usize] }
    };
    let mut taken = [false; COLUMNS];
    taken[Column::Symbol as usize] = true;
    let mut left = room.saturating_sub(width(Column::Symbol));
    // The column that rows are sorted by must be visible.
    let needed = sorted.into_iter().chain(Column::BY_NEED);
    for column in needed {
        let needs = width(column) + BETWEEN;
        if chosen[column as usize] && !taken[column as usize] && needs <= left {
            left -= needs;
            taken[column as usize] = true;
        }
    }
    let trend = (width(Column::Trend) + left).min(*TREND.end());
    let fits = Column::ALL.into_iter().filter(|&column| taken[column as usize]);
    fits.map(|column| (column, if column == Column::Trend { trend } else { width(column) })).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_column_has_its_place_in_every_order() {
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, place);
            assert!(Column::BY_NEED.contains(&column), "{column:?}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_is_within_the_room_and_complete(
            chosen in any::<[bool; COLUMNS]>(), widths in any::<[u8; COLUMNS]>(), room in 0usize..300,
        ) {
            let widths = widths.map(|width| usize::from(width % 20) + 1);
            let shown = fitting(&chosen, &widths, room, None);
            let wide: usize = shown.iter().map(|(_, width)| width + BETWEEN).sum();
            prop_assert!(shown.len() == 1 || wide <= room + BETWEEN);
            prop_assert_eq!(shown[0].0, Column::Symbol);
            for (column, _) in &shown[1..] {
                prop_assert!(chosen[*column as usize]);
            }
            // No column that is left out would have had room, but for the trend, which gives none away.
            let trend = shown.iter().find(|(column, _)| *column == Column::Trend);
            let spare = room + BETWEEN - wide.min(room + BETWEEN) + trend.map_or(0, |(_, width)| width - TREND.start());
            for column in Column::ALL.into_iter().filter(|column| chosen[*column as usize]) {
                let needs = if column == Column::Trend { *TREND.start() } else { widths[column as usize] };
                let is_shown = shown.iter().any(|(shown, _)| *shown == column);
                prop_assert!(is_shown || needs + BETWEEN > spare, "{:?} would have fitted", column);
            }
        }
    }
}
