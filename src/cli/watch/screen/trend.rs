//! Recent prices of each row: one sample every two seconds, for the sparkline and the arrow of the last change.
//!
//! Pure: the caller passes the time in. Invariant: a sample is a price that was live when it was taken. While a row was
//! not live, or the screen was not drawn, there is no sample, and the plot has a hole.

use std::collections::VecDeque;

use tickcast::tick::Nanos;
use tickcast_client::Topic;

use crate::cli::watch::cell::{self, Urgency};

/// All rows' histories, by the rows' places on the board.
#[derive(Default)]
pub struct Trends {
    rows: Vec<Trend>,
    /// When the newest sample was begun.
    since: Option<Nanos>,
}

/// One row's.
#[derive(Default)]
struct Trend {
    /// Oldest first; the last is of the time that still runs.
    samples: VecDeque<Option<i128>>,
    /// The seq of the record that was read last.
    seq: u64,
    price: Option<i128>,
    way: Way,
}

/// Which way a price went when it last changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Way {
    #[default]
    Unknown,
    Up,
    Down,
}

/// The time that a sample covers.
const PERIOD_NANOS: i64 = 2_000_000_000;
/// As many as the widest plot shows.
const SAMPLES_MAX: usize = 30;
/// Levels of a plot.
pub const LEVELS: usize = 8;

// === impl Trends ===

impl Trends {
    /// Looks at the board.
    pub fn look(&mut self, rows: &[Topic], now: Nanos, server_us: i64) {
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since) / PERIOD_NANOS as u64;
        self.since = Some(Nanos(since.0 + passed as i64 * PERIOD_NANOS));
        self.rows.resize_with(rows.len(), Trend::default);
        for (trend, row) in self.rows.iter_mut().zip(rows) {
            trend.look(row, passed, server_us);
        }
    }

    pub fn way(&self, place: usize) -> Way {
        self.rows.get(place).map_or(Way::Unknown, |trend| trend.way)
    }

    /// The levels of the newest samples, from the lowest of them to the highest; `None` where there is no sample.
    pub fn levels(&self, place: usize, width: usize) -> Vec<Option<usize>> {
        let Some(trend) = self.rows.get(place) else { return Vec::new() };
        let skip = trend.samples.len().saturating_sub(width);
        let shown = trend.samples.iter().skip(skip);
        let known = || shown.clone().flatten();
        let (Some(&low), Some(&high)) = (known().min(), known().max()) else {
            return vec![None; shown.len()];
        };
        let level = |price: i128| {
            if high == low {
                return LEVELS / 2 - 1;
            }
            usize::try_from((price - low) * (LEVELS as i128 - 1) / (high - low)).unwrap_or(0)
        };
        shown.clone().map(|sample| sample.map(level)).collect()
    }

    /// From the oldest sample to the newest, in hundredths of a percent.
    pub fn rise_bp(&self, place: usize) -> Option<i64> {
        let samples = &self.rows.get(place)?.samples;
        let first = samples.iter().flatten().next()?;
        let last = samples.iter().rev().flatten().next()?;
        cell::basis_points(last - first, first.abs())
    }
}

// === impl Trend ===

impl Trend {
    fn look(&mut self, row: &Topic, passed: u64, server_us: i64) {
        if row.record.seq != self.seq {
            let price = cell::price(row);
            self.way = match (self.price, price) {
                (Some(before), Some(after)) if after > before => Way::Up,
                (Some(before), Some(after)) if after < before => Way::Down,
                _ => self.way,
            };
            (self.seq, self.price) = (row.record.seq, price.or(self.price));
        }
        // Nobody looked in between, so nothing is known of it.
        let unseen = passed.saturating_sub(1).min(SAMPLES_MAX as u64);
        self.samples.extend(std::iter::repeat_n(None, unseen as usize));
        if passed > 0 || self.samples.is_empty() {
            self.samples.push_back(None);
        }
        if cell::trouble(row, server_us) == Urgency::None
            && let Some(newest) = self.samples.back_mut()
        {
            *newest = self.price;
        }
        while self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_client::Mirror;

    use super::*;
    use crate::cli::watch::tests::take;

    const SECOND: i64 = 1_000_000_000;

    fn look(trends: &mut Trends, board: &mut Mirror, message: &str, seconds: i64) {
        take(board, &format!("[{message}]"));
        trends.look(board.topics(), Nanos(seconds * SECOND), 1);
    }

    fn record(seq: u64, last: i64) -> String {
        format!(r#"{{"type":"update","symbol":"A","seq":{seq},"rx":1,"last":{last}}}"#)
    }

    #[test]
    fn a_sample_is_the_last_price_of_its_time_and_holes_stay_holes() {
        let (mut trends, mut board) = (Trends::default(), Mirror::default());
        look(&mut trends, &mut board, &record(1, 100), 10);
        look(&mut trends, &mut board, &record(2, 107), 11);
        assert_eq!(trends.levels(0, 9), [Some(3)]);
        assert_eq!(trends.way(0), Way::Up);
        look(&mut trends, &mut board, &record(3, 100), 12);
        assert_eq!((trends.levels(0, 9), trends.way(0)), (vec![Some(7), Some(0)], Way::Down));
        // From 14 s to 18 s nobody looked; at 18 s the row is stale.
        look(&mut trends, &mut board, r#"{"type":"status","symbol":"A","state":"stale"}"#, 18);
        assert_eq!(trends.levels(0, 9), [Some(7), Some(0), None, None, None]);
        look(&mut trends, &mut board, r#"{"type":"status","symbol":"A","state":"live"}"#, 20);
        assert_eq!(trends.levels(0, 9), [Some(7), Some(0), None, None, None, Some(0)]);
        assert_eq!(trends.levels(0, 2), [None, Some(3)]);
        assert_eq!(trends.rise_bp(0), Some(-654));
    }

    #[test]
    fn memory_is_bounded_whatever_passes() {
        let (mut trends, mut board) = (Trends::default(), Mirror::default());
        for seconds in [0, 3, 500, 1_000_000, 1_000_002] {
            look(&mut trends, &mut board, &record(seconds as u64 + 1, 5), seconds);
            assert!(trends.rows[0].samples.len() <= SAMPLES_MAX);
        }
    }

    #[test]
    fn the_widest_prices_have_levels() {
        let (mut trends, mut board) = (Trends::default(), Mirror::default());
        let row = |seq, last| format!(r#"{{"type":"update","symbol":"A","seq":{seq},"rx":1,"last":{last}}}"#);
        look(&mut trends, &mut board, &row(1, "999999999999999999"), 0);
        look(&mut trends, &mut board, &row(2, "-999999999999999999"), 2);
        assert_eq!(trends.levels(0, 9), [Some(7), Some(0)]);
    }
}
