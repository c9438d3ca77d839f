//! The columns of the table: what each shows, and which there is room for. `sort.rs` beside it sorts by them.
//!
//! Pure. Invariants: the symbol is always shown; a column that does not fit is omitted, since half a price is a wrong one.

use tickcast_client::{Field, Topic, printable};

use super::others::OtherFields;
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
    TradeId,
    N,
    Merged,
    Gaps,
    Age,
    State,
    /// A field that the server's configuration adds, by its index in [`OtherFields`].
    Other(u8),
}

/// Alignment of a cell's text in its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
    /// Decimal points one below the other.
    Point,
}

/// Between two columns.
pub const BETWEEN: usize = 2;
/// The least and the most that a trend is wide.
const TREND: std::ops::RangeInclusive<usize> = 8..=30;

// === impl Column ===

impl Column {
    /// Those that every server has; configured fields follow them.
    pub const FIXED: [Column; 18] = [
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
        Column::TradeId,
        Column::N,
        Column::Merged,
        Column::Gaps,
        Column::Age,
        Column::State,
    ];
    /// From the one that a narrow terminal needs most to the one that it does best without.
    /// Configured fields come after them.
    const BY_NEED: [Column; Column::FIXED.len()] = [
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
        Column::TradeId,
    ];

    /// Its index in the order of the table, whatever is shown of it.
    pub fn place(self) -> usize {
        match self {
            Column::Other(at) => Column::FIXED.len() + usize::from(at),
            fixed => Column::FIXED.iter().position(|column| *column == fixed).unwrap_or_default(),
        }
    }

    pub fn title(self, others: &OtherFields) -> &str {
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
            Column::TradeId => "TRADE ID",
            Column::N => "N",
            Column::Merged => "MERGED",
            Column::Gaps => "GAPS",
            Column::Age => "AGE",
            Column::State => "STATE",
            Column::Other(at) => others.title(at),
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
            Column::TradeId => "name of the last trade at its venue",
            Column::N => "ticks that the last update stood for",
            Column::Merged => "ticks merged into others on their way",
            Column::Gaps => "announced losses (and ticks lost)",
            Column::Age => "since the server took in what is shown",
            Column::State => "as the server says it; old: by its age",
            Column::Other(_) => "a field of the server's configuration",
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
            Column::TradeId => Some(Field::TradeId),
            _ => None,
        }
    }

    pub fn align(self) -> Align {
        match self {
            Column::Symbol | Column::State | Column::TradeId => Align::Left,
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
    pub fn text(self, others: &OtherFields, row: &Topic, now_us: i64) -> String {
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
            Column::State => cell::state(row, now_us),
            Column::Last => cell::main_price(row),
            Column::Trend => String::new(),
            Column::Other(at) => others.value(at, row).map(printable).unwrap_or_default(),
            _ => self.field().map(|field| cell::value(row, field)).unwrap_or_default(),
        }
    }
}

/// Columns with their widths, in the order of the table: as many of the chosen as there is room for, and the trend
/// takes what is left over. Widths are of the texts; the trend's is ignored. The symbol is the first of the chosen.
pub fn fitting(chosen: &[(Column, usize)], room: usize, sorted: Option<Column>) -> Vec<(Column, usize)> {
    let width =
        |&(column, wide): &(Column, usize)| if column == Column::Trend { *TREND.start() } else { wide };
    let others = chosen.iter().map(|(column, _)| *column).filter(|column| matches!(column, Column::Other(_)));
    let mut taken = vec![Column::Symbol];
    let mut left = room.saturating_sub(chosen.first().map_or(0, width));
    // The column that rows are sorted by must be visible.
    let needed = sorted.into_iter().chain(Column::BY_NEED).chain(others);
    for column in needed {
        let Some(found) = chosen.iter().find(|(chosen, _)| *chosen == column) else { continue };
        let needs = width(found) + BETWEEN;
        if !taken.contains(&column) && needs <= left {
            left -= needs;
            taken.push(column);
        }
    }
    let trend = (TREND.start() + left).min(*TREND.end());
    let fits = chosen.iter().filter(|(column, _)| taken.contains(column));
    fits.map(|found| (found.0, if found.0 == Column::Trend { trend } else { width(found) })).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn every_column_has_its_place_in_every_order() {
        for (place, column) in Column::FIXED.into_iter().enumerate() {
            assert_eq!(column.place(), place);
            assert!(Column::BY_NEED.contains(&column), "{column:?}");
        }
        assert_eq!(Column::Other(2).place(), Column::FIXED.len() + 2);
    }

    proptest! {
        #[test]
        fn what_fits_is_within_the_room_and_complete(
            all in vec((any::<bool>(), 1usize..21), 18..24), room in 0usize..300,
        ) {
            let others = (0..6).map(Column::Other);
            let columns = Column::FIXED.into_iter().chain(others).zip(&all);
            let chosen: Vec<(Column, usize)> = columns
                .filter(|(column, (is_chosen, _))| *is_chosen || *column == Column::Symbol)
                .map(|(column, (_, width))| (column, *width))
                .collect();
            let shown = fitting(&chosen, room, None);
            let wide: usize = shown.iter().map(|(_, width)| width + BETWEEN).sum();
            prop_assert!(shown.len() == 1 || wide <= room + BETWEEN);
            prop_assert_eq!(shown[0].0, Column::Symbol);
            for (column, _) in &shown {
                prop_assert!(chosen.iter().any(|(chosen, _)| chosen == column));
            }
            // No column that is left out would have had room, but for the trend, which gives none away.
            let trend = shown.iter().find(|(column, _)| *column == Column::Trend);
            let spare = room + BETWEEN - wide.min(room + BETWEEN) + trend.map_or(0, |(_, width)| width - TREND.start());
            for (column, width) in chosen {
                let needs = if column == Column::Trend { *TREND.start() } else { width };
                let is_shown = shown.iter().any(|(shown, _)| *shown == column);
                prop_assert!(is_shown || needs + BETWEEN > spare, "{:?} would have fitted", column);
            }
        }
    }
}
