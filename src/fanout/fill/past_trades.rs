//! The newest trades before a subscription, which it starts with if its view asks for them.
//!
//! Bounds: one read of the topic's ring per subscription. Older trades are left out; that is no loss, because they
//! precede the subscription.

use std::collections::VecDeque;

use crate::{
    fanout::View,
    tick::{Field, Fields, ReportKind, TradeReport},
    topic::Stamped,
};

/// Keeps only the newest trades among the ticks, with their cancels and corrections applied.
pub(super) fn keep_newest(ticks: &mut Vec<Stamped>, view: &View) {
    let mut trades: VecDeque<Stamped> = VecDeque::new();
    for tick in ticks.drain(..) {
        if let Some(report) = tick.fields.correction() {
            apply(report, &mut trades);
        } else if tick.fields.is_trade() && view.wants(&tick) {
            if trades.len() >= usize::from(view.past_trades) {
                trades.pop_front();
            }
            trades.push_back(tick);
        }
    }
    ticks.extend(trades);
}

fn apply(report: &TradeReport, trades: &mut VecDeque<Stamped>) {
    let is_named = |trade: &Stamped| *trade.fields.name_of_trade() == report.id;
    let Some(at) = trades.iter().rposition(is_named) else { return };
    if report.kind == ReportKind::Cancel {
        trades.remove(at);
        return;
    }
    // With all values of the trade, also those that came in a report.
    let mut fields: Fields = trades[at].fields.spelled_out().into_owned();
    for (field, value) in [(Field::Last, report.last), (Field::LastSize, report.last_size)] {
        if let Some(value) = value {
            fields.set_decimal(field, value);
        }
    }
    if let Some(side) = report.side {
        fields.set_side(side);
    }
    fields.set_report(None);
    fields.limit_trade(report.affects);
    trades[at].fields = fields;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        tick::{Affects, Decimal, FieldSet, Nanos, TradeId},
        topic::TopicId,
    };

    fn tick(seq: u64, fields: Fields) -> Stamped {
        Stamped { topic: TopicId(0), seq, order: seq, ts: Nanos(0), rx: Nanos(0), fields }
    }

    fn trade(seq: u64, affects: Affects) -> Stamped {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, Decimal::from_int(seq as i64).unwrap());
        fields.set_decimal(Field::LastSize, Decimal::from_int(1).unwrap());
        fields.set_trade_id(TradeId::of_number(seq));
        fields.limit_trade(affects);
        tick(seq, fields)
    }

    fn report(seq: u64, kind: ReportKind, of: u64) -> Stamped {
        let mut report = TradeReport::of(kind, TradeId::of_number(of));
        if kind == ReportKind::Correct {
            report.last = Decimal::from_int(1_000).ok();
            report.last_size = Decimal::from_int(2).ok();
        }
        let mut fields = Fields::default();
        // The last trade that a correction reveals is not a new trade.
        fields.set_decimal(Field::Last, Decimal::from_int(7).unwrap());
        fields.set_decimal(Field::LastSize, Decimal::from_int(7).unwrap());
        fields.set_report(Some(report.into()));
        tick(seq, fields)
    }

    #[test]
    fn the_newest_trades_are_those_that_were_not_cancelled_as_they_are_now() {
        let view = View { wanted: FieldSet::LAST_TRADE.into(), past_trades: 3, ..View::WHOLE };
        let mut quote = Fields::default();
        quote.set_decimal(Field::Bid, Decimal::from_units(1));
        let mut ticks = vec![
            trade(1, Affects::ALL),
            trade(2, Affects::ALL),
            trade(3, Affects::VOLUME),
            tick(4, quote),
            report(5, ReportKind::Correct, 3),
            trade(6, Affects::ALL),
            report(7, ReportKind::Cancel, 2),
            report(8, ReportKind::Cancel, 99),
            trade(9, Affects::ALL),
        ];
        keep_newest(&mut ticks, &view);
        let kept: Vec<_> =
            ticks.iter().map(|tick| (tick.seq, tick.fields.trade().unwrap().0.to_string())).collect();
        let expected = [(3, "1000"), (6, "6"), (9, "9")].map(|(seq, last)| (seq, last.to_owned()));
        assert_eq!(kept, expected);
    }
}
