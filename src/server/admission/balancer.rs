//! Which connections are admitted, and to which shard they go.
//!
//! All decisions are made under one lock, so limits are exact. A connection that is evicted for a new one is uncounted
//! at once, and ends a moment later. The first to be evicted is the one that has been idle between two requests for
//! longest, then one that has never sent a request. A busy connection is never evicted.
//!
//! Invariant: a [`Connection`] is counted once, from accept until it is dropped or evicted.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use super::addresses::AddressKey;
use crate::{
    limits::Limits,
    planted::{Fault, is_planted},
};

/// The clients that a listener serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everybody, including operators when they have no listener of their own.
    Clients,
    /// Operators: probes, scrapes, control.
    Admin,
}

/// The counts of connections, by which an accepting thread chooses a shard.
pub struct ConnectionBalancer {
    clients: ListenerConnections,
    admin: ListenerConnections,
}

/// The connections of one listener.
struct ListenerConnections {
    counts: Arc<Mutex<ConnectionCounts>>,
}

struct ConnectionCounts {
    most: usize,
    of_one_address: usize,
    /// Connections by shard.
    shards: Vec<usize>,
    /// Connections by address, where a limit counts it.
    addresses: HashMap<AddressKey, usize>,
    /// Connections that could be evicted, in the order of eviction.
    idle: BTreeMap<EvictionKey, Idle>,
    /// The same, by address.
    idle_of: BTreeSet<(AddressKey, EvictionKey)>,
    idle_count: u64,
}

/// The order of eviction: by kind, and then the longest idle.
type EvictionKey = (Idleness, u64);

/// Why a connection can be evicted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Idleness {
    /// It is between two requests.
    Answered,
    /// It has sent nothing yet.
    Silent,
}

struct Idle {
    shard: usize,
    address: Option<AddressKey>,
    gone: Arc<AtomicBool>,
    waker: Waker,
}

/// A connection, counted until it is dropped.
#[derive(Debug)]
pub struct Connection {
    counts: Arc<Mutex<ConnectionCounts>>,
    shard: usize,
    address: Option<AddressKey>,
    /// It was evicted, and is no longer counted.
    gone: Arc<AtomicBool>,
    /// Its key among the idle ones.
    key: Cell<Option<EvictionKey>>,
}

/// Connections beside sessions: scrapes, probes, handshakes under way.
const CONNECTIONS_BESIDE_SESSIONS: usize = 1_024;
/// The fewest connections of one address beside its sessions: a client with too many sessions is refused over one, and
/// a proxy has other requests, too.
const CONNECTIONS_BESIDE_ITS_SESSIONS: usize = 16;
/// One more for each so many sessions that it may have.
const SESSIONS_FOR_ONE_BESIDE: usize = 8;
/// Connections of operators at once.
const ADMIN_CONNECTIONS: usize = 256;

impl ConnectionBalancer {
    pub fn new(shards: usize, limits: &Limits) -> Self {
        let (clients, admin) = (ListenerConnections::new(shards), ListenerConnections::new(shards));
        let balancer = ConnectionBalancer { clients, admin };
        balancer.set_limits(limits);
        balancer
    }

    /// Existing connections do not end.
    pub fn set_limits(&self, limits: &Limits) {
        let beside = CONNECTIONS_BESIDE_ITS_SESSIONS + limits.sessions_per_address / SESSIONS_FOR_ONE_BESIDE;
        let its_sessions = limits.sessions_per_address.saturating_add(beside);
        let mut counts = lock(&self.clients.counts);
        counts.most = limits.sessions.saturating_add(CONNECTIONS_BESIDE_SESSIONS);
        counts.of_one_address = limits.connections_per_address.max(its_sessions);
    }

    /// Counts a connection, and returns the shard with the fewest of those that run, and the count. `None` when there
    /// are too many, in all or of its address, and none of them can be evicted.
    pub fn count_in(
        &self,
        role: Role,
        peer: IpAddr,
        runs: impl Fn(usize) -> bool,
    ) -> Option<(usize, Connection)> {
        let listener = match role {
            Role::Clients => &self.clients,
            Role::Admin => &self.admin,
        };
        listener.count_in(AddressKey::of(peer), runs)
    }
}

impl ListenerConnections {
    fn new(shards: usize) -> Self {
        let counts = ConnectionCounts {
            most: ADMIN_CONNECTIONS,
            of_one_address: ADMIN_CONNECTIONS,
            shards: vec![0; shards],
            addresses: HashMap::new(),
            idle: BTreeMap::new(),
            idle_of: BTreeSet::new(),
            idle_count: 0,
        };
        ListenerConnections { counts: Arc::new(Mutex::new(counts)) }
    }

