//! What one session subscribes to, and which of its subscriptions are behind. Sockets and frames are elsewhere.
//!
//! Invariant: a subscription that is behind is in the list, in the every-mode queue, or waits for its interval, exactly once.

use compact_str::CompactString;

use crate::fanout::{
    index::index32,
    interval_groups::IntervalGroups,
    queue::{EVERY_QUEUE, Queue},
    subs::Subs,
};

#[derive(Default)]
pub(in crate::fanout) struct Session {
    pub subs: Subs,
    /// Subscriptions in modes `latest` and `once` that are behind, in order of becoming so; [`EVERY_QUEUE`] stands for the every-mode queue.
    pub queue: Queue,
    /// Subscriptions in mode `every` that are behind.
    pub every_queue: Vec<u32>,
    pub every_queued: bool,
    /// Where the every-mode queue stands in the list.
    pub every_slot: u32,
    /// It is over, and what is left of it is let go piece by piece.
    pub leaves: bool,
    pub ready: bool,
    /// Of its intervals.
    pub interval_groups: IntervalGroups,
    pub globs: Vec<CompactString>,
}

impl Session {
    /// Its subscription to a topic.
    pub fn find(&self, topic: u32) -> Option<u32> {
        self.subs.find(topic)
    }

    /// Puts a subscription at the end of the list, or into the every-mode queue; says where it stands.
    #[inline]
    pub fn put(&mut self, key: u32, in_every_queue: bool) -> u32 {
        if !in_every_queue {
            return self.queue.push_back(key);
        }
        let place = index32(self.every_queue.len());
        self.every_queue.push(key);
        if !self.every_queued {
            self.queue_lane();
        }
        place
    }

    /// Puts the every-mode queue at the end of the list.
    pub fn queue_lane(&mut self) {
        self.every_queued = true;
        self.every_slot = self.queue.push_back(EVERY_QUEUE);
    }
}
