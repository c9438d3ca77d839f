//! A topic's record, and how a tick changes it.
//!
//! Merging keeps totals exact: `volume`, `trades`, `high`, `low` are totals since the topic began. They are computed
//! here from each trade, so that no later merge can lose a traded share or an extreme. A trade that would take the volume
//! over its limit changes nothing. A total that was withdrawn begins anew with the next trade.

use std::sync::Arc;

use super::{
    named_at::{ChangedFields, NamedAt},
    reference::Reference,
};
use crate::{
    planted::{Fault, is_planted},
    tick::{CustomSet, CustomValues, Field, FieldSet, Fields, Nanos, Side, WantedFields, custom::CustomFull},
};

/// A symbol's whole record as of `seq`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// 0: no tick yet.
    pub seq: u64,
    /// The last tick's number among all ticks of all topics.
    pub order: u64,
    /// Event time of the last tick, by the feed's clock.
    pub ts: Nanos,
    /// When the last tick was taken in, by the service's clock.
    pub rx: Nanos,
    /// What the last tick changed: set or withdrew.
    pub changed: FieldSet,
    /// The last tick that cancelled or corrected a trade; 0 before the first.
    pub corrected_at: u64,
    /// When each field was changed last.
    pub named_at: NamedAt,
    /// What its first tick says of its prices, for encodings that write differences.
    pub reference: Reference,
    pub fields: Fields,
}

/// A total would be out of range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TotalFull {
    /// A volume that no market reaches would be reached.
    #[error("volume: the total of the symbol's sizes would reach 10^24, which is more than a volume holds")]
    Volume,
    #[error(transparent)]
    Custom(Box<CustomFull>),
}

impl From<CustomFull> for TotalFull {
    fn from(full: CustomFull) -> Self {
        TotalFull::Custom(Box::new(full))
    }
}

impl Record {
    /// Applies the next tick's fields and, for a trade, updates the totals.
    ///
    /// # Errors
    /// When a total would be out of range; nothing is changed then.
    #[inline]
    pub fn take(&mut self, tick: &Fields) -> Result<(), TotalFull> {
        self.take_holding(tick, FieldSet::NONE)
    }

    /// As [`Self::take`]; a trade leaves the totals of `held` as they are.
    ///
    /// # Errors
    /// As [`Self::take`].
    #[inline]
    pub fn take_holding(&mut self, tick: &Fields, held: FieldSet) -> Result<(), TotalFull> {
        let custom = match &tick.custom {
            None => None,
            Some(custom) => Some(self.custom_after(custom)?),
        };
        let mut changed = tick.named();
        if tick.is_trade() {
            let are_units = self.fields.are_units() && tick.are_units();
            let moved = if are_units {
                self.move_totals::<true>(tick, held)
            } else {
                self.move_totals::<false>(tick, held)
            };
            changed = changed.union(moved?);
        }
        self.seq += 1;
        self.note(changed);
        self.fields.merge(tick);
        if custom.is_some() {
            self.fields.custom = custom;
        }
        self.reference.begin(self.seq, &self.fields);
        Ok(())
    }

    /// Takes in what a cancel or a correction has moved, and what its line gives in place of that.
    pub fn take_correction(&mut self, mut moved: Fields, given: &Fields) {
        let report = moved.report().cloned();
        moved.merge(given);
        moved.set_report(report);
        self.seq += 1;
        self.corrected_at = self.seq;
        self.note(moved.named());
        self.fields.merge(&moved);
        self.reference.begin(self.seq, &self.fields);
    }

    /// The tick `seq` has changed these fields.
    #[inline]
    pub fn note(&mut self, changed: FieldSet) {
        self.changed = changed;
        let hidden = if is_planted(Fault::ForgetsChange) { Field::Bid.bit() } else { FieldSet::NONE };
        self.named_at.note(changed.without(hidden), self.seq);
    }

    /// The fields that ticks after this seq have changed: every field that it ever had, when these are too many.
    pub fn changed_since(&self, cursor: u64) -> ChangedFields {
        self.named_at.since(cursor, self.seq, &self.fields)
    }

    /// The values of configured fields after the next tick.
    #[cold]
    fn custom_after(&self, tick: &Arc<CustomValues>) -> Result<Arc<CustomValues>, CustomFull> {
        let none;
        let custom = match &self.fields.custom {
            Some(custom) => custom,
            None => {
                none = CustomValues::new(Arc::clone(tick.fields()));
                &none
            }
        };
        Ok(Arc::new(custom.after(tick, self.seq + 1)?))
    }

    /// What the last tick changed, the configured fields too.
    #[inline]
    pub fn all_changed(&self) -> WantedFields {
        let custom =
            self.fields.custom.as_ref().map_or(CustomSet::NONE, |custom| custom.changed_since(self.before()));
        WantedFields { fixed: self.changed, custom }
    }

    /// The seq before the last tick.
    fn before(&self) -> u64 {
        self.seq.saturating_sub(1)
    }

    /// The values of configured fields that the last tick set or withdrew.
    #[inline]
    pub fn last_custom(&self) -> Option<Arc<CustomValues>> {
        let custom = self.fields.custom.as_ref()?;
        let changed = custom.changed_since(self.before());
        custom.only(changed).map(Arc::new)
    }

