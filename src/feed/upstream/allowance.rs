//! What a server allows all feeds of the process together: attempts to connect, and streams.
//!
//! Pure. Invariants: no more streams are granted than the server has room for; a grant gives its streams back when it is
//! dropped.

use std::sync::{Arc, Mutex, PoisonError};

use super::{backoff::SharedRate, venue::Facts};

/// Of one server, for all feeds that go there.
#[derive(Clone, Debug)]
pub struct Allowance {
    pub attempts: SharedRate,
    pub streams: SharedStreams,
}

/// How many streams are subscribed to, of so many. Nobody asks it for a tick.
#[derive(Clone, Debug)]
pub struct SharedStreams {
    max: usize,
    granted: Arc<Mutex<usize>>,
}

/// The streams of one link.
#[derive(Debug)]
pub struct StreamGrant {
    shared: SharedStreams,
    count: usize,
}

// === impl Allowance ===

impl Allowance {
    pub fn new(facts: &Facts) -> Self {
        Allowance {
            attempts: SharedRate::new(facts.attempts),
            streams: SharedStreams { max: facts.streams_together, granted: Arc::default() },
        }
    }

    /// Whether both count together.
    pub fn is_same(&self, other: &Allowance) -> bool {
        self.attempts.is_same(&other.attempts) && Arc::ptr_eq(&self.streams.granted, &other.streams.granted)
    }
}

// === impl SharedStreams ===

impl SharedStreams {
    /// How many more there may be.
    pub fn room(&self) -> usize {
        self.max.saturating_sub(*self.granted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As many of these as there is room for.
    pub fn grant(&self, wanted: usize) -> StreamGrant {
        let mut grant = StreamGrant { shared: self.clone(), count: 0 };
        grant.grow(wanted);
        grant
    }
}

// === impl StreamGrant ===

impl StreamGrant {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes as many more as there is room for, and says how many.
    pub fn grow(&mut self, wanted: usize) -> usize {
        let mut granted = self.shared.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let more = wanted.min(self.shared.max.saturating_sub(*granted));
        *granted += more;
        self.count += more;
        more
    }

    /// Gives so many back.
    pub fn shrink(&mut self, count: usize) {
        let fewer = count.min(self.count);
        *self.shared.granted.lock().unwrap_or_else(PoisonError::into_inner) -= fewer;
        self.count -= fewer;
    }
}

impl Drop for StreamGrant {
    fn drop(&mut self) {
        self.shrink(self.count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::feed::upstream::venue::Rate;

    pub fn allowing(streams_together: usize) -> Allowance {
        Allowance::new(&Facts {
            streams_max: 1,
            connections_max: 1,
            streams_together,
            sends: Rate::new(1, Duration::from_secs(1)),
            attempts: Rate::new(1, Duration::from_secs(1)),
            message_bytes_max: 1,
            ping: None,
            silence: Duration::from_secs(1),
            age_max: None,
        })
    }

    proptest! {
        /// Grants that grow, shrink and are dropped.
        #[test]
        fn grants_are_never_more_than_there_is_room_for(
            max in 0usize..20,
            steps in prop::collection::vec((0usize..4, 0usize..8, 0u8..3), 1..60),
        ) {
            let streams = allowing(max).streams;
            let mut grants: Vec<Option<StreamGrant>> = (0..4).map(|_| None).collect();
            for (at, count, step) in steps {
                match (step, &mut grants[at]) {
                    (0, grant) => *grant = Some(streams.grant(count)),
                    (1, Some(grant)) => drop(grant.grow(count)),
                    (2, Some(grant)) => grant.shrink(count),
                    (_, grant) => *grant = None,
                }
                let granted: usize = grants.iter().flatten().map(StreamGrant::count).sum();
                prop_assert!(granted <= max);
                prop_assert_eq!(streams.room(), max - granted);
            }
        }
    }
}
