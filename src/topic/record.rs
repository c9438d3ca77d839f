//! A topic's record, and how a tick changes it.
//!
//! Merging keeps totals exact: `volume`, `trades`, `high`, `low` are totals since the topic began. They are computed
//! here from each trade, so that no later merge can lose a traded share or an extreme.

use crate::tick::{Field, FieldSet, Fields, Nanos, Side, Volume};

/// A symbol's whole record as of `seq`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// 0: no tick yet.
    pub seq: u64,
    /// The last tick's number among all ticks of all topics.
    pub order: u64,
    /// Event time of the last tick, by the feed's clock.
    pub ts: Nanos,
    /// When the last tick was taken in, by the service's clock.
    pub rx: Nanos,
    /// What the last tick changed.
    pub changed: FieldSet,
    pub fields: Fields,
}

impl Record {
    /// Applies a tick's fields and, for a trade, updates the totals.
    pub fn take(&mut self, tick: &Fields) {
        self.changed = tick.mask;
        if tick.mask.contains_all(FieldSet::TRADE) {
            self.changed = tick.mask.union(self.move_totals(tick));
        }
        self.fields.merge(tick);
    }

    /// What the last tick changed, with values: its own fields and the totals that it changed.
    pub fn last_change(&self) -> Fields {
        self.fields.only(self.changed)
    }

    /// Returns which totals it changed. A total that the feed itself gives is kept. A trade without an
    /// aggressor side clears the side.
    fn move_totals(&mut self, trade: &Fields) -> FieldSet {
        let fields = &mut self.fields;
        let had = fields.mask;
        let last = trade.fixed[Field::Last as usize];
        let given = |field| trade.mask.contains(field);
        let mut moved = FieldSet::NONE;
        let mut moves = |field, does: bool| {
            let moves = does && !given(field);
            if moves {
                moved = moved.with(field);
            }
            moves
        };
        if moves(Field::Side, had.contains(Field::Side)) {
            fields.set_side(Side::Unknown);
        }
        if moves(Field::Open, !had.contains(Field::Open)) {
            fields.set_fixed(Field::Open, last);
        }
        if moves(Field::High, fields.get_fixed(Field::High).is_none_or(|high| last > high)) {
            fields.set_fixed(Field::High, last);
        }
        if moves(Field::Low, fields.get_fixed(Field::Low).is_none_or(|low| last < low)) {
            fields.set_fixed(Field::Low, last);
        }
        if moves(Field::Volume, true) {
            let size = trade.fixed[Field::LastSize as usize];
            fields.set_volume(fields.volume.checked_add(size).unwrap_or(Volume(i128::MAX)));
        }
        if moves(Field::Trades, true) {
            fields.set_trades(fields.trades.saturating_add(1));
        }
        moved
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
            record.take(tick);
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
    fn what_a_tick_changed_is_its_fields_and_the_totals_that_it_moved() {
        let mut record = Record::default();
        record.take(&trade(10, 1));
        let first = [
            Field::Last,
            Field::LastSize,
            Field::Open,
            Field::High,
            Field::Low,
            Field::Volume,
            Field::Trades,
        ];
        assert_eq!(record.changed, first.into_iter().fold(FieldSet::NONE, FieldSet::with));
        record.take(&trade(9, 3));
        let second = [Field::Last, Field::LastSize, Field::Low, Field::Volume, Field::Trades];
        assert_eq!(record.changed, second.into_iter().fold(FieldSet::NONE, FieldSet::with));
        let change = record.last_change();
        assert_eq!((change.mask, change.volume, change.trades), (record.changed, Volume(4), 2));
        assert_eq!(change.get_fixed(Field::High), None);
    }

    #[test]
    fn a_trade_of_unknown_side_does_not_keep_the_last_one() {
        let mut sold = trade(10, 1);
        sold.set_side(Side::Sell);
        assert_eq!(merged(&[sold, trade(11, 1)]).side, Side::Unknown);
    }
}
