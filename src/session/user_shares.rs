//! Finds the [`UserShare`] of each user, common to all shards. Its limits are applied in `user_limits.rs`.
//!
//! The lock is taken when a user's session starts or changes users; never on the path of a tick.
//!
//! Invariant: all open sessions of one user have the same [`UserShare`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use compact_str::CompactString;

use crate::access::{Rights, user_share::UserShare};

/// The shares of all users with a session.
#[derive(Debug, Default)]
pub struct UserShares(Mutex<KnownShares>);

#[derive(Debug, Default)]
struct KnownShares {
    shares: HashMap<CompactString, Weak<UserShare>>,
    /// At this size, shares without sessions are dropped.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 64;

// === impl UserShares ===

impl UserShares {
    /// The share for these rights; `None` for rights without a user name.
    pub fn of(&self, rights: &Rights) -> Option<Arc<UserShare>> {
        let user = rights.user.as_ref()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = known.shares.get(user).and_then(Weak::upgrade) {
            return Some(share);
        }
        if known.shares.len() >= known.sweep_at {
            known.shares.retain(|_, share| share.strong_count() > 0);
            known.sweep_at = SWEEP_MIN.max(2 * known.shares.len());
        }
        let share = Arc::default();
        known.shares.insert(user.clone(), Arc::downgrade(&share));
        Some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_one_user_share_and_who_has_left_is_forgotten() {
        let shares = UserShares::default();
        let of = |user: &str| shares.of(&Rights { user: Some(user.into()), ..Rights::default() }).unwrap();
        let alice = of("alice");
        assert!(Arc::ptr_eq(&alice, &of("alice")) && !Arc::ptr_eq(&alice, &of("bob")));
        assert!(shares.of(&Rights::default()).is_none());
        for number in 0..10 * SWEEP_MIN {
            of(&number.to_string());
        }
        assert!(shares.0.lock().unwrap().shares.len() <= 2 * SWEEP_MIN);
        assert!(Arc::ptr_eq(&alice, &of("alice")));
    }
}
