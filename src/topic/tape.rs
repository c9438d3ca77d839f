//! A topic's running table of trades that have names: what its totals are after one of them was cancelled or corrected.
//! Pure: it does not know the record, and is told of each tick that the record has taken in.
//!
//! Loss: the table holds the newest `limits.tape_trades` trades. A trade that leaves it, and one without a name, can no
//! longer be cancelled; what they have added to each total is kept in [`Rest`], so that totals stay provable. A total
//! that cannot be proved is withdrawn, and stays so until a trade proves it or the feed gives it.
//!
//! Invariants: trades are in the order of their seqs; a trade is part of a total from the seq on that `since` has for it,
//! when it affects the total and is not cancelled; of trades with one name the newest stands for it.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    tape_rest::{Proof, Rest, further},
    tape_trade::TapeTrade,
};
use crate::tick::{Affects, Field, FieldSet, Fields, Side, TradeId, TradeReport, Volume};

/// The running table of one topic.
#[derive(Clone, Debug, Default)]
pub struct TopicTape {
    trades: VecDeque<TapeTrade>,
    rest: Rest,
    /// The trade that the record shows as its last, when it is in the table.
    shown: Option<u64>,
    /// Totals that are withdrawn because nothing proves them.
    unproved: FieldSet,
}

/// Bytes of a trade in the table.
pub const TAPE_TRADE_BYTES: usize = size_of::<TapeTrade>();

/// No trade of this name is in the table, or it was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSuchTrade;

/// Why a trade was not corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uncorrected {
    NoSuchTrade,
    /// The volume would be out of range.
    VolumeFull,
}

const PRICES: [Field; 3] = [Field::Open, Field::High, Field::Low];
const EXTREMES: [(Field, Ordering); 2] = [(Field::High, Ordering::Greater), (Field::Low, Ordering::Less)];

// === impl TopicTape ===

impl TopicTape {
    /// For a topic whose next tick has this seq; none of the trades so far can be cancelled.
    pub fn new(record: &Fields, seq: u64) -> Self {
        TopicTape { rest: Rest::of(record, seq), ..TopicTape::default() }
    }

    /// The totals that the next tick leaves withdrawn, since it proves nothing of them.
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

