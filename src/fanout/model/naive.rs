//! The naive market: every tick that ever was. Deliberately simple; totals are sums over all trades.

use crate::{
    tick::{
        CustomFields, CustomId, CustomSet, CustomValue, Decimal, Field, FieldSet, Fields, ReportKind, Side,
        Volume, WantedFields,
        custom::{CustomField, CustomKind, CustomMerge, CustomName, SharedFields},
    },
    topic::Stamped,
};

/// One symbol's complete history.
#[derive(Default)]
pub struct Past {
    /// Tick `seq` at `seq - 1`.
    pub ticks: Vec<Stamped>,
    /// The record after each tick.
    records: Vec<Fields>,
    trades: Vec<(Decimal, Decimal)>,
    /// All values of configured fields, in order; `None` for a withdrawal.
    said: Vec<(CustomId, Option<i64>)>,
    /// By field: the number of trades when it was last withdrawn.
    begins: [usize; Field::ALL.len()],
    /// A tick has had a trade report: later totals are the tape's, which has a model of its own, so the market's values
    /// are taken here.
    is_told: bool,
}

impl Past {
    pub fn head(&self) -> u64 {
        self.ticks.len() as u64
    }

    pub fn tick(&self, seq: u64) -> &Stamped {
        &self.ticks[seq as usize - 1]
    }

    /// Whether a tick is a message of its own in mode `trades`: it has a price and a size, or a trade report.
    pub fn is_tape_event(&self, seq: u64) -> bool {
        let has = |field| self.tick(seq).fields.mask.contains(field);
        (has(Field::Last) && has(Field::LastSize)) || self.tick(seq).fields.report().is_some()
    }

    /// Whether a tick is the cancel or the correction of a trade.
    pub fn is_correction(&self, seq: u64) -> bool {
        self.tick(seq).fields.report().is_some_and(|report| report.kind != ReportKind::Trade)
    }

    /// The record as of a seq.
    pub fn record(&self, seq: u64) -> Fields {
        if seq == 0 { Fields::default() } else { self.records[seq as usize - 1].clone() }
    }

    /// The fields that the ticks after `cursor` up to `seq` changed.
    pub fn changed(&self, cursor: u64, seq: u64) -> FieldSet {
        let ticks = &self.ticks[cursor as usize..seq as usize];
        ticks.iter().fold(FieldSet::NONE, |changed, tick| changed.union(tick.fields.named()))
    }

    /// The same, including configured fields.
    pub fn all_changed(&self, cursor: u64, seq: u64) -> WantedFields {
        let ticks = &self.ticks[cursor as usize..seq as usize];
        ticks.iter().fold(WantedFields::NONE, |changed, tick| changed.union(tick.fields.all_named()))
    }

    /// The oldest seq in a ring of that many ticks.
    pub fn oldest_in_ring(&self, ring_ticks: usize) -> u64 {
        (self.head() + 1).saturating_sub(ring_ticks as u64).max(1)
    }

    pub fn take(&mut self, given: &Fields, stamped: &Stamped) {
        let mut record = self.record(self.head());
        self.is_told |= given.report().is_some();
        if self.is_told {
            record.merge(&stamped.fields);
            self.ticks.push(stamped.clone());
            self.records.push(record);
            return;
        }
        for field in given.mask.iter() {
            copy(given, field, &mut record);
        }
        let price = given.get_decimal(Field::Last);
        if let (Some(price), Some(size)) = (price, given.get_decimal(Field::LastSize)) {
            self.trades.push((price, size));
            self.sum(&mut record);
            if record.mask.contains(Field::Side) && !given.mask.contains(Field::Side) {
                record.set_side(Side::Unknown);
            }
            if record.mask.contains(Field::TradeId) && !given.mask.contains(Field::TradeId) {
                record.withdraw(Field::TradeId);
            }
        }
        for field in given.withdrawn().iter() {
            record.withdraw(field);
            self.begins[field as usize] = self.trades.len();
        }
        self.take_configured(given, &mut record);
        self.ticks.push(stamped.clone());
        self.records.push(record);
    }

