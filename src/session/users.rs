//! The sessions of each user whose token limits them, over all shards.
//!
//! The lock is taken when such a session starts or ends, never on the path of a tick. A session that must make room is
//! marked; its shard closes it at its next check, as for revoked tokens.
//!
//! Invariant: a session is counted as long as its [`UserPermit`] lives.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use compact_str::CompactString;

use crate::access::{Authority, Refused, Rights, SessionsOver};

/// The sessions of each user.
#[derive(Debug, Default)]
pub struct UserSessions {
    users: Mutex<HashMap<CompactString, Vec<Counted>>>,
    numbers: AtomicU64,
    /// Increases whenever a session is marked.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Counted {
    number: u64,
    makes_room: Arc<AtomicBool>,
}

/// One session of a user, counted until this is dropped.
#[derive(Debug)]
pub struct UserPermit {
    user: CompactString,
    number: u64,
    makes_room: Arc<AtomicBool>,
    users: Arc<UserSessions>,
}

impl UserSessions {
    /// Counts one more session of a user; `None` if the token sets no limit. With [`SessionsOver::EvictOldest`] the
    /// oldest sessions are marked to make room.
    ///
    /// # Errors
    /// When the user has as many sessions as the token allows.
    pub fn take(
        self: &Arc<Self>,
        rights: &Rights,
        over: SessionsOver,
    ) -> Result<Option<Box<UserPermit>>, Refused> {
        let Some((most, user)) = rights.sessions.zip(rights.user.as_ref()) else { return Ok(None) };
        let mut users = self.lock();
        let counted = users.entry(user.clone()).or_default();
        // A session already marked is as good as gone.
        let staying = counted.iter().filter(|session| !session.makes_room.load(Ordering::Relaxed));
        let beyond = (staying.count() + 1).saturating_sub(most as usize);
        if beyond > 0 && (over == SessionsOver::Refuse || most == 0) {
            if counted.is_empty() {
                users.remove(user);
            }
            return Err(Refused::TooManyOfUser);
        }
        let staying = counted.iter().filter(|session| !session.makes_room.load(Ordering::Relaxed));
        for session in staying.take(beyond) {
            session.makes_room.store(true, Ordering::Release);
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let makes_room = Arc::new(AtomicBool::new(false));
        counted.push(Counted { number, makes_room: Arc::clone(&makes_room) });
        Ok(Some(Box::new(UserPermit { user: user.clone(), number, makes_room, users: Arc::clone(self) })))
    }

    /// Changes whenever a session is marked to make room.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CompactString, Vec<Counted>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why rights and a user slot obtained a while ago can no longer take effect.
pub fn taken_back(authority: &Authority, rights: &Rights, user: Option<&UserPermit>) -> Option<Refused> {
    if authority.is_revoked(rights) {
        Some(Refused::Revoked)
    } else if user.is_some_and(UserPermit::makes_room) {
        Some(Refused::TooManyOfUser)
    } else {
        None
    }
}

impl UserPermit {
    /// Whether the slot is also valid for a token with these rights.
    pub fn is_of(&self, rights: &Rights) -> bool {
        rights.sessions.is_some() && rights.user.as_ref() == Some(&self.user)
    }

    /// Whether the session must end, for a newer one of its user.
    pub fn makes_room(&self) -> bool {
        self.makes_room.load(Ordering::Acquire)
    }
}

impl Drop for UserPermit {
    fn drop(&mut self) {
        let mut users = self.users.lock();
        let Some(counted) = users.get_mut(&self.user) else { return };
        counted.retain(|session| session.number != self.number);
        if counted.is_empty() {
            users.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Nanos;

    fn rights(user: &str, sessions: u32) -> Rights {
        Rights { user: Some(user.into()), sessions: Some(sessions), ..Rights::default() }
    }

    #[test]
    fn one_more_than_allowed_is_refused_until_one_ends() {
        let users = Arc::new(UserSessions::default());
        let take = |user| users.take(&rights(user, 2), SessionsOver::Refuse);
        let (first, _second) = (take("a").unwrap(), take("a").unwrap());
        assert_eq!(take("a").unwrap_err(), Refused::TooManyOfUser);
        let _other = take("b").unwrap();
        drop(first);
        drop(take("a").unwrap());
        assert!(users.take(&Rights::default(), SessionsOver::Refuse).unwrap().is_none(), "no limit");
    }

    #[test]
    fn what_was_taken_back_before_it_began_is_not_begun() {
        let (authority, users) = (Authority::open(), Arc::new(UserSessions::default()));
        let alice = Rights { token: Some("t1".into()), ..rights("alice", 1) };
        let take = || users.take(&alice, SessionsOver::EvictOldest).unwrap().unwrap();
        let first = take();
        assert_eq!(taken_back(&authority, &alice, Some(&first)), None);
        let second = take();
        assert_eq!(taken_back(&authority, &alice, Some(&first)), Some(Refused::TooManyOfUser));
        assert_eq!(taken_back(&authority, &alice, Some(&second)), None);
        authority.revoke_token("t1", None, Nanos(1));
        assert_eq!(taken_back(&authority, &alice, Some(&second)), Some(Refused::Revoked));
    }

    #[test]
    fn the_oldest_makes_room_and_is_marked_once() {
        let users = Arc::new(UserSessions::default());
        let take = || users.take(&rights("a", 2), SessionsOver::EvictOldest).unwrap().unwrap();
        let (first, second) = (take(), take());
        assert_eq!(users.generation(), 0);
        let third = take();
        assert!(first.makes_room() && !second.makes_room() && !third.makes_room());
        assert_eq!(users.generation(), 1);
        let fourth = take();
        assert!(second.makes_room() && !third.makes_room() && !fourth.makes_room());
        drop((first, second, third, fourth));
        assert!(users.lock().is_empty());
        let none = users.take(&rights("a", 0), SessionsOver::EvictOldest);
        assert_eq!(none.unwrap_err(), Refused::TooManyOfUser, "none is allowed");
        assert!(users.lock().is_empty());
    }
}