    fn count_in(
        &self,
        address: Option<AddressKey>,
        runs: impl Fn(usize) -> bool,
    ) -> Option<(usize, Connection)> {
        let mut counts = lock(&self.counts);
        if let Some(address) = address
            && counts.addresses.get(&address).is_some_and(|&count| count >= counts.of_one_address)
        {
            let first = (address, (Idleness::Answered, 0));
            let (of, key) = *counts.idle_of.range(first..).next()?;
            if of != address {
                return None;
            }
            counts.make_room(key);
        }
        if counts.shards.iter().sum::<usize>() >= counts.most {
            let key = *counts.idle.first_key_value()?.0;
            counts.make_room(key);
        }
        // In a drain shards end one by one, and scrapes and probes must still reach one that answers.
        let shards = (0..counts.shards.len()).filter(|&shard| runs(shard));
        let shard = shards.min_by_key(|&shard| counts.shards[shard])?;
        counts.shards[shard] += 1;
        if let Some(address) = address {
            *counts.addresses.entry(address).or_default() += 1;
        }
        let counts = Arc::clone(&self.counts);
        Some((shard, Connection { counts, shard, address, gone: Arc::default(), key: Cell::new(None) }))
    }
}

impl ConnectionCounts {
    fn count_out(&mut self, shard: usize, address: Option<AddressKey>) {
        self.shards[shard] -= 1;
        if let Some(address) = address
            && let Some(count) = self.addresses.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }

    fn make_room(&mut self, key: EvictionKey) {
        let Some(idle) = self.leave(key) else { return };
        self.count_out(idle.shard, idle.address);
        idle.gone.store(true, Ordering::Release);
        idle.waker.wake();
    }

    fn leave(&mut self, key: EvictionKey) -> Option<Idle> {
        let idle = self.idle.remove(&key)?;
        if let Some(address) = idle.address {
            self.idle_of.remove(&(address, key));
        }
        Some(idle)
    }
}

impl Connection {
    /// From now on it may be evicted. Eviction wakes its task through `waker`.
    pub fn idle(&self, idleness: Idleness, waker: &Waker) {
        if self.key.get().is_some() || self.is_gone() {
            return;
        }
        let mut counts = lock(&self.counts);
        counts.idle_count += 1;
        let key = (idleness, counts.idle_count);
        if let Some(address) = self.address {
            counts.idle_of.insert((address, key));
        }
        let Connection { shard, address, ref gone, .. } = *self;
        counts.idle.insert(key, Idle { shard, address, gone: Arc::clone(gone), waker: waker.clone() });
        self.key.set(Some(key));
    }

    /// It has work. Returns whether it may do it: not when it has been evicted.
    #[must_use = "one that has made room ends"]
    pub fn busy(&self) -> bool {
        if let Some(key) = self.key.take() {
            lock(&self.counts).leave(key);
        }
        !self.is_gone()
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(key) = self.key.take() {
            counts.leave(key);
        }
        if !self.is_gone() && !is_planted(Fault::KeepsConnection) {
            counts.count_out(self.shard, self.address);
        }
    }
}

impl std::fmt::Debug for ConnectionCounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConnectionCounts").field("shards", &self.shards).finish_non_exhaustive()
    }
}

