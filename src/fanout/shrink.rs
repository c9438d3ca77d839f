//! Frees memory that is left over from busier times, in slices.

use super::{Fanout, SessionKey, Units, schedule::SendQueue, state::index32};
use crate::tick::Nanos;

/// Cost of looking at a topic's lists and reallocating some.
const SHRINK_UNITS: usize = 8;

impl Fanout {
    /// Frees unused capacity of the tables, and of topics from an index on, as far as the units last. Returns where to
    /// continue, `None` at the end.
    pub fn shrink_from(&mut self, from: u32, units: &mut Units) -> Option<u32> {
        if from == 0 {
            self.schedule.sessions.shrink_to_fit();
            self.subs.shrink_to_fit();
            self.views.shrink_to_fit();
            self.schedule.ready.shrink_to_fit();
        }
        for local in from..index32(self.topics.capacity()) {
            if units.is_spent() {
                return Some(local);
            }
            units.spend(SHRINK_UNITS);
            let Some(topic) = self.topics.get_mut(local as usize) else { continue };
            for list in [&mut topic.plain, &mut topic.idle, &mut topic.masked] {
                list.shrink_to_fit();
            }
        }
        None
    }

    /// Frees what an idle session does not need.
    pub fn shrink(&mut self, session: SessionKey, now: Nanos) {
        if let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize)
            && entry.queue.is_empty()
        {
            entry.queue = SendQueue::default();
            entry.every_queue = Vec::new();
            entry.subs.shrink_to_fit();
            entry.interval_groups.shrink(now);
        }
    }
}
