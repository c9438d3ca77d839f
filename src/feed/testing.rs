//! For tests: a sink that keeps all ticks, whose clock advances by a fixed step at each reading; and reports of trades.

use std::{cell::Cell, time::Duration};

use super::{
    RefusedTick, RejectReason, Sink,
    ndjson::{report::LineReport, write_line},
};
use crate::{
    shutdown::Stop,
    tick::{Affects, Decimal, Field, FieldSet, Fields, Nanos, Side, Symbol, Tick, TradeId},
};

/// Keeps everything.
#[derive(Default)]
pub struct TestSink {
    pub ticks: Vec<Tick>,
    /// How many ticks each batch had.
    pub batches: Vec<usize>,
    pub rejected: Vec<RejectReason>,
    pub lags: Vec<Duration>,
    pub now: Cell<Nanos>,
    /// How far the clock advances at each reading.
    pub step: Duration,
    /// Set after so many ticks.
    pub stop_after: Option<(usize, Stop)>,
    /// The symbol whose ticks are refused.
    pub refuses: Option<Symbol>,
}

impl Sink for TestSink {
    fn submit(&mut self, ticks: &mut Vec<Tick>, refused: &mut Vec<RefusedTick>) {
        self.batches.push(ticks.len());
        for (index, tick) in ticks.drain(..).enumerate() {
            if self.refuses.as_ref() == Some(&tick.symbol) {
                let message = format!("{} belongs to another feed", tick.symbol);
                refused.push(RefusedTick { index, reason: RejectReason::Owned, message });
            } else {
                self.ticks.push(tick);
            }
        }
        if let Some((count, stop)) = &self.stop_after
            && self.ticks.len() >= *count
        {
            stop.set();
        }
    }

    fn reject(&mut self, reason: RejectReason) {
        self.rejected.push(reason);
    }

    fn lag(&mut self, behind: Duration) {
        self.lags.push(behind);
    }

    fn now(&self) -> Nanos {
        let now = self.now.get();
        self.now.set(now.plus(self.step));
        now
    }
}

/// A quote of `symbol` with this bid, at this event time in microseconds.
pub fn tick(symbol: &str, bid: &str, ts: i64) -> Tick {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::parse(bid).unwrap());
    Tick { symbol: Symbol::new(symbol).unwrap(), ts: Nanos::from_micros(ts), fields }
}

/// Makes trades of some ticks that do not affect everything, and of others a cancel or correction of the trade `id`.
pub fn report_some(fields: &mut Fields, seed: u64, id: TradeId) {
    if seed.is_multiple_of(4) {
        let words = [Affects::NONE, Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME.with(Affects::LAST)];
        fields.limit_trade(words[(seed / 4 % 4) as usize]);
    } else if seed % 4 == 1 {
        let quote = Affects::ALL.fields();
        let (cancel, correct) = (seed % 8 == 1, seed % 8 == 5);
        fields.clear(FieldSet::ALL.without(quote));
        let report =
            LineReport { cancel: cancel.then_some(id), correct: correct.then_some(id), affects: None };
        fields.clear(if correct {
            fields.withdrawn().intersect(FieldSet::LAST_TRADE).with(Field::TradeId)
        } else {
            FieldSet::NONE
        });
        if correct {
            fields.set_side(Side::Sell);
        }
        report.put(fields).unwrap();
    }
}

/// A tick as a line.
pub fn line(tick: &Tick) -> String {
    let mut line = Vec::new();
    write_line(tick, None, &mut line);
    String::from_utf8(line).unwrap().trim_end().to_owned()
}
