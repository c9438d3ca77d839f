//! [`Rest`]: the part of a topic's totals that its table of trades does not account for: trades without an id, trades
//! that left the table, and totals that the feed gave. None of it can be cancelled.
//!
//! Invariants: `since` only rises; a total given by the feed replaces everything before it. A given total that the
//! accompanying trade itself may have set (a new high, for example) is a bound, not a value.

use std::cmp::Ordering;

use super::trade::TapeTrade;
use crate::tick::{Affects, Decimal, Field, FieldSet, Fields, Volume};

/// The unaccounted part of each total.
#[derive(Clone, Debug, Default)]
pub struct Rest {
    /// By [`index`]: the first seq whose trade counts in addition to this rest.
    since: [u64; TOTALS],
    volume: Option<Volume>,
    trades: Option<u64>,
    high: Extreme,
    low: Extreme,
    /// The first trade's seq and price; seq 0 for an open that the feed gave.
    open: Option<(u64, Decimal)>,
    /// The trade that came with a given open of the same price: the open may be this trade.
    open_of: Option<u64>,
    is_open_unknown: bool,
    /// The last-trade fields of the record when that trade is not in the table.
    last: Fields,
    /// Which of these fields came from a trade in the table, and its seq.
    left: (u64, FieldSet),
}

/// What is known of the rest's extreme price (high or low).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Extreme {
    /// The rest has no trades.
    #[default]
    None,
    Is(Decimal),
    /// No price of the rest is beyond this bound.
    Within(Decimal),
    /// Nothing is known.
    Unknown,
}

/// What can be proved of a price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// There is no price.
    None,
    Is(Decimal),
    /// The price cannot be proved.
    Unknown,
}

const TOTALS: usize = 6;

/// The index of a field's total. All fields of the last trade share one.
const fn index(field: Field) -> usize {
    match field {
        Field::Open => 1,
        Field::High => 2,
        Field::Low => 3,
        Field::Volume => 4,
        Field::Trades => 5,
        _ => 0,
    }
}

// === impl Rest ===

impl Rest {
    /// Everything of a record so far, when the next tick has this seq.
    pub fn of(record: &Fields, seq: u64) -> Self {
        let extreme = |field| record.get_decimal(field).map_or(Extreme::None, Extreme::Is);
        let mut rest = Rest {
            since: [seq; TOTALS],
            volume: record.mask.contains(Field::Volume).then(|| record.volume()),
            trades: record.mask.contains(Field::Trades).then_some(record.trades),
            high: extreme(Field::High),
            low: extreme(Field::Low),
            open: record.get_decimal(Field::Open).map(|open| (0, open)),
            ..Rest::default()
        };
        rest.last = of_last(record);
        rest
    }

    pub fn since(&self, field: Field) -> u64 {
        self.since[index(field)]
    }

    pub fn volume(&self) -> Option<Volume> {
        self.volume
    }

    pub fn trades(&self) -> Option<u64> {
        self.trades
    }

    pub fn extreme(&self, field: Field) -> Extreme {
        if field == Field::High { self.high } else { self.low }
    }

    /// The open, when this is the table's first trade that counts towards it.
    pub fn open(&self, first: Option<(u64, Decimal)>) -> Proof {
        let earlier = |known: (u64, Decimal)| first.filter(|first| first.0 < known.0).unwrap_or(known);
        match self.open.map(earlier).or(first) {
            _ if self.is_open_unknown => Proof::Unknown,
            Some((_, price)) => Proof::Is(price),
            None => Proof::None,
        }
    }

    /// The last-trade fields of the record when that trade is not in the table.
    pub fn last(&self) -> &Fields {
        &self.last
    }

    /// The feed's tick gives or withdraws totals, possibly along with a trade of its `own`.
    pub fn give(&mut self, tick: &Fields, seq: u64, own: Option<&TapeTrade>) {
        let own = |affects| own.filter(|trade| trade.affects.contains(affects));
        for field in tick.named().iter() {
            let is_set = tick.mask.contains(field);
            let has_own = is_set
                && match field {
                    Field::Volume => {
                        let volume = tick.volume();
                        let own =
                            own(Affects::VOLUME).filter(|own| !volume.without(own.last_size).is_negative());
                        self.volume = is_set.then(|| own.map_or(volume, |own| volume.without(own.last_size)));
                        own.is_some()
                    }
                    Field::Trades => {
                        let own = own(Affects::VOLUME).is_some() && tick.trades > 0;
                        self.trades = Some(tick.trades - u64::from(own));
                        own
                    }
                    Field::High | Field::Low => {
                        let price = tick.get_decimal(field).unwrap_or_default();
                        let is_own = own(Affects::HIGH_LOW).is_some_and(|own| own.last == price);
                        *self.extreme_mut(field) =
                            if is_own { Extreme::Within(price) } else { Extreme::Is(price) };
                        is_own
                    }
                    Field::Open => {
                        let price = tick.get_decimal(field).unwrap_or_default();
                        let is_own = own(Affects::LAST).is_some_and(|own| own.last == price);
                        (self.open, self.open_of) = (Some((0, price)), is_own.then_some(seq));
                        is_own
                    }
                    _ => continue,
                };
            if !is_set {
                match field {
                    Field::Volume => self.volume = None,
                    Field::Trades => self.trades = None,
                    Field::High | Field::Low => *self.extreme_mut(field) = Extreme::None,
                    Field::Open => (self.open, self.open_of) = (None, None),
                    _ => continue,
                }
            }
            self.is_open_unknown &= field != Field::Open;
            self.since[index(field)] = seq + u64::from(!has_own);
        }
    }

