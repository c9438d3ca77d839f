//! [`TopicTape`]: a topic's table of trades with ids, which computes the totals after a cancel or correction. Pure: it
//! does not know the record; the caller reports each tick that the record has accepted.
//!
//! Loss: the table holds the newest `limits.tape_trades` trades. A trade that leaves it, or has no id, can no longer be
//! cancelled; its contribution to each total is kept in [`Rest`], so that totals stay provable. A total that cannot be
//! proved is withdrawn until a trade proves it or the feed gives it.
//!
//! Invariants: trades are in seq order, and the oldest is not cancelled; a trade counts towards a total from the seq in
//! `since` on, if its conditions affect that total and it is not cancelled; an id means its newest trade. A correction
//! scans the table only where the trade was, or becomes, an extreme.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    names::TapeNames,
    rest::{Proof, Rest, further},
    trade::TapeTrade,
};
use crate::tick::{Affects, Field, FieldSet, Fields, Side, TradeId, TradeReport, Volume};

/// The table of trades of one topic.
#[derive(Clone, Debug, Default)]
pub struct TopicTape {
    trades: VecDeque<TapeTrade>,
    /// The volume of the trades that count towards it. Beside it, the number of those that count towards `trades`.
    volume: Volume,
    count: u64,
    names: TapeNames,
    rest: Rest,
    /// The seq of the trade that the record shows as its last, when the table has it.
    shown: Option<u64>,
    /// Totals withdrawn because they cannot be proved.
    unproved: FieldSet,
}

/// No trade with this id is in the table, or it was cancelled already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSuchTrade;

/// Why a correction was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uncorrected {
    NoSuchTrade,
    /// The volume would overflow.
    VolumeFull,
}

const PRICES: [Field; 3] = [Field::Open, Field::High, Field::Low];
const EXTREMES: [(Field, Ordering); 2] = [(Field::High, Ordering::Greater), (Field::Low, Ordering::Less)];

// === impl TopicTape ===

impl TopicTape {
    /// An empty table for a topic whose next tick has this seq; no earlier trade can be cancelled.
    pub fn new(record: &Fields, seq: u64) -> Self {
        TopicTape { rest: Rest::of(record, seq), ..TopicTape::default() }
    }

    /// The totals that stay withdrawn at the next tick, because it does not prove them.
    pub fn held(&self, tick: &Fields) -> FieldSet {
        if self.unproved.is_empty() {
            return FieldSet::NONE;
        }
        let trade = tick.trade().filter(|(.., affects)| affects.contains(Affects::HIGH_LOW));
        let proved = |&(field, ahead): &(Field, Ordering)| {
            trade.is_some_and(|(last, ..)| self.rest.extreme(field).is_proved_by(last, ahead))
        };
        let proved = EXTREMES.iter().filter(|extreme| proved(extreme));
        self.unproved.without(proved.fold(FieldSet::NONE, |set, (field, _)| set.with(*field)))
    }

    /// The number of trades held.
    pub fn held_trades(&self) -> usize {
        self.trades.len()
    }

    /// Follows a tick other than a correction, after the record has accepted it. `record`: the fields after the tick.
    pub fn follow(&mut self, tick: &Fields, seq: u64, record: &Fields, trades_max: usize) {
        self.unproved = self.held(tick).without(tick.named());
        let trade = tick.trade().map(|(last, last_size, side, affects)| TapeTrade {
            seq,
            last,
            last_size,
            id: *tick.name_of_trade(),
            side,
            affects,
            is_cancelled: false,
        });
        self.give_rest(tick, seq, trade.as_ref());
        let sets_last = trade.as_ref().is_some_and(|trade| trade.affects.contains(Affects::LAST));
        let has_id = trade.as_ref().is_some_and(|trade| !trade.id.is_empty());
        if sets_last && has_id {
            self.shown = Some(seq);
        } else if sets_last || !tick.named().intersect(FieldSet::LAST_TRADE).is_empty() {
            let owned = if sets_last { FieldSet::NONE } else { FieldSet::LAST_TRADE.without(tick.named()) };
            self.rest.show(record, seq, self.shown.take(), owned);
        }
        match trade {
            Some(trade) if has_id => self.push(trade, record, trades_max),
            Some(trade) => self.rest.add(&trade),
            None => {}
        }
    }

