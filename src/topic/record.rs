//! [`Record`]: a topic's current values, and how a tick changes them. Pure; seqs are assigned in `market.rs`.
//!
//! Invariant: conflation keeps totals exact. `volume`, `trades`, `high` and `low` are totals since the topic began,
//! computed here from each trade, so that merging ticks loses no traded share and no extreme. A trade that would push
//! the volume over its limit changes nothing. A withdrawn total restarts with the next trade.

use std::sync::Arc;

use super::{
    named_at::{ChangedFields, NamedAt},
    reference::Reference,
};
use crate::{
    planted::{Fault, is_planted},
    tick::{CustomSet, CustomValues, Field, FieldSet, Fields, Nanos, Side, WantedFields, custom::CustomFull},
};

/// A symbol's current values, as of `seq`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Seq of the last tick; 0 before the first.
    pub seq: u64,
    /// The last tick's sequence number over all topics.
    pub order: u64,
    /// Event time of the last tick, by the feed's clock.
    pub ts: Nanos,
    /// Receive time of the last tick, by the service's clock.
    pub rx: Nanos,
    /// The fields that the last tick set or withdrew.
    pub changed: FieldSet,
    /// Seq of the last tick that cancelled or corrected a trade; 0 before the first.
    pub corrected_at: u64,
    /// The seq at which each field changed last.
    pub named_at: NamedAt,
    /// The price base from the topic's first tick, for encodings that write differences.
    pub reference: Reference,
    pub fields: Fields,
}

/// A total would overflow.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TotalFull {
    /// The volume would exceed what any market reaches.
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
    /// When a total would overflow; nothing is changed then.
    #[inline]
    pub fn take(&mut self, tick: &Fields) -> Result<(), TotalFull> {
        self.take_holding(tick, FieldSet::NONE)
    }

    /// As [`Self::take`], but a trade leaves the totals in `held` unchanged.
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

    /// Applies what a cancel or correction has changed; values that the feed's line gives override the computed ones.
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

    /// Notes that the tick `seq` changed these fields.
    #[inline]
    pub fn note(&mut self, changed: FieldSet) {
        self.changed = changed;
        let hidden = if is_planted(Fault::ForgetsChange) { Field::Bid.bit() } else { FieldSet::NONE };
        self.named_at.note(changed.without(hidden), self.seq);
    }

    /// The fields that changed after this seq; every field that the record ever had, when the cursor is too far back.
    pub fn changed_since(&self, cursor: u64) -> ChangedFields {
        self.named_at.since(cursor, self.seq, &self.fields)
    }

    /// The configured fields after the next tick.
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

    /// The fields that the last tick changed, configured ones included.
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

    /// The configured fields that the last tick set or withdrew.
    #[inline]
    pub fn last_custom(&self) -> Option<Arc<CustomValues>> {
        let custom = self.fields.custom.as_ref()?;
        let changed = custom.changed_since(self.before());
        custom.only(changed).map(Arc::new)
    }

    /// Whether the last tick was a trade, a cancel or a correction: mode `trades` conflates none of them.
    #[inline]
    pub fn is_tape_event(&self) -> bool {
        self.fields.report().is_some()
            || self.changed.intersect(self.fields.mask).contains_all(FieldSet::TRADE)
    }

    /// The last tick with its values: its own fields and the totals that it changed.
    pub fn last_change(&self) -> Fields {
        let mut change = self.fields.only(self.changed);
        change.custom = self.last_custom();
        change
    }

    /// Updates the totals for a trade and returns which ones changed. A total that the feed's tick sets or withdraws
    /// itself is left to it. A trade without an aggressor side clears the side; one without an id withdraws the last
    /// id.
    ///
    /// `UNITS`: all values are whole units, as nearly always, so that no scale is checked. Not inlined: quotes then
    /// save no registers for it.
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
        // Last, because a record of whole units has nothing to withdraw.
        if moves(Field::TradeId, had.contains(Field::TradeId)) {
            fields.withdraw(Field::TradeId);
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests;
