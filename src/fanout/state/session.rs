//! A session as one shard sees it: its subscriptions, and the queues of those that are behind. Sockets and frames are
//! elsewhere.
//!
//! Invariant: a subscription that is behind is in `queue`, in `every_queue`, or waits for its interval, exactly once.

use slab::Slab;

use super::{Entitled, Subscription, SubscriptionMap, ViewId, index32};
use crate::{
    access::user_share::SharedUserShare,
    fanout::{
        patterns::HeldGlob,
        schedule::{EVERY_QUEUE, IntervalGroups, SendQueue},
    },
};

#[derive(Default)]
pub(in crate::fanout) struct LocalSession {
    pub subs: SubscriptionMap,
    /// Subscriptions in modes `latest` and `once` that are behind, oldest first. [`EVERY_QUEUE`] stands for the
    /// every-mode queue.
    pub queue: SendQueue,
    /// Subscriptions in mode `every` that are behind.
    pub every_queue: Vec<u32>,
    /// Whether the every-mode queue has its entry in `queue`, and the slot of that entry.
    pub every_queued: bool,
    pub every_slot: u32,
    /// The session has ended, and its subscriptions are being removed.
    pub leaves: bool,
    /// It is in the list of ready sessions.
    pub ready: bool,
    pub interval_groups: IntervalGroups,
    /// Its standing patterns, in the order in which they were added.
    pub globs: Vec<HeldGlob>,
    /// What it may read; `None` for everything.
    pub entitled: Option<Box<Entitled>>,
    /// What it has together with the other sessions of its user, who has one.
    pub share: Option<SharedUserShare>,
}

impl LocalSession {
    /// Counts one more subscription of its user; `false` when the user has as many as one may have.
    #[must_use]
    pub fn takes_share(&self, most: usize) -> bool {
        self.share.as_ref().is_none_or(|share| share.take_subscription(most))
    }

    /// Its subscription to a topic with a view. Views of several have different names.
    pub fn find(&self, subs: &Slab<Subscription>, topic: u32, view: ViewId) -> Option<u32> {
        self.subs.of(topic).find(|&key| subs[key as usize].view == view)
    }

    /// Puts a subscription at the end of its queue; says its slot there.
    #[inline]
    pub fn enqueue(&mut self, key: u32, in_every_queue: bool) -> u32 {
        if !in_every_queue {
            return self.queue.push_back(key);
        }
        let slot = index32(self.every_queue.len());
        self.every_queue.push(key);
        if !self.every_queued {
            self.enqueue_every();
        }
        slot
    }

    /// Puts the entry of the every-mode queue at the end of the send queue.
    pub fn enqueue_every(&mut self) {
        self.every_queued = true;
        self.every_slot = self.queue.push_back(EVERY_QUEUE);
    }

    /// Removes the holes of the send queue, and updates the slots of its subscriptions.
    pub fn close_up_queue(&mut self, subs: &mut Slab<Subscription>) {
        let every_slot = &mut self.every_slot;
        for (key, slot) in self.queue.close_up() {
            match key {
                EVERY_QUEUE => *every_slot = slot,
                key => subs[key as usize].queued = slot,
            }
        }
    }
}