    fn push(&mut self, trade: TapeTrade, record: &Fields, trades_max: usize) {
        if self.trades.len() == self.trades.capacity() {
            // Grow by a quarter, not double, as the ring does.
            self.trades.reserve_exact(4 + self.trades.len() / 4);
        }
        self.count_in(&trade);
        self.names.push(&trade);
        self.trades.push_back(trade);
        while self.trades.len() > trades_max {
            let Some(trade) = self.pop_oldest() else { break };
            self.rest.add(&trade);
            if self.shown == Some(trade.seq) {
                self.shown = None;
                self.rest.show(record, trade.seq, None, FieldSet::NONE);
            } else {
                self.rest.add_last(&trade);
            }
            self.drop_cancelled();
        }
    }

    fn pop_oldest(&mut self) -> Option<TapeTrade> {
        let trade = self.trades.pop_front()?;
        self.count_out(&trade);
        self.names.forget(&trade);
        Some(trade)
    }

    /// Drops cancelled trades from the old end, so that the table's first trade never has to be searched for.
    fn drop_cancelled(&mut self) {
        while self.trades.front().is_some_and(|trade| trade.is_cancelled) {
            self.pop_oldest();
        }
    }

    /// Cancels a trade. Returns the fields that change.
    ///
    /// # Errors
    /// When no such trade is known.
    pub fn cancel(&mut self, id: &TradeId, record: &Fields) -> Result<Fields, NoSuchTrade> {
        let at = self.find(id).ok_or(NoSuchTrade)?;
        let trade = self.trades[at].clone();
        self.count_out(&trade);
        self.trades[at].is_cancelled = true;
        self.rest.void(trade.seq, true);
        let moved = self.difference(&[&trade], record);
        self.drop_cancelled();
        Ok(moved)
    }

    /// Corrects a trade, and fills the report with the trade's new values. Returns the fields that change.
    ///
    /// # Errors
    /// When no such trade is known, or the volume would overflow; nothing is changed then.
    pub fn correct(&mut self, report: &mut TradeReport, record: &Fields) -> Result<Fields, Uncorrected> {
        let at = self.find(&report.id).ok_or(Uncorrected::NoSuchTrade)?;
        let before = self.trades[at].clone();
        let mut after = before.clone();
        after.last = report.last.unwrap_or(before.last);
        after.last_size = report.last_size.unwrap_or(before.last_size);
        after.side = report.side.or(before.side);
        self.count_out(&before);
        if !self.has_volume_for(&after) {
            self.count_in(&before);
            return Err(Uncorrected::VolumeFull);
        }
        self.count_in(&after);
        self.trades[at] = after.clone();
        (report.last, report.last_size) = (Some(after.last), Some(after.last_size));
        (report.side, report.affects) = (after.side, after.affects);
        self.rest.void(after.seq, after.last != before.last);
        Ok(self.difference(&[&before, &after], record))
    }

    /// Values given with a correction replace the computed ones.
    pub fn give(&mut self, given: &Fields, seq: u64, record: &Fields) {
        self.unproved = self.unproved.without(given.named());
        self.give_rest(given, seq, None);
        // With a correction, `null` means that a price cannot be proved, not that it restarts.
        for field in given.withdrawn().iter().filter(|field| PRICES.contains(field)) {
            self.unproved = self.unproved.with(field);
            self.rest.doubt(field);
        }
        let owned = FieldSet::LAST_TRADE.without(given.named());
        if owned != FieldSet::LAST_TRADE {
            self.rest.show(record, seq, self.shown.take(), owned);
        }
    }

    /// The feed gives totals: no earlier trade counts towards them any more.
    fn give_rest(&mut self, tick: &Fields, seq: u64, own: Option<&TapeTrade>) {
        self.rest.give(tick, seq, own);
        if tick.named().contains(Field::Volume) {
            self.volume = Volume::ZERO;
        }
        if tick.named().contains(Field::Trades) {
            self.count = 0;
        }
    }

    fn count_in(&mut self, trade: &TapeTrade) {
        if self.is_part(trade, Field::Volume) {
            // The record has accepted the trade, so the sum is in range.
            self.volume = self.volume.checked_add(trade.last_size).unwrap_or(self.volume);
        }
        self.count += u64::from(self.is_part(trade, Field::Trades));
    }

    fn count_out(&mut self, trade: &TapeTrade) {
        if self.is_part(trade, Field::Volume) {
            self.volume = self.volume.without(trade.last_size);
        }
        self.count -= u64::from(self.is_part(trade, Field::Trades));
    }

    /// Whether the volume stays in range with this trade.
    fn has_volume_for(&self, trade: &TapeTrade) -> bool {
        let sum = self.rest.volume().unwrap_or_default().checked_sum(self.volume);
        !self.is_part(trade, Field::Volume) || sum.and_then(|sum| sum.checked_add(trade.last_size)).is_some()
    }

