//! A session as its shard's fan-out sees it: its subscriptions, and the queues of those that are behind. No socket and
//! no frames.
//!
//! Invariant: a subscription that is behind is in `queue`, in `every_queue`, or waiting for its interval; never in two.

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
    /// Subscriptions that are behind in modes other than `every`, longest-waiting first. [`EVERY_QUEUE`] stands for the
    /// every-mode queue.
    pub queue: SendQueue,
    /// Subscriptions that are behind in mode `every`.
    pub every_queue: Vec<u32>,
    /// Whether the every-mode entry is in `queue`, and its slot.
    pub every_queued: bool,
    pub every_slot: u32,
    /// The session is closed; its subscriptions are being removed.
    pub leaves: bool,
    /// The session is in the ready list.
    pub ready: bool,
    pub interval_groups: IntervalGroups,
    /// Standing globs, in the order in which they were added.
    pub globs: Vec<HeldGlob>,
    /// The session's rights; `None` means everything.
    pub entitled: Option<Box<Entitled>>,
    /// The usage shared by all sessions of the same user, if the session has a user.
    pub share: Option<SharedUserShare>,
}

impl LocalSession {
    /// Counts one more subscription for the user; `false` when the user's limit is reached.
    #[must_use]
    pub fn takes_share(&self, most: usize) -> bool {
        self.share.as_ref().is_none_or(|share| share.take_subscription(most))
    }

    /// The subscription to a topic with this view's name: the views of a session on one topic have different names.
    pub fn find(&self, subs: &Slab<Subscription>, topic: u32, view: ViewId) -> Option<u32> {
        self.subs.of(topic).find(|&key| subs[key as usize].view == view)
    }

    /// Appends a subscription to its queue; returns its slot there.
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

    /// Appends the every-mode entry to the send queue.
    pub fn enqueue_every(&mut self) {
        self.every_queued = true;
        self.every_slot = self.queue.push_back(EVERY_QUEUE);
    }

    /// Compacts the send queue, and updates the slots of its subscriptions.
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
