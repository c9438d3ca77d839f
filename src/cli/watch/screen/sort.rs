//! The order of the rows: by the value that a column has of each.
//!
//! Pure. Invariants: rows without a value come last, in both directions; equal rows stay in the order of their names.

use std::cmp::Ordering;

use compact_str::CompactString;
use tickcast_client::{Field, Topic, decimal::units};

use super::{columns::Column, others::OtherFields, trend::Trends};
use crate::cli::watch::cell::{self, Urgency};

/// What rows are compared by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum SortKey {
    Number(i128),
    Level(Urgency),
    Text(CompactString),
}

/// Sorts the places of rows. Rows that have nothing there come last, whichever way; equal ones stay by name.
pub fn sort(
    places: &mut Vec<usize>,
    rows: &[Topic],
    (trends, others): (&Trends, &OtherFields),
    (column, descending): (Column, bool),
    now_us: i64,
) {
    let mut keyed: Vec<(Option<SortKey>, usize)> = places
        .iter()
        .map(|&place| (column.sort_key(place, &rows[place], (trends, others), now_us), place))
        .collect();
    keyed.sort_by(|(a, at), (b, bt)| {
        let order = match (a, b) {
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        order.then_with(|| rows[*at].symbol.cmp(&rows[*bt].symbol))
    });
    places.clear();
    places.extend(keyed.into_iter().map(|(_, place)| place));
}

// === impl Column ===

impl Column {
    /// What its rows are sorted by; `None` when the row has nothing there.
    fn sort_key(
        self,
        place: usize,
        row: &Topic,
        (trends, others): (&Trends, &OtherFields),
        now_us: i64,
    ) -> Option<SortKey> {
        let number = match self {
            Column::Symbol => return Some(SortKey::Text(row.symbol.clone())),
            Column::State => return Some(SortKey::Level(cell::trouble(row, now_us))),
            Column::TradeId => return row.record.text(Field::TradeId).map(|id| SortKey::Text(id.into())),
            Column::Other(at) => {
                let text = others.value(at, row)?;
                return Some(units(text).map_or_else(|| SortKey::Text(text.into()), SortKey::Number));
            }
            Column::Last => cell::price(row),
            Column::Change => cell::change_bp(row).map(i128::from),
            Column::Trend => trends.rise_bp(place).map(i128::from),
            Column::N => (row.record.n > 0).then_some(i128::from(row.record.n)),
            Column::Merged => Some(i128::from(row.merged)),
            Column::Gaps => Some(i128::from(row.lost)),
            // The older, the more.
            Column::Age => (row.record.rx_us > 0).then_some(-i128::from(row.record.rx_us)),
            _ => row.record.units(self.field()?),
        };
        number.map(SortKey::Number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn sorting_is_by_value_both_ways_with_what_is_missing_last(
            values in vec(proptest::option::of(-1_000i64..1_000), 0..30), descending: bool,
        ) {
            let mut board = tickcast_client::Mirror::default();
            for (place, value) in values.iter().enumerate() {
                let bid = value.map_or_else(String::new, |bid| format!(r#","bid":{bid}"#));
                let payload = format!(r#"[{{"type":"snapshot","symbol":"S{place:02}","seq":1,"rx":1{bid}}}]"#);
                crate::cli::watch::tests::take(&mut board, &payload);
            }
            let mut places: Vec<usize> = (0..values.len()).rev().collect();
            sort(&mut places, board.topics(), (&Trends::default(), &OtherFields::default()), (Column::Bid, descending), 1);
            let mut expected: Vec<usize> = (0..values.len()).collect();
            expected.sort_by_key(|&place| {
                let value = values[place].map(|value| if descending { -value } else { value });
                (value.is_none(), value)
            });
            prop_assert_eq!(places, expected);
        }
    }
}