fn lock(counts: &Mutex<ConnectionCounts>) -> MutexGuard<'_, ConnectionCounts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    const LOOPBACK: &str = "::ffff:127.0.0.1";

    struct Fixture {
        balancer: ConnectionBalancer,
        /// Shards that still run.
        running: Vec<bool>,
    }

    impl Fixture {
        /// `sessions` and the connections beside them, of which one address has `of_one_address`.
        fn new(shards: usize, sessions: usize, of_one_address: usize) -> Self {
            let limits = Limits {
                sessions,
                sessions_per_address: 0,
                connections_per_address: of_one_address,
                ..limits::DEFAULT
            };
            Fixture { balancer: ConnectionBalancer::new(shards, &limits), running: vec![true; shards] }
        }

        fn arrives(&self, peer: &str) -> Option<(usize, Connection)> {
            self.balancer.count_in(Role::Clients, peer.parse().unwrap(), |shard| self.running[shard])
        }

        fn total(&self) -> usize {
            lock(&self.balancer.clients.counts).shards.iter().sum()
        }
    }

    #[test]
    fn a_connection_goes_to_the_running_shard_with_the_fewest_up_to_the_limit() {
        let mut fixture = Fixture::new(2, 0, 100);
        let most = CONNECTIONS_BESIDE_SESSIONS;
        let mut held: Vec<_> = (0..most).map(|_| fixture.arrives(LOOPBACK).unwrap()).collect();
        assert_eq!(held.iter().filter(|(shard, _)| *shard == 0).count(), most / 2);
        assert!(fixture.arrives(LOOPBACK).is_none(), "the limit is exact");
        held.retain(|(shard, _)| *shard == 1);
        assert_eq!(fixture.arrives(LOOPBACK).unwrap().0, 0);
        fixture.running[0] = false;
        assert_eq!(fixture.arrives(LOOPBACK).unwrap().0, 1, "a shard that has drained takes no more");
    }

    #[test]
    fn one_address_cannot_take_every_connection() {
        let fixture = Fixture::new(1, 10_000, 100);
        let held: Vec<_> = (0..200).filter_map(|_| fixture.arrives("2001:db8::1")).collect();
        assert_eq!(held.len(), 100);
        assert!(fixture.arrives("2001:db8::ffff").is_none(), "of the same /64");
        assert!(fixture.arrives("2001:db8:0:1::1").is_some() && fixture.arrives("192.0.2.1").is_some());
        let beside: Vec<_> = (0..200).map(|_| fixture.arrives(LOOPBACK).unwrap()).collect();
        assert_eq!(fixture.total(), held.len() + beside.len());
    }

    #[test]
    fn operators_have_connections_of_their_own() {
        let fixture = Fixture::new(1, 0, 100);
        let held: Vec<_> = std::iter::from_fn(|| fixture.arrives(LOOPBACK)).collect();
        assert_eq!(held.len(), CONNECTIONS_BESIDE_SESSIONS);
        assert!(fixture.balancer.count_in(Role::Admin, LOOPBACK.parse().unwrap(), |_| true).is_some());
    }

    #[test]
    fn who_is_idle_makes_room_the_longest_idle_first() {
        let fixture = Fixture::new(1, 10_000, 17);
        let held: Vec<_> = (0..17).map(|_| fixture.arrives("192.0.2.1").unwrap().1).collect();
        held[3].idle(Idleness::Silent, Waker::noop());
        held[5].idle(Idleness::Answered, Waker::noop());
        held[4].idle(Idleness::Answered, Waker::noop());
        let mut newcomers = Vec::new();
        for goes in [5, 4, 3] {
            assert!(held[goes].busy(), "it may go on until there is no room");
            held[goes].idle(if goes == 3 { Idleness::Silent } else { Idleness::Answered }, Waker::noop());
            if goes == 5 {
                // It has worked in between, so it is the most recent of the idle ones.
                held[4].idle(Idleness::Answered, Waker::noop());
            }
        }
        for goes in [5, 4, 3] {
            newcomers.push(fixture.arrives("192.0.2.1").unwrap());
            let gone: Vec<_> = (0..17).filter(|&at| held[at].is_gone()).collect();
            assert!(gone.contains(&goes), "{goes} is not among {gone:?}");
            assert!(!held[goes].busy(), "it ends");
        }
        assert!(fixture.arrives("192.0.2.1").is_none(), "those at work stay");
        assert_eq!(fixture.total(), 17);
        drop(held);
        assert_eq!(fixture.total(), newcomers.len(), "who had made room is not counted out twice");
    }

    #[test]
    fn over_all_addresses_too() {
        let fixture = Fixture::new(1, 0, 100);
        let held: Vec<_> = std::iter::from_fn(|| fixture.arrives(LOOPBACK)).collect();
        held[7].1.idle(Idleness::Answered, Waker::noop());
        let newcomer = fixture.arrives("192.0.2.1");
        assert!(newcomer.is_some() && !held[7].1.busy());
        assert!(fixture.arrives("192.0.2.2").is_none());
    }

    #[test]
    fn an_address_at_its_limit_takes_no_room_from_others() {
        let fixture = Fixture::new(1, 10_000, 16);
        let other = fixture.arrives("192.0.2.9").unwrap().1;
        other.idle(Idleness::Answered, Waker::noop());
        let held: Vec<_> = (0..16).map(|_| fixture.arrives("192.0.2.1").unwrap()).collect();
        assert!(fixture.arrives("192.0.2.1").is_none() && other.busy());
        drop(held);
    }
}
