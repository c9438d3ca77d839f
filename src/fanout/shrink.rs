//! Memory that a busy time has left behind is freed here, in pieces.

use super::{Fanout, SessionKey, Units, schedule::SendQueue, state::index32};
use crate::tick::Nanos;

/// To look at a topic's lists, and to copy some of them.
const SHRINK_UNITS: usize = 8;

impl Fanout {
    /// Frees unused capacity of the tables, and of the topics from an index on, as far as the units last. Says where to
    /// go on, when it has not reached the end.
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

    /// Frees what a session does not need while it is idle.
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