    /// Marks a price as unproved until the feed gives it.
    pub fn doubt(&mut self, field: Field) {
        match field {
            Field::Open => self.is_open_unknown = true,
            _ => *self.extreme_mut(field) = Extreme::Unknown,
        }
    }

    /// Adds a trade that can no longer be cancelled.
    pub fn add(&mut self, trade: &TapeTrade) {
        let is_part =
            |field: Field| trade.seq >= self.since[index(field)] && trade.affects.fields().contains(field);
        let [open, high, low, volume, trades] =
            [Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades].map(is_part);
        if open && self.open.is_none_or(|(seq, _)| trade.seq < seq) {
            self.open = Some((trade.seq, trade.last));
        }
        if high {
            self.high = self.high.and(trade.last, Ordering::Greater);
        }
        if low {
            self.low = self.low.and(trade.last, Ordering::Less);
        }
        if volume {
            // The record has accepted the trade, so the sum is in range.
            let sum = self.volume.unwrap_or_default();
            self.volume = Some(sum.checked_add(trade.last_size).unwrap_or(sum));
        }
        if trades {
            self.trades = Some(self.trades.unwrap_or(0).saturating_add(1));
        }
        self.keep(trade.seq);
    }

    /// Remembers a trade that leaves the table and is not the one the record shows: it may be shown again.
    pub fn add_last(&mut self, trade: &TapeTrade) {
        if trade.seq < self.since(Field::Last) || !trade.affects.contains(Affects::LAST) {
            return;
        }
        self.last = trade.as_last();
        (self.left, self.since[index(Field::Last)]) = ((0, FieldSet::NONE), trade.seq + 1);
    }

    /// The record shows a last trade that is not, or not only, in the table. `shown`: the table's trade shown before,
    /// of which the fields `left` remain.
    pub fn show(&mut self, record: &Fields, seq: u64, shown: Option<u64>, left: FieldSet) {
        let left = left.intersect(record.mask);
        self.left = match shown {
            Some(shown) => (shown, left),
            None => (self.left.0, self.left.1.intersect(left)),
        };
        self.last = of_last(record);
        self.since[index(Field::Last)] = seq + 1;
    }

    /// A trade of the table can no longer be cancelled: the fields that it left are final.
    pub fn keep(&mut self, seq: u64) {
        if self.left.0 == seq {
            self.left = (0, FieldSet::NONE);
        }
        if self.open_of == Some(seq) {
            self.open_of = None;
        }
    }

    /// A trade of the table has changed: the fields that it left are void. `price`: its price has changed.
    pub fn void(&mut self, seq: u64, price: bool) {
        if self.left.0 == seq {
            self.last.withdraw_all(self.left.1);
            self.left = (0, FieldSet::NONE);
        }
        if price && self.open_of == Some(seq) {
            (self.is_open_unknown, self.open_of) = (true, None);
        }
    }

    fn extreme_mut(&mut self, field: Field) -> &mut Extreme {
        if field == Field::High { &mut self.high } else { &mut self.low }
    }
}

/// The last-trade fields of a record.
fn of_last(record: &Fields) -> Fields {
    let mut last = record.only(FieldSet::LAST_TRADE);
    last.set_report(None);
    last
}

// === impl Extreme ===

impl Extreme {
    /// Combined with the table's extreme price.
    pub fn with(self, found: Option<Decimal>, ahead: Ordering) -> Proof {
        match (self, found) {
            (Extreme::None, None) => Proof::None,
            (Extreme::None, Some(price)) | (Extreme::Is(price), None) => Proof::Is(price),
            (Extreme::Is(price), Some(found)) => Proof::Is(further(price, found, ahead)),
            (Extreme::Within(bound), Some(found)) if further(bound, found, ahead) == found => {
                Proof::Is(found)
            }
            (Extreme::Within(_) | Extreme::Unknown, _) => Proof::Unknown,
        }
    }

    /// Whether one more price is certain to be the extreme.
    pub fn is_proved_by(self, price: Decimal, ahead: Ordering) -> bool {
        self.with(Some(price), ahead) != Proof::Unknown
    }

    fn and(self, price: Decimal, ahead: Ordering) -> Extreme {
        match self.with(Some(price), ahead) {
            Proof::Is(price) => Extreme::Is(price),
            Proof::None | Proof::Unknown => self,
        }
    }
}

/// The price that is further; the second when they are equal.
pub fn further(one: Decimal, other: Decimal, ahead: Ordering) -> Decimal {
    if one.cmp(&other) == ahead { one } else { other }
}
