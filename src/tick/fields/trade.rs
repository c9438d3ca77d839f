//! What [`Fields`] say of a trade: whether they are one, and the report beside them.
//!
//! Invariant: `uncommon` says whether there is a report.

use std::{borrow::Cow, sync::Arc};

use super::Fields;
use crate::tick::{Affects, Decimal, Field, FieldSet, ReportKind, Side, TradeId, TradeReport};

impl Fields {
    /// What the tick, or the record's last tick, says of a trade beside its fields.
    #[inline]
    pub fn report(&self) -> Option<&Arc<TradeReport>> {
        self.report.as_ref()
    }

    pub fn set_report(&mut self, report: Option<Arc<TradeReport>>) {
        self.uncommon.set_report(report.is_some());
        self.report = report;
    }

    /// Whether the tick is a trade.
    #[inline]
    pub fn is_trade(&self) -> bool {
        if self.uncommon.has_report() {
            self.report.as_ref().is_some_and(|report| report.kind == ReportKind::Trade)
        } else {
            self.mask.contains_all(FieldSet::TRADE)
        }
    }

    /// The cancel or correction that the tick is.
    #[inline]
    pub fn correction(&self) -> Option<&Arc<TradeReport>> {
        if self.uncommon.has_report() {
            self.report.as_ref().filter(|report| report.is_correction())
        } else {
            None
        }
    }

    /// A tick's trade: its price, size and side, and what it may move.
    pub fn trade(&self) -> Option<(Decimal, Decimal, Option<Side>, Affects)> {
        if !self.is_trade() {
            return None;
        }
        if let Some(report) = &self.report {
            return Some((report.last?, report.last_size?, report.side, report.affects));
        }
        let side = self.mask.contains(Field::Side).then_some(self.side);
        Some((self.get_decimal(Field::Last)?, self.get_decimal(Field::LastSize)?, side, Affects::ALL))
    }

    /// The name of the tick's trade; empty when it is none, or has none.
    #[inline]
    pub fn name_of_trade(&self) -> &TradeId {
        self.report.as_ref().map_or(&self.trade_id, |report| &report.id)
    }

    /// A tick with a trade that affects only this, of what it has affected: what it has of the trade goes into a report, and
    /// stays in the fields when the trade affects the last one.
    pub fn limit_trade(&mut self, affects: Affects) {
        if affects == Affects::ALL || !self.is_trade() {
            return;
        }
        if let Some(report) = &self.report {
            let affects = report.affects.intersect(affects);
            let report = TradeReport { affects, ..TradeReport::clone(report) };
            if !affects.contains(Affects::LAST) {
                self.clear(FieldSet::LAST_TRADE);
            }
            return self.set_report(Some(Arc::new(report)));
        }
        let side = self.mask.contains(Field::Side).then_some(self.side);
        let (last, last_size) = (self.get_decimal(Field::Last), self.get_decimal(Field::LastSize));
        let report =
            TradeReport { kind: ReportKind::Trade, id: self.trade_id, affects, last, last_size, side };
        if !affects.contains(Affects::LAST) {
            self.clear(FieldSet::LAST_TRADE);
        }
        self.set_report(Some(Arc::new(report)));
    }

    /// With the values of its report among the fields, as the line of the tick has them.
    pub fn spelled_out(&self) -> Cow<'_, Fields> {
        let Some(report) = &self.report else { return Cow::Borrowed(self) };
        let mut fields = self.clone();
        report.write_into(&mut fields);
        Cow::Owned(fields)
    }
}

impl TradeReport {
    /// Sets what it knows of its trade.
    pub fn write_into(&self, fields: &mut Fields) {
        for (field, value) in [(Field::Last, self.last), (Field::LastSize, self.last_size)] {
            if let Some(value) = value {
                fields.set_decimal(field, value);
            }
        }
        if let Some(side) = self.side {
            fields.set_side(side);
        }
        if self.kind == ReportKind::Trade && !self.id.is_empty() {
            fields.set_trade_id(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trade_affects_only_shrinks_and_its_values_stay() {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, Decimal::from_units(5));
        fields.set_decimal(Field::LastSize, Decimal::from_units(2));
        let mut expected = Affects::ALL;
        for limit in [Affects::VOLUME.with(Affects::LAST), Affects::VOLUME.with(Affects::HIGH_LOW)] {
            fields.limit_trade(limit);
            expected = expected.intersect(limit);
            let trade = Some((Decimal::from_units(5), Decimal::from_units(2), None, expected));
            assert_eq!(fields.trade(), trade);
            let stays = expected.contains(Affects::LAST);
            assert_eq!(fields.get_decimal(Field::Last).is_some(), stays);
        }
    }
}
