//! When the records of a paced replay are due. Times are arguments.
//!
//! As in the feed `replay`, records are due by the time since its start, and a silence of an hour or more lasts a second.

use std::time::Duration;

use tokio::time::Instant;

use crate::{feed::ReplaySpeed, tick::Nanos};

/// The pace of one replay.
#[derive(Clone, Copy, Debug)]
pub struct ClientPace {
    /// `None`: as fast as its readers read.
    times: Option<f64>,
    /// What was due when.
    begun: Option<(Instant, Nanos)>,
}

const SILENCE: u64 = 3_600_000_000_000;
const SILENCE_LASTS: Duration = Duration::from_secs(1);

impl ClientPace {
    pub fn new(speed: ReplaySpeed) -> Self {
        let times = match speed {
            ReplaySpeed::Times(times) => Some(times),
            ReplaySpeed::Max => None,
        };
        ClientPace { times, begun: None }
    }

    /// The records that are due: those that were received until then; `None` for all.
    pub fn due(&self, now: Instant) -> Option<Nanos> {
        let times = self.times?;
        let Some((began, from)) = self.begun else { return Some(Nanos(i64::MIN)) };
        Some(from.plus(now.saturating_duration_since(began).mul_f64(times)))
    }

    /// How long it is until the next record, which was received at `next`, is due.
    pub fn wait(&mut self, next: Nanos, now: Instant) -> Duration {
        let Some(times) = self.times else { return Duration::ZERO };
        let Some((began, from)) = self.begun else {
            self.begun = Some((now, next));
            return Duration::ZERO;
        };
        let position = from.plus(now.saturating_duration_since(began).mul_f64(times));
        if next.since(position) >= SILENCE {
            let ahead = SILENCE_LASTS.mul_f64(times);
            self.begun =
                Some((now, Nanos(next.0.saturating_sub(i64::try_from(ahead.as_nanos()).unwrap_or(0)))));
            return SILENCE_LASTS;
        }
        Duration::from_nanos(next.since(from))
            .div_f64(times)
            .saturating_sub(now.saturating_duration_since(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_by_the_time_since_the_start_and_nights_last_a_second() {
        let (start, second) = (Instant::now(), 1_000_000_000);
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut pace = ClientPace::new(ReplaySpeed::Times(10.0));
        assert_eq!(pace.due(start), Some(Nanos(i64::MIN)));
        assert_eq!(pace.wait(Nanos(5 * second), start), Duration::ZERO);
        assert_eq!(pace.due(at(100)), Some(Nanos(6 * second)));
        assert_eq!(pace.wait(Nanos(7 * second), at(150)), Duration::from_millis(50));
        let next = Nanos(7_207 * second);
        assert_eq!(pace.wait(next, at(200)), Duration::from_secs(1));
        assert_eq!(pace.due(at(1_200)), Some(next));
        assert_eq!(ClientPace::new(ReplaySpeed::Max).due(start), None);
    }
}
