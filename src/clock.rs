//! The one place that asks what time it is. Stages are handed a time; only shells hold a [`Clock`].
//!
//! Invariant: the time of one clock never goes back, so no age is ever negative.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::tick::Nanos;

/// A wall clock that cannot be set back: the wall time of its start, moved on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_nanos: i64,
}

impl Clock {
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { start: Instant::now(), start_nanos: i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX) }
    }

    /// Nanoseconds since the Unix epoch.
    pub fn now(&self) -> Nanos {
        Nanos(self.start_nanos).plus(self.start.elapsed())
    }
}