    /// Whether the last tick was a trade, a cancel or a correction: mode `trades` merges none of them.
    #[inline]
    pub fn is_stop(&self) -> bool {
        self.fields.report().is_some()
            || self.changed.intersect(self.fields.mask).contains_all(FieldSet::TRADE)
    }

    /// What the last tick changed, with values: its own fields and the totals that it changed.
    pub fn last_change(&self) -> Fields {
        let mut change = self.fields.only(self.changed);
        change.custom = self.last_custom();
        change
    }

    /// Returns which totals it changed. A total that the feed itself gives or withdraws is left to it, and
    /// one that the trade does not affect stays. A trade without an
    /// aggressor side clears the side, and one without a name withdraws the last one's.
    ///
    /// `UNITS`: whether all values are units, as nearly always, so that no scale is looked at. Not inlined: a quote then
    /// saves no registers for it.
    #[inline(never)]
    fn move_totals<const UNITS: bool>(
        &mut self,
        trade: &Fields,
        held: FieldSet,
    ) -> Result<FieldSet, TotalFull> {
        let get = |from: &Fields, field| if UNITS { from.get_units(field) } else { from.get_decimal(field) };
        let set = |to: &mut Fields, field, value| {
            if UNITS { to.set_units(field, value) } else { to.set_decimal(field, value) }
        };
        let fields = &mut self.fields;
        let had = fields.mask;
        let (last, size, affects) = if UNITS {
            let value = |field| trade.get_units(field).unwrap_or_default();
            (value(Field::Last), value(Field::LastSize), FieldSet::ALL)
        } else {
            let (last, size, _, affects) = trade.trade().unwrap_or_default();
            (last, size, affects.fields())
        };
        let named = if UNITS { trade.mask } else { trade.named() };
        let named = named.union(held).union(FieldSet::ALL.without(affects));
        let given = |field| named.contains(field);
        let mut moved = FieldSet::NONE;
        let mut moves = |field, does: bool| {
            let moves = does && !given(field);
            if moves {
                moved = moved.with(field);
            }
            moves
        };
        if moves(Field::Volume, true) {
            if UNITS {
                let volume = fields.volume_of_units().checked_add(size).ok_or(TotalFull::Volume)?;
                fields.set_volume_of_units(volume);
            } else {
                fields.set_volume(fields.volume().checked_add(size).ok_or(TotalFull::Volume)?);
            }
        }
        if moves(Field::Side, had.contains(Field::Side)) {
            fields.set_side(Side::Unknown);
        }
        if moves(Field::Open, !had.contains(Field::Open)) {
            set(fields, Field::Open, last);
        }
        if moves(Field::High, get(fields, Field::High).is_none_or(|high| last > high)) {
            set(fields, Field::High, last);
        }
        if moves(Field::Low, get(fields, Field::Low).is_none_or(|low| last < low)) {
            set(fields, Field::Low, last);
        }
        if moves(Field::Trades, true) {
            fields.set_trades(fields.trades.saturating_add(1));
        }
        // Last, since nothing is withdrawn from values that are all units.
        if moves(Field::TradeId, had.contains(Field::TradeId)) {
            fields.withdraw(Field::TradeId);
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::{Decimal, TradeId, Volume};

    fn trade(last: i64, size: i64) -> Fields {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, Decimal::from_units(last));
        fields.set_decimal(Field::LastSize, Decimal::from_units(size));
        fields
    }

    fn merged(ticks: &[Fields]) -> Fields {
        let mut record = Record::default();
        for tick in ticks {
            record.take(tick).unwrap();
        }
        record.fields
    }

    #[test]
    fn trades_move_the_totals() {
        let fields = merged(&[trade(10, 1), trade(14, 2), trade(9, 3)]);
        assert_eq!(fields.get_decimal(Field::Open), Some(Decimal::from_units(10)));
        assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(14)));
        assert_eq!(fields.get_decimal(Field::Low), Some(Decimal::from_units(9)));
        assert_eq!((fields.volume(), fields.trades), (Volume::from_units(6), 3));
    }

    #[test]
    fn totals_that_the_feed_gives_stand() {
        let mut given = trade(10, 1);
        given.set_volume(Volume::from_units(1_000));
        given.set_decimal(Field::High, Decimal::from_units(99));
        let fields = merged(&[given, trade(14, 2)]);
        assert_eq!((fields.volume(), fields.trades), (Volume::from_units(1_002), 2));
        assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(99)));
    }

    #[test]
    fn a_quote_moves_no_total() {
        let mut quote = Fields::default();
        quote.set_decimal(Field::Bid, Decimal::from_units(5));
        assert_eq!(merged(&[quote]).mask, Field::Bid.bit());
    }

    #[test]
    fn what_a_tick_changed_is_its_fields_and_the_totals_that_it_moved() {
        let mut record = Record::default();
        record.take(&trade(10, 1)).unwrap();
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
        record.take(&trade(9, 3)).unwrap();
        let second = [Field::Last, Field::LastSize, Field::Low, Field::Volume, Field::Trades];
        assert_eq!(record.changed, second.into_iter().fold(FieldSet::NONE, FieldSet::with));
        let change = record.last_change();
        assert_eq!((change.mask, change.volume(), change.trades), (record.changed, Volume::from_units(4), 2));
        assert_eq!(change.get_decimal(Field::High), None);
    }

    #[test]
    fn a_trade_over_the_limit_of_a_volume_changes_nothing() {
        let mut given = trade(10, 1);
        given.set_volume(Volume::parse("999999999999999999999999.999999998").unwrap());
        let mut record = Record::default();
        record.take(&given).unwrap();
        record.take(&trade(11, 1)).unwrap();
        let before = record.clone();
        assert_eq!(record.take(&trade(99, 1)), Err(TotalFull::Volume));
        assert_eq!(record, before);
        assert_eq!(record.fields.volume().to_string(), "999999999999999999999999.999999999");
        record.take(&given).unwrap();
    }

    #[test]
    fn a_withdrawn_total_begins_anew_with_the_next_trade() {
        let mut withdrawal = Fields::default();
        let totals = [Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades];
        let all = totals.into_iter().fold(FieldSet::NONE, FieldSet::with);
        withdrawal.withdraw_all(all);
        let fields = merged(&[trade(10, 5), trade(14, 2), withdrawal.clone()]);
        assert_eq!((fields.mask, fields.withdrawn()), (FieldSet::TRADE, all));
        let fields = merged(&[trade(10, 5), trade(14, 2), withdrawal, trade(12, 3), trade(11, 1)]);
        assert_eq!(
            (fields.volume(), fields.trades, fields.withdrawn()),
            (Volume::from_units(4), 2, FieldSet::NONE)
        );
        let prices = [Field::Open, Field::High, Field::Low].map(|field| fields.get_decimal(field).unwrap());
        assert_eq!(prices, [12, 12, 11].map(Decimal::from_units));
        // A trade that withdraws a total is not in it, and one without its last price leaves the totals alone.
        let mut last = trade(13, 1);
        last.withdraw(Field::Volume);
        assert_eq!(merged(&[trade(10, 5), last.clone()]).withdrawn(), Field::Volume.bit());
        assert_eq!(merged(&[trade(10, 5), last, trade(9, 2)]).volume(), Volume::from_units(2));
        let mut price = Fields::default();
        price.withdraw(Field::Last);
        let fields = merged(&[trade(10, 5), price]);
        assert_eq!((fields.volume(), fields.get_decimal(Field::Last)), (Volume::from_units(5), None));
        assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(10)));
    }

    #[test]
    fn a_withdrawn_side_stays_so_until_a_trade_has_one() {
        let mut none = Fields::default();
        none.withdraw(Field::Side);
        let mut sold = trade(10, 1);
        sold.set_side(Side::Sell);
        assert_eq!(merged(&[sold.clone(), none.clone(), trade(11, 1)]).withdrawn(), Field::Side.bit());
        assert_eq!(merged(&[none, sold]).side, Side::Sell);
    }

    #[test]
    fn high_and_low_compare_across_scales() {
        let trade = |last: &str| {
            let mut fields = trade(0, 1);
            fields.set_decimal(Field::Last, Decimal::parse(last).unwrap());
            fields
        };
        let prices = ["0.0000016425", "0.000001642", "10000000000", "0.00000164251", "9999999999.5"];
        let fields = merged(&prices.map(trade));
        let shown = |field| fields.get_decimal(field).unwrap().to_string();
        assert_eq!(
            [shown(Field::Open), shown(Field::High), shown(Field::Low)],
            [prices[0], prices[2], prices[1]]
        );
    }

    #[test]
    fn a_trade_without_a_name_does_not_keep_the_last_one() {
        let mut named = trade(10, 1);
        named.set_trade_id(TradeId::of_number(7));
        let fields = merged(&[named.clone(), trade(11, 1)]);
        assert_eq!((&*fields.trade_id().text(), fields.withdrawn()), ("", Field::TradeId.bit()));
        assert_eq!((fields.trades, fields.volume()), (2, Volume::from_units(2)));
        let mut record = Record::default();
        for trade in [named.clone(), trade(11, 1), trade(12, 1)] {
            record.take(&trade).unwrap();
        }
        assert!(!record.changed.contains(Field::TradeId), "there was none any more");
        let fields = merged(&[named.clone(), trade(11, 1), named.clone()]);
        assert_eq!((&*fields.trade_id().text(), fields.withdrawn()), ("7", FieldSet::NONE));
        assert!(!merged(&[trade(11, 1)]).named().contains(Field::TradeId));
        // A quote is no trade: the name stays.
        let mut quote = Fields::default();
        quote.set_decimal(Field::Bid, Decimal::from_units(5));
        assert_eq!(&*merged(&[named, quote]).trade_id().text(), "7");
    }

    #[test]
    fn a_trade_of_unknown_side_does_not_keep_the_last_one() {
        let mut sold = trade(10, 1);
        sold.set_side(Side::Sell);
        assert_eq!(merged(&[sold, trade(11, 1)]).side, Side::Unknown);
    }
}
