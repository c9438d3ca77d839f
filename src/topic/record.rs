//! A topic's record, and how a tick changes it.
//!
//! Merging keeps arithmetic true: `volume`, `trades`, `high`, `low` are totals since the topic began, kept here from
//! the trades that pass, so that no later merge can lose a traded share or an extreme.

use crate::tick::{Field, FieldSet, Fields, Nanos, Side, Volume};

/// A symbol's whole record as of `seq`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// 0: no tick yet.
    pub seq: u64,
    /// Place of the last tick among all ticks of all topics.
    pub order: u64,
    /// Event time of the last tick, by the feed's clock.
    pub ts: Nanos,
    /// When the last tick was taken in, by the service's clock.
    pub rx: Nanos,
    pub fields: Fields,
}

impl Record {
    /// What this tick changes: its own fields and, when it is a trade, the totals that it moves.
    ///
    /// A total that the feed gives itself stands; a trade of which the feed does not say the side has none.
    #[must_use]
    pub fn totals(&self, tick: &Fields) -> Fields {
        let mut changed = *tick;
        if !tick.mask.contains_all(FieldSet::TRADE) {
            return changed;
        }
        let had = &self.fields;
        let last = tick.fixed[Field::Last as usize];
        let given = |field| tick.mask.contains(field);
        if !given(Field::Side) && had.mask.contains(Field::Side) {
            changed.set_side(Side::Unknown);
        }
        if !given(Field::Open) && !had.mask.contains(Field::Open) {
            changed.set_fixed(Field::Open, last);
        }
        if !given(Field::High) && had.get_fixed(Field::High).is_none_or(|high| last > high) {
            changed.set_fixed(Field::High, last);
        }
        if !given(Field::Low) && had.get_fixed(Field::Low).is_none_or(|low| last < low) {
            changed.set_fixed(Field::Low, last);
        }
        if !given(Field::Volume) {
            let size = tick.fixed[Field::LastSize as usize];
            changed.set_volume(had.volume.checked_add(size).unwrap_or(Volume(i128::MAX)));
        }
        if !given(Field::Trades) {
            changed.set_trades(had.trades.saturating_add(1));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Fixed;

    fn trade(last: i64, size: i64) -> Fields {
        let mut fields = Fields::default();
        fields.set_fixed(Field::Last, Fixed(last));
        fields.set_fixed(Field::LastSize, Fixed(size));
        fields
    }

    fn merged(ticks: &[Fields]) -> Fields {
        let mut record = Record::default();
        for tick in ticks {
            let changed = record.totals(tick);
            record.fields.merge(&changed);
        }
        record.fields
    }

    #[test]
    fn trades_move_the_totals() {
        let fields = merged(&[trade(10, 1), trade(14, 2), trade(9, 3)]);
        assert_eq!(fields.get_fixed(Field::Open), Some(Fixed(10)));
        assert_eq!(fields.get_fixed(Field::High), Some(Fixed(14)));
        assert_eq!(fields.get_fixed(Field::Low), Some(Fixed(9)));
        assert_eq!((fields.volume, fields.trades), (Volume(6), 3));
    }

    #[test]
    fn totals_that_the_feed_gives_stand() {
        let mut given = trade(10, 1);
        given.set_volume(Volume(1_000));
        given.set_fixed(Field::High, Fixed(99));
        let fields = merged(&[given, trade(14, 2)]);
        assert_eq!((fields.volume, fields.trades), (Volume(1_002), 2));
        assert_eq!(fields.get_fixed(Field::High), Some(Fixed(99)));
    }

    #[test]
    fn a_quote_moves_no_total() {
        let mut quote = Fields::default();
        quote.set_fixed(Field::Bid, Fixed(5));
        assert_eq!(merged(&[quote]).mask, Field::Bid.bit());
    }

    #[test]
    fn a_trade_of_unknown_side_does_not_keep_the_last_one() {
        let mut sold = trade(10, 1);
        sold.set_side(Side::Sell);
        assert_eq!(merged(&[sold, trade(11, 1)]).side, Side::Unknown);
    }
}
