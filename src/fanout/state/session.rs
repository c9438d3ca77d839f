//! What one session subscribes to, and which of its subscriptions are behind. Sockets and frames are elsewhere.
//!
//! Invariant: a subscription that is behind is in the list, in the lane, or waits for its interval, exactly once.

use compact_str::CompactString;

use crate::fanout::{
    index::index32,
    interval_groups::IntervalGroups,
    queue::{LANE, Queue},
    subs::Subs,
};

#[derive(Default)]
pub(in crate::fanout) struct Session {
    pub subs: Subs,
    /// Subscriptions in modes `latest` and `once` that are behind, in order of becoming so; [`LANE`] stands for the lane.
    pub queue: Queue,
    /// Subscriptions in mode `every` that are behind.
    pub lane: Vec<u32>,
    pub lane_queued: bool,
    /// Where the lane stands in the list.
    pub lane_place: u32,
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

    /// Puts a subscription at the end of the list, or into the lane; says where it stands.
    #[inline]
    pub fn put(&mut self, key: u32, in_lane: bool) -> u32 {
        if !in_lane {
            return self.queue.push_back(key);
        }
        let place = index32(self.lane.len());
        self.lane.push(key);
        if !self.lane_queued {
            self.queue_lane();
        }
        place
    }

    /// Puts the lane at the end of the list.
    pub fn queue_lane(&mut self) {
        self.lane_queued = true;
        self.lane_place = self.queue.push_back(LANE);
    }
}
