//! Counts the subscriptions of all sessions of a user, as each starts and ends.
//!
//! Invariant: a user's count holds each subscription of its sessions exactly once, as long as it exists.

use super::{Fanout, SessionKey};
use crate::access::user_share::SharedUserShare;

impl Fanout {
    /// Sets how many subscriptions a user's sessions may have together; 0 means no limit.
    pub fn set_user_subscriptions(&mut self, most: usize) {
        self.user_subscriptions_max = if most == 0 { usize::MAX } else { most };
    }

    /// Sets the user whose count a session belongs to. Its existing subscriptions count there from now on, even beyond
    /// the limit.
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

    /// How many more subscriptions the session's user may have.
    pub fn user_room(&self, session: SessionKey) -> usize {
        let share = self.schedule.sessions.get(session.0 as usize).and_then(|entry| entry.share.as_ref());
        let taken = share.map_or(0, |share| share.subscriptions());
        self.user_subscriptions_max.saturating_sub(taken)
    }

    pub(super) fn takes_share(&self, session: SessionKey) -> bool {
        let entry = self.schedule.sessions.get(session.0 as usize);
        entry.is_none_or(|entry| entry.takes_share(self.user_subscriptions_max))
    }

    /// Counts a subscription that replaces one that has just ended.
    pub(super) fn keep_share(&mut self, session: SessionKey) {
        let entry = self.schedule.sessions.get(session.0 as usize);
        if let Some(share) = entry.and_then(|entry| entry.share.as_ref()) {
            share.add_subscriptions(1);
        }
    }
}
