//! [`TapeRoom`]: the limits on trades kept for cancels and corrections, per topic and in total.
//!
//! Loss: when the total is reached, a topic keeps no more trades than it has, but at least [`TAPE_TRADES_ASSURED`], so
//! that busy symbols take nothing from quiet ones.

use super::table::TopicTape;
use crate::limits::{Limits, TAPE_TRADES_ASSURED};

/// The number of trades in all tables, and its limits.
pub struct TapeRoom {
    each_max: usize,
    total_max: usize,
    total: usize,
}

impl TapeRoom {
    pub fn new(limits: &Limits) -> Self {
        TapeRoom { each_max: limits.tape_trades, total_max: limits.tape_trades_total, total: 0 }
    }

    pub fn set(&mut self, limits: &Limits) {
        (self.each_max, self.total_max) = (limits.tape_trades, limits.tape_trades_total);
    }

    /// How many trades a table that holds `held` may hold.
    pub fn for_table(&self, held: usize) -> usize {
        if self.total < self.total_max {
            self.each_max
        } else {
            self.each_max.min(held.max(TAPE_TRADES_ASSURED))
        }
    }

    /// Runs `change` on a table and updates the total.
    pub fn count<R>(&mut self, tape: &mut TopicTape, change: impl FnOnce(&mut TopicTape) -> R) -> R {
        let before = tape.held_trades();
        let result = change(tape);
        self.total = self.total + tape.held_trades() - before;
        result
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        feed::ndjson::NdjsonDecoder,
        limits::{self, Limits, TAPE_TRADES_ASSURED},
        tick::{Nanos, Tick},
        topic::{Detail, FeedId, Market},
    };

    fn trade(symbol: &str, id: usize) -> Tick {
        let line = format!(r#"{{"symbol":"{symbol}","last":1,"last_size":1,"trade_id":"{id}"}}"#);
        NdjsonDecoder::new(4_096).decode(&mut line.into_bytes()).unwrap().tick
    }

    #[test]
    fn a_full_market_keeps_what_is_assured_to_each_topic() {
        let mut market = Market::new(vec!["feed".to_owned()], 2, 4);
        let tape_trades_total = TAPE_TRADES_ASSURED + 500;
        market.set_tape_limits(&Limits { tape_trades: 100_000, tape_trades_total, ..limits::DEFAULT });
        let mut come = |symbol: &str, count: usize| {
            let mut ticks: Vec<Tick> = (0..count).map(|id| trade(symbol, id)).collect();
            market.ingest(FeedId(0), &mut ticks, Nanos(9), &mut Vec::new(), Detail::Records);
        };
        come("A", tape_trades_total + 700);
        come("B", TAPE_TRADES_ASSURED + 300);
        let mut refused = |symbol: &str, id: usize| {
            let line = format!(r#"{{"symbol":"{symbol}","cancel":"{id}"}}"#);
            let tick = NdjsonDecoder::new(4_096).decode(&mut line.into_bytes()).unwrap().tick;
            let mut refused = Vec::new();
            market.ingest(FeedId(0), &mut vec![tick], Nanos(9), &mut refused, Detail::Records);
            refused.pop().map(|refused| refused.message)
        };
        // A keeps what the total allows, B the assured minimum.
        assert!(refused("A", 699).unwrap().contains("older than the last 1524"), "it has left");
        assert_eq!(refused("A", 700), None);
        assert!(refused("B", 299).unwrap().contains("older than the last 1024"), "it has left");
        assert_eq!(refused("B", 300), None);
    }
}
