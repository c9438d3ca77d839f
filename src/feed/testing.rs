//! A sink for tests: it keeps all ticks, and its clock advances by a fixed step at each reading.

use std::{cell::Cell, time::Duration};

use super::{RefusedTick, RejectReason, Sink};
use crate::{
    shutdown::Stop,
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick},
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
