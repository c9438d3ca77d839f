//! Single cases of cancels and corrections: each is sent, whatever `set` changes.

use super::{
    ops::{Given, Op, Slot},
    scenarios::{APPLY, FILL, WHO, X, check, last, quote, subscribe},
};
use crate::{
    fanout::{Change, Mode},
    tick::{Decimal, Field, Fields, ReportKind, TradeId, TradeReport},
    topic::Detail,
};

/// A trade, its cancel, and a quote, of which the cancel is in the middle.
fn trade_and_cancel() -> [(usize, Given); 3] {
    let id = TradeId::of_number(1);
    let Given(mut trade) = last(7);
    trade.set_decimal(Field::LastSize, Decimal::from_units(1));
    trade.set_trade_id(id);
    let mut cancel = Fields::default();
    cancel.set_report(Some(TradeReport::of(ReportKind::Cancel, id).into()));
    [(X, Given(trade)), (X, Given(cancel)), (X, quote(1))]
}

fn set_mode(mode: Mode) -> Op {
    Op::Set(WHO, Slot { which: X, name: 0 }, Change { mode: Some(mode), ..Change::default() })
}

#[test]
fn a_cancel_comes_before_the_whole_record_that_set_asks_for() {
    let once = ["A *X trade 2 n 1", "A *X merged 3 n 1", "A *X snapshot 3"];
    for (mode, expected) in [(Mode::Every, &once[..2]), (Mode::Trades, &once[..2]), (Mode::Once, &once)] {
        let [trade, cancel, quote] = trade_and_cancel();
        let begins = Op::Ingest(vec![trade], Detail::TicksAndTrades);
        let goes_on = Op::Ingest(vec![cancel, quote], Detail::TicksAndTrades);
        let ops = vec![begins, APPLY, subscribe(X, Mode::Latest), FILL, goes_on, APPLY, set_mode(mode), FILL];
        check(ops, &[&["A *X snapshot 1"], expected].concat());
    }
}

#[test]
fn a_cancel_among_the_first_ticks_is_told_whatever_set_changes() {
    for (mode, last) in [
        (Mode::Latest, "A *X tick 3 n 1"),
        (Mode::Every, "A *X merged 3 n 1"),
        (Mode::Trades, "A *X merged 3 n 1"),
    ] {
        let first = Op::Ingest(trade_and_cancel().into(), Detail::TicksAndTrades);
        let ops = vec![subscribe(X, Mode::Latest), first, APPLY, set_mode(mode), FILL];
        check(ops, &["A *X trade 2 n 2", last]);
    }
}
