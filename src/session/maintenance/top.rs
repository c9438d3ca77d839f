//! Current usage by user and by address, summed over open sessions, for operators.
//!
//! Metrics have no such labels, since there would be one per user. Here the top few are shown on request.

use std::{collections::HashMap, net::IpAddr};

use compact_str::CompactString;

use crate::{
    fanout::SessionKey,
    session::{core::Core, socket::SessionSocket},
};

/// Usage of open sessions, by user and by address.
#[derive(Clone, Debug, Default)]
pub struct Used {
    pub users: HashMap<CompactString, UsedNow>,
    pub addresses: HashMap<IpAddr, UsedNow>,
}

/// The total usage of some open sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct UsedNow {
    pub sessions: u64,
    pub subscriptions: u64,
    /// Summed since each session was opened.
    pub frames_sent: u64,
    pub bytes_sent: u64,
}

impl Used {
    /// The users with the highest usage: by bytes, then by sessions.
    pub fn top_users(&self, count: usize) -> Vec<(CompactString, UsedNow)> {
        top(&self.users, count)
    }

    pub fn top_addresses(&self, count: usize) -> Vec<(IpAddr, UsedNow)> {
        top(&self.addresses, count)
    }

    pub fn add(&mut self, other: Used) {
        for (user, used) in other.users {
            self.users.entry(user).or_default().add(used);
        }
        for (address, used) in other.addresses {
            self.addresses.entry(address).or_default().add(used);
        }
    }
}

impl UsedNow {
    fn add(&mut self, other: UsedNow) {
        self.sessions += other.sessions;
        self.subscriptions += other.subscriptions;
        self.frames_sent += other.frames_sent;
        self.bytes_sent += other.bytes_sent;
    }
}

fn top<K: Ord + Clone>(used: &HashMap<K, UsedNow>, count: usize) -> Vec<(K, UsedNow)> {
    let mut all: Vec<_> = used.iter().map(|(key, used)| (key.clone(), *used)).collect();
    all.sort_unstable_by(|(one, this), (other, that)| {
        let by_use = (that.bytes_sent, that.sessions).cmp(&(this.bytes_sent, this.sessions));
        by_use.then_with(|| one.cmp(other))
    });
    all.truncate(count);
    all
}

impl<S: SessionSocket> Core<S> {
    /// The usage of this shard's sessions.
    pub fn used(&self) -> Used {
        let mut used = Used::default();
        for (key, session) in (0..).map(SessionKey).zip(&self.sessions) {
            let Some(session) = session.as_deref().filter(|session| session.is_open()) else { continue };
            let now = UsedNow {
                sessions: 1,
                subscriptions: self.fanout.session_subscriptions(key) as u64,
                frames_sent: session.frames_sent,
                bytes_sent: session.bytes_sent,
            };
            if let Some(user) = &session.rights.user {
                used.users.entry(user.clone()).or_default().add(now);
            }
            used.addresses.entry(session.peer.address.ip().to_canonical()).or_default().add(now);
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up_and_the_first_are_those_that_use_most() {
        let of = |bytes_sent, sessions| UsedNow { sessions, bytes_sent, ..UsedNow::default() };
        let shard = |entries: &[(&str, UsedNow)]| Used {
            users: entries.iter().map(|(user, used)| (CompactString::new(user), *used)).collect(),
            addresses: HashMap::new(),
        };
        let mut all = shard(&[("a", of(5, 1)), ("b", of(9, 1)), ("c", of(0, 3))]);
        all.add(shard(&[("a", of(5, 1)), ("d", of(0, 3))]));
        let names = |count| all.top_users(count).into_iter().map(|(user, _)| user).collect::<Vec<_>>();
        assert_eq!(names(10), ["a", "b", "c", "d"]);
        assert_eq!((names(1), names(0)), (vec!["a".into()], vec![]));
        assert_eq!(all.users["a"], of(10, 2));
    }
}