    /// Follows a tick, which was no correction, after the record has taken it in. `record`: what it is now.
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
        self.rest.give(tick, seq, trade.as_ref());
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
            // Grow by a quarter, not to double, as the ring does.
            self.trades.reserve_exact(4 + self.trades.len() / 4);
        }
        self.trades.push_back(trade);
        while self.trades.len() > trades_max {
            let Some(trade) = self.trades.pop_front() else { break };
            if trade.is_cancelled {
                continue;
            }
            self.rest.add(&trade);
            if self.shown == Some(trade.seq) {
                self.shown = None;
                self.rest.show(record, trade.seq, None, FieldSet::NONE);
            } else {
                self.rest.add_last(&trade);
            }
        }
    }

    /// Cancels a trade. Returns the fields that it leaves different.
    ///
    /// # Errors
    /// When no such trade is known.
    pub fn cancel(&mut self, id: &TradeId, record: &Fields) -> Result<Fields, NoSuchTrade> {
        let at = self.find(id).ok_or(NoSuchTrade)?;
        let trade = &mut self.trades[at];
        trade.is_cancelled = true;
        let seq = trade.seq;
        self.rest.void(seq, true);
        // Without a trade the sum has only become smaller.
        Ok(self.difference(seq, record).unwrap_or_default())
    }

    /// Corrects a trade, and completes the report by what the trade is now. Returns the fields that it leaves different.
    ///
    /// # Errors
    /// When no such trade is known, or the volume would be out of range; nothing is changed then.
    pub fn correct(&mut self, report: &mut TradeReport, record: &Fields) -> Result<Fields, Uncorrected> {
        let at = self.find(&report.id).ok_or(Uncorrected::NoSuchTrade)?;
        let trade = &mut self.trades[at];
        let before = trade.clone();
        let moves_price = report.last.is_some_and(|last| last != trade.last);
        trade.last = report.last.unwrap_or(trade.last);
        trade.last_size = report.last_size.unwrap_or(trade.last_size);
        trade.side = report.side.or(trade.side);
        (report.last, report.last_size) = (Some(trade.last), Some(trade.last_size));
        (report.side, report.affects) = (trade.side, trade.affects);
        let seq = trade.seq;
        if self.volume().is_err() {
            self.trades[at] = before;
            return Err(Uncorrected::VolumeFull);
        }
        self.rest.void(seq, moves_price);
        Ok(self.difference(seq, record).unwrap_or_default())
    }

    /// What a correction's line gives stands in place of what was computed.
    pub fn give(&mut self, given: &Fields, seq: u64, record: &Fields) {
        self.unproved = self.unproved.without(given.named());
        self.rest.give(given, seq, None);
        // Beside a correction `null` says that nothing proves a price, and not that it begins anew.
        for field in given.withdrawn().iter().filter(|field| PRICES.contains(field)) {
            self.unproved = self.unproved.with(field);
            self.rest.doubt(field);
        }
        let owned = FieldSet::LAST_TRADE.without(given.named());
        if owned != FieldSet::LAST_TRADE {
            self.rest.show(record, seq, self.shown.take(), owned);
        }
    }

    /// The newest trade of this name, when it was not cancelled.
    fn find(&self, id: &TradeId) -> Option<usize> {
        let at = self.trades.iter().rposition(|trade| trade.id == *id)?;
        (!self.trades[at].is_cancelled).then_some(at)
    }

    /// The trades that are part of a total.
    fn of(&self, field: Field) -> impl DoubleEndedIterator<Item = &TapeTrade> {
        let since = self.rest.since(field);
        let is_part = move |trade: &&TapeTrade| {
            trade.seq >= since && !trade.is_cancelled && trade.affects.fields().contains(field)
        };
        self.trades.iter().filter(is_part)
    }

    /// The fields that are no longer what the record has, after the trade of this seq was changed.
    fn difference(&mut self, seq: u64, record: &Fields) -> Result<Fields, Uncorrected> {
        let mut now = Fields::default();
        match self.volume()? {
            Some(volume) => now.set_volume(volume),
            None => now.withdraw(Field::Volume),
        }
        let others = self.of(Field::Trades).count() as u64;
        match self.rest.trades() {
            Some(trades) => now.set_trades(trades.saturating_add(others)),
            None if others > 0 => now.set_trades(others),
            None => now.withdraw(Field::Trades),
        }
        self.unproved = FieldSet::NONE;
        for (field, ahead) in EXTREMES {
            let prices = self.of(field).map(|trade| trade.last);
            let found = prices.reduce(|far, price| further(far, price, ahead));
            self.put(field, self.rest.extreme(field).with(found, ahead), &mut now);
        }
        let first = self.of(Field::Open).next().map(|trade| (trade.seq, trade.last));
        self.put(Field::Open, self.rest.open(first), &mut now);
        self.put_last(seq, record, &mut now);
        let same = now.named().iter().filter(|&field| is_same(field, &now, record));
        let same = same.fold(FieldSet::NONE, FieldSet::with);
        now.clear(same);
        Ok(now)
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

    /// The last trade, when it was the one that was changed, or the fields that are left of it.
    fn put_last(&mut self, seq: u64, record: &Fields, now: &mut Fields) {
        if self.shown == Some(seq) {
            let newest = self.of(Field::Last).next_back().map(|trade| trade.seq);
            self.shown = newest;
        }
        let Some(shown) = self.shown else {
            now.merge(self.rest.last());
            // What was never said is not there any more.
            now.withdraw_all(FieldSet::LAST_TRADE.without(now.named()));
            return;
        };
        let Some(trade) = self.trades.iter().rfind(|trade| trade.seq == shown) else { return };
        now.merge(&trade.as_last());
        if trade.side.is_none() && record.mask.contains(Field::Side) {
            now.set_side(Side::Unknown);
        }
    }

    /// The volume, or an error when it would be out of range.
    fn volume(&self) -> Result<Option<Volume>, Uncorrected> {
        let mut sum = self.rest.volume();
        for trade in self.of(Field::Volume) {
            let volume = sum.unwrap_or_default().checked_add(trade.last_size);
            sum = Some(volume.ok_or(Uncorrected::VolumeFull)?);
        }
        Ok(sum)
    }
}

/// Whether a field that is set or withdrawn says what the record says.
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