    /// Index of the newest trade with this id, unless it was cancelled.
    fn find(&mut self, id: &TradeId) -> Option<usize> {
        let seq = self.names.find(id, &self.trades)?;
        let at = self.at(seq)?;
        (!self.trades[at].is_cancelled).then_some(at)
    }

    /// Index of the trade with this seq.
    fn at(&self, seq: u64) -> Option<usize> {
        self.trades.binary_search_by_key(&seq, |trade| trade.seq).ok()
    }

    fn is_part(&self, trade: &TapeTrade, field: Field) -> bool {
        trade.seq >= self.rest.since(field) && !trade.is_cancelled && trade.affects.fields().contains(field)
    }

    /// The trades that count towards a total.
    fn of(&self, field: Field) -> impl DoubleEndedIterator<Item = &TapeTrade> {
        let since = self.rest.since(field);
        let first = self.trades.partition_point(|trade| trade.seq < since);
        self.trades.range(first..).filter(move |trade| self.is_part(trade, field))
    }

    /// The fields that differ from the record after a trade has changed. `changed`: the trade before and, if it still
    /// exists, after.
    fn difference(&mut self, changed: &[&TapeTrade], record: &Fields) -> Fields {
        let mut now = Fields::default();
        let seq = changed.first().map_or(0, |trade| trade.seq);
        match self.rest.volume() {
            // Without trades there is no total.
            None if self.of(Field::Volume).next().is_none() => now.withdraw(Field::Volume),
            rest => now.set_volume(rest.unwrap_or_default().checked_sum(self.volume).unwrap_or_default()),
        }
        match (self.rest.trades(), self.count) {
            (None, 0) => now.withdraw(Field::Trades),
            (rest, count) => now.set_trades(rest.unwrap_or(0).saturating_add(count)),
        }
        for (field, ahead) in EXTREMES {
            if !self.may_move(field, ahead, changed, record) {
                continue;
            }
            self.unproved = self.unproved.without(field.bit());
            let prices = self.of(field).map(|trade| trade.last);
            let found = prices.reduce(|far, price| further(far, price, ahead));
            self.put(field, self.rest.extreme(field).with(found, ahead), &mut now);
        }
        self.unproved = self.unproved.without(Field::Open.bit());
        let first = self.of(Field::Open).next().map(|trade| (trade.seq, trade.last));
        self.put(Field::Open, self.rest.open(first), &mut now);
        self.put_last(seq, record, &mut now);
        let same = now.named().iter().filter(|&field| is_same(field, &now, record));
        let same = same.fold(FieldSet::NONE, FieldSet::with);
        now.clear(same);
        now
    }

    /// Whether a high or low may change: the changed trade was at that price, or is beyond it.
    fn may_move(&self, field: Field, ahead: Ordering, changed: &[&TapeTrade], record: &Fields) -> bool {
        let Some(extreme) = record.get_decimal(field).filter(|_| !self.unproved.contains(field)) else {
            return true;
        };
        changed.iter().any(|trade| trade.last == extreme || trade.last.cmp(&extreme) == ahead)
    }

    fn put(&mut self, field: Field, value: Proof, now: &mut Fields) {
        match value {
            Proof::Is(value) => now.set_decimal(field, value),
            Proof::None => now.withdraw(field),
            Proof::Unknown => {
                now.withdraw(field);
                self.unproved = self.unproved.with(field);
            }
        }
    }

    /// Sets the last-trade fields, if the changed trade was the last one, or still had some fields shown.
    fn put_last(&mut self, seq: u64, record: &Fields, now: &mut Fields) {
        if self.shown == Some(seq) {
            let newest = self.of(Field::Last).next_back().map(|trade| trade.seq);
            self.shown = newest;
        }
        let Some(shown) = self.shown else {
            now.merge(self.rest.last());
            // Fields that the trade never had are withdrawn.
            now.withdraw_all(FieldSet::LAST_TRADE.without(now.named()));
            return;
        };
        let Some(trade) = self.at(shown).map(|at| &self.trades[at]) else { return };
        now.merge(&trade.as_last());
        if trade.side.is_none() && record.mask.contains(Field::Side) {
            now.set_side(Side::Unknown);
        }
    }
}

/// Whether a set or withdrawn field equals the record's.
pub fn is_same(field: Field, now: &Fields, record: &Fields) -> bool {
    if !now.mask.contains(field) {
        return !record.mask.contains(field);
    }
    let only = |fields: &Fields| {
        let mut only = fields.only(field.bit());
        only.set_report(None);
        only
    };
    only(now) == only(record)
}

#[cfg(test)]
mod tests;