    /// Computes the configured fields: of one, the sum of values since it was withdrawn; of the other, the last value.
    fn take_configured(&mut self, given: &Fields, record: &mut Fields) {
        for entry in given.custom.iter().flat_map(|custom| custom.entries()) {
            let value = match entry.value {
                Some(CustomValue::Integer(value)) => Some(value),
                _ => None,
            };
            self.said.push((entry.id, value));
        }
        let table = configured();
        for (id, field) in table.iter() {
            let said: Vec<Option<i64>> =
                self.said.iter().filter(|(of, _)| *of == id).map(|(_, value)| *value).collect();
            let since = said.iter().rposition(Option::is_none).map_or(0, |at| at + 1);
            let values = said[since..].iter().flatten();
            let value = if field.merge == CustomMerge::Sum {
                values.copied().reduce(|a, b| a + b)
            } else {
                values.last().copied()
            };
            match value {
                Some(value) => record.set_custom(&table, id, CustomValue::Integer(value)),
                None if !said.is_empty() => record.withdraw_custom(&table, id),
                None => {}
            }
        }
    }

    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// The totals over all trades since each of them was withdrawn.
    fn sum(&self, record: &mut Fields) {
        let of = |field: Field| &self.trades[self.begins[field as usize]..];
        let prices = |field| of(field).iter().map(|&(price, _)| price);
        record.set_decimal(Field::Open, of(Field::Open)[0].0);
        record.set_decimal(Field::High, prices(Field::High).max().unwrap_or_default());
        record.set_decimal(Field::Low, prices(Field::Low).min().unwrap_or_default());
        let volume = of(Field::Volume).iter().try_fold(Volume::ZERO, |sum, &(_, size)| sum.checked_add(size));
        record.set_volume(volume.unwrap_or_default());
        record.set_trades(of(Field::Trades).len() as u64);
    }
}

/// The configured fields of the model: one that is summed, and one whose last value stands.
pub fn configured() -> SharedFields {
    let field = |(name, merge)| {
        let (name, kind) = (CustomName::parse(name).unwrap(), CustomKind::Integer);
        CustomField { name, kind, merge, symbols: Vec::new() }
    };
    CustomFields::new([("paid", CustomMerge::Sum), ("mark", CustomMerge::Last)].map(field).into())
}

/// The fields that are set rather than withdrawn.
pub fn set_in(fields: &Fields) -> WantedFields {
    let entries = fields.custom.iter().flat_map(|custom| custom.entries());
    let set = entries.filter(|entry| entry.value.is_some());
    WantedFields { fixed: fields.mask, custom: set.fold(CustomSet::NONE, |set, entry| set.with(entry.id)) }
}

/// Only the wanted fields, set or withdrawn.
pub fn only(fields: &Fields, wanted: WantedFields) -> Fields {
    let mut some = Fields::default();
    some.withdraw_all(fields.withdrawn().intersect(wanted.fixed));
    for field in fields.mask.intersect(wanted.fixed).iter() {
        copy(fields, field, &mut some);
    }
    let entries = fields.custom.iter().flat_map(|custom| custom.entries());
    for entry in entries.filter(|entry| wanted.custom.contains(entry.id)) {
        match &entry.value {
            Some(value) => some.set_custom(&configured(), entry.id, value.clone()),
            None => some.withdraw_custom(&configured(), entry.id),
        }
    }
    some
}

fn copy(from: &Fields, field: Field, to: &mut Fields) {
    match field {
        Field::Side => to.set_side(from.side),
        Field::Volume => to.set_volume(from.volume()),
        Field::Trades => to.set_trades(from.trades),
        Field::TradeId => to.set_trade_id(*from.trade_id()),
        _ => to.set_decimal(field, from.get_decimal(field).unwrap_or_default()),
    }
}
