//! Plays a schedule of ticks by the sink's clock. Also [`ReplaySpeed`], which the replay shares.
//!
//! Every tick is due at a time counted from the start, never from the tick before it, so that one late tick does not
//! delay all later ones. All ticks that are due at a wake-up go into one batch.
//!
//! Invariants: ticks keep the schedule's order; none is submitted before it is due; ticks taken from the schedule
//! before a stop or an error are submitted.

use std::{str::FromStr, time::Duration};

use super::{FeedError, RefusedTick, Sink, warnings::FeedWarnings};
use crate::{
    shutdown::Stop,
    tick::{Nanos, Tick},
};

/// The speed at which a schedule is played.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ReplaySpeed {
    /// This many times as fast as the schedule says.
    Times(f64),
    /// As fast as the sink takes ticks.
    Max,
}

/// A tick and its due time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timed {
    /// From the start of the schedule, at speed 1.
    pub at: Duration,
    pub tick: Tick,
}

/// Ticks in the order in which they are due.
pub trait Schedule {
    /// The next tick; `None` at the end. Rejected records are counted in `sink` and skipped.
    ///
    /// # Errors
    /// When nothing more can be read.
    fn next(&mut self, sink: &mut dyn Sink) -> Result<Option<Timed>, FeedError>;

    /// Where refused ticks are reported.
    fn warnings(&mut self) -> &mut FeedWarnings;
}

/// The most ticks that go into one batch.
const BATCH_TICKS_MAX: usize = 1_024;
/// A shorter sleep costs more than it is worth; ticks may be this late.
const WAIT_MIN: Duration = Duration::from_micros(250);
/// A wait ends at least this often, which keeps it far from any overflow.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Plays `schedule` to its end, or until `stop` is set.
///
/// # Errors
/// When the schedule breaks.
pub fn play(
    schedule: &mut impl Schedule,
    speed: ReplaySpeed,
    sink: &mut dyn Sink,
    stop: &Stop,
) -> Result<(), FeedError> {
    let start = sink.now();
    let mut batch: Vec<Tick> = Vec::with_capacity(BATCH_TICKS_MAX);
    let mut refused: Vec<RefusedTick> = Vec::new();
    // Taken from the schedule and not due yet.
    let mut early: Option<Timed> = None;
    while !stop.is_set() {
        let now = sink.now();
        let mut oldest_due = now;
        let end = loop {
            if batch.len() == BATCH_TICKS_MAX {
                break None;
            }
            let timed = match early.take().map_or_else(|| schedule.next(sink), |timed| Ok(Some(timed))) {
                Ok(Some(timed)) => timed,
                Ok(None) => break Some(Ok(())),
                Err(error) => break Some(Err(error)),
            };
            let due = speed.due(start, timed.at);
            if due > now {
                early = Some(timed);
                break None;
            }
            oldest_due = oldest_due.min(due);
            batch.push(timed.tick);
        };
        if !batch.is_empty() {
            if speed != ReplaySpeed::Max {
                sink.lag(Duration::from_nanos(now.since(oldest_due)));
            }
            sink.submit(&mut batch, &mut refused);
            schedule.warnings().refused(sink.now(), &mut refused);
        }
        if let Some(end) = end {
            return end;
        }
        if let Some(timed) = &early {
            let left = Duration::from_nanos(speed.due(start, timed.at).since(sink.now()));
            if !left.is_zero() {
                stop.wait(left.clamp(WAIT_MIN, WAIT_MAX));
            }
        }
    }
    Ok(())
}

// === impl ReplaySpeed ===

impl Default for ReplaySpeed {
    fn default() -> Self {
        ReplaySpeed::Times(1.0)
    }
}

impl ReplaySpeed {
    /// The texts that [`ReplaySpeed::from_str`] takes, for a person.
    pub const EXPECTED: &str = "a number from 0.001 to 1000000, or max";

    /// When an item at `at` of the schedule is due, at this speed.
    pub(super) fn due(self, start: Nanos, at: Duration) -> Nanos {
        match self {
            // A double holds every nanosecond of a hundred days; beyond them the rounding does not matter.
            ReplaySpeed::Times(times) => {
                start.plus(Duration::from_nanos((at.as_nanos() as f64 / times) as u64))
            }
            ReplaySpeed::Max => start,
        }
    }
}

impl FromStr for ReplaySpeed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "max" {
            return Ok(ReplaySpeed::Max);
        }
        match text.parse::<f64>() {
            Ok(times) if (0.001..=1e6).contains(&times) => Ok(ReplaySpeed::Times(times)),
            _ => Err(()),
        }
    }
}
