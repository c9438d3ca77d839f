//! When a snapshot is due: the rule of tardis-machine's computed book snapshots, for one level.
//!
//! With an interval of zero each change is a snapshot. Otherwise the first state is one, and then, with the first message
//! of a later interval, the state as it stood at the end of the interval in which it changed last.

use super::messages::{BestLevels, MessageTimes};
use crate::tick::Nanos;

/// The snapshots of one symbol, of one type.
#[derive(Clone, Debug, Default)]
pub struct SnapshotState {
    book: BestLevels,
    has_changed: bool,
    has_begun: bool,
    /// Of the last message, by the exchange.
    last: Nanos,
}

impl SnapshotState {
    /// Takes a message: the state that is due before it, and the one that is due with it.
    pub fn take(
        &mut self,
        book: &BestLevels,
        times: MessageTimes,
        interval_ns: i64,
    ) -> [Option<(BestLevels, MessageTimes)>; 2] {
        let now = times.ts.unwrap_or(times.rx);
        let before = self.due(now, interval_ns).then(|| self.snapshot(times, interval_ns));
        self.has_changed |= self.book != *book;
        self.book = *book;
        self.last = now;
        let with = self.due(now, interval_ns).then(|| self.snapshot(times, interval_ns));
        self.has_begun |= with.is_some();
        [before, with]
    }

    fn due(&mut self, now: Nanos, interval_ns: i64) -> bool {
        if !self.has_changed || interval_ns == 0 || !self.has_begun {
            return self.has_changed;
        }
        let bucket = |time: Nanos| time.0.div_euclid(interval_ns);
        let is_over = bucket(now) > bucket(self.last);
        if is_over {
            self.last = Nanos((bucket(self.last) + 1) * interval_ns);
        }
        is_over
    }

    fn snapshot(&mut self, times: MessageTimes, interval_ns: i64) -> (BestLevels, MessageTimes) {
        self.has_changed = false;
        // What the exchange did not date has the time of receipt, to its microsecond.
        let ts = if interval_ns == 0 && times.ts.is_none() { None } else { Some(self.last) };
        (self.book, MessageTimes { ts, ..times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Decimal;

    const MILLI: i64 = 1_000_000;

    /// Bids at milliseconds, and the snapshots (bid, time in milliseconds) that are due.
    fn check(interval_ms: i64, bids: &[(i64, i64)], expected: &[(i64, i64)]) {
        let mut state = SnapshotState::default();
        let mut found = Vec::new();
        for &(at, bid) in bids {
            let book = BestLevels { bid: Some(Decimal::from_units(bid)), ..BestLevels::default() };
            let times = MessageTimes { ts: Some(Nanos(at * MILLI)), rx: Nanos(at * MILLI + 7) };
            for (book, times) in state.take(&book, times, interval_ms * MILLI).into_iter().flatten() {
                found.push((book.bid.unwrap().units().unwrap(), times.ts.unwrap().0 / MILLI));
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn without_an_interval_each_change_is_one() {
        check(0, &[(1, 10), (2, 10), (3, 11), (3, 10)], &[(10, 1), (11, 3), (10, 3)]);
    }

    #[test]
    fn with_one_the_first_state_and_then_what_stood_at_its_end() {
        let bids =
            [(1_000, 10), (1_005, 11), (1_009, 12), (1_011, 13), (1_012, 13), (1_031, 13), (1_032, 13)];
        check(10, &bids, &[(10, 1_000), (12, 1_010), (13, 1_020)]);
        check(10, &[(1_000, 10), (1_050, 10), (1_090, 10)], &[(10, 1_000)]);
    }
}
