//! The subscriptions that a user's sessions have together, counted as each begins and ends.
//!
//! Invariant: a session's subscriptions are in its user's count, each once, as long as it has them.

use super::{Fanout, SessionKey};
use crate::access::user_share::SharedUserShare;

impl Fanout {
    /// Says how many subscriptions the sessions of a user may have together; 0 for no limit.
    pub fn set_user_subscriptions(&mut self, most: usize) {
        self.user_subscriptions_max = if most == 0 { usize::MAX } else { most };
    }

    /// Says with whom a session shares. What it has counts there from now on, also beyond the limit.
    pub fn share(&mut self, session: SessionKey, share: Option<SharedUserShare>) {
        let Some(entry) = self.schedule.sessions.get_mut(session.0 as usize) else { return };
        let count = entry.subs.len();
        if let Some(share) = &share {
            share.add_subscriptions(count);
        }
        if let Some(before) = std::mem::replace(&mut entry.share, share) {
            before.end_subscriptions(count);
        }
    }

    /// How many more subscriptions a session's user may have.
    pub fn user_room(&self, session: SessionKey) -> usize {
        let share = self.schedule.sessions.get(session.0 as usize).and_then(|entry| entry.share.as_ref());
        let taken = share.map_or(0, |share| share.subscriptions());
        self.user_subscriptions_max.saturating_sub(taken)
    }

    pub(super) fn takes_share(&self, session: SessionKey) -> bool {
        let entry = self.schedule.sessions.get(session.0 as usize);
        entry.is_none_or(|entry| entry.takes_share(self.user_subscriptions_max))
    }

    /// Counts a subscription that takes the place of one that has just ended.
    pub(super) fn keep_share(&mut self, session: SessionKey) {
        let entry = self.schedule.sessions.get(session.0 as usize);
        if let Some(share) = entry.and_then(|entry| entry.share.as_ref()) {
            share.add_subscriptions(1);
        }
    }
}
