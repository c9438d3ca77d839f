//! [`ConnectionBalancer`]: which connections are admitted, and which shard each goes to.
//!
//! All decisions are made under one lock, so limits are exact. A connection evicted for a new one is uncounted at once
//! and ends a moment later. Order of eviction: the connection idle longest between requests, then those that never sent
//! a request. A busy connection is never evicted.
//!
//! Invariant: a [`Connection`] is counted exactly once, from accept until it is dropped or evicted. Checked under loom
//! (`tests/loom`).

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::PoisonError,
    task::Waker,
};

use super::addresses::AddressKey;
use crate::{
    limits::Limits,
    planted::{Fault, is_planted},
    proxies::ClientAddress,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whom a listener serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// All clients, including operators when these have no listener of their own.
    Clients,
    /// Operators: probes, scrapes, control.
    Admin,
}

/// The counts of connections, by which an accepting thread selects a shard.
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
    /// Connections per limited address.
    addresses: HashMap<AddressKey, usize>,
    /// Evictable connections, in the order of eviction.
    idle: BTreeMap<EvictionKey, Idle>,
    /// The same, by address.
    idle_of: BTreeSet<(AddressKey, EvictionKey)>,
    idle_count: u64,
}

/// Order of eviction: by kind, then the longest idle.
type EvictionKey = (Idleness, u64);

/// Why a connection is evictable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Idleness {
    /// It is between two requests.
    Answered,
    /// It has sent no request yet.
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
    /// Set when it is evicted, and no longer counted.
    gone: Arc<AtomicBool>,
    /// Its key among the idle connections, while idle.
    key: Cell<Option<EvictionKey>>,
}

/// Connections allowed beyond sessions: scrapes, probes, running handshakes.
pub(super) const CONNECTIONS_BESIDE_SESSIONS: usize = 1_024;
/// Minimum of connections that an address may have beyond its sessions: refusing a session takes a connection, and a
/// proxy makes other requests too.
const CONNECTIONS_BESIDE_ITS_SESSIONS: usize = 16;
/// One more for each this many sessions that the address may have.
const SESSIONS_FOR_ONE_BESIDE: usize = 8;
/// Maximum number of operators' connections.
const ADMIN_CONNECTIONS: usize = 256;

impl ConnectionBalancer {
    pub fn new(shards: usize, limits: &Limits) -> Self {
        let (clients, admin) = (ListenerConnections::new(shards), ListenerConnections::new(shards));
        let balancer = ConnectionBalancer { clients, admin };
        balancer.set_limits(limits);
        balancer
    }

    /// Connections of clients that are counted.
    #[cfg(test)]
    pub fn clients(&self) -> usize {
        lock(&self.clients.counts).shards.iter().sum()
    }

    /// Sets the limits; existing connections stay.
    pub fn set_limits(&self, limits: &Limits) {
        let beside = CONNECTIONS_BESIDE_ITS_SESSIONS + limits.sessions_per_address / SESSIONS_FOR_ONE_BESIDE;
        let its_sessions = limits.sessions_per_address.saturating_add(beside);
        let mut counts = lock(&self.clients.counts);
        counts.most = limits.sessions.saturating_add(CONNECTIONS_BESIDE_SESSIONS);
        counts.of_one_address = limits.connections_per_address.max(its_sessions);
    }

    /// Counts a new connection; returns the running shard with the fewest connections, and the permit. `None` when the
    /// limit, in total or of the address, is reached and nothing can be evicted.
    pub fn count_in(
        &self,
        role: Role,
        peer: ClientAddress,
        runs: impl Fn(usize) -> bool,
    ) -> Option<(usize, Connection)> {
        let listener = match role {
            Role::Clients => &self.clients,
            Role::Admin => &self.admin,
        };
        listener.count_in(AddressKey::of_client(peer), runs)
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
        if let Some(address) = address {
            counts.make_room_of(address)?;
        }
        if counts.shards.iter().sum::<usize>() >= counts.most {
            let key = *counts.idle.first_key_value()?.0;
            counts.make_room(key);
        }
        // In a drain shards end one by one; scrapes and probes must reach one that still answers.
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

    /// Evicts a connection of an address that is at its limit. `None` when none is evictable.
    fn make_room_of(&mut self, address: AddressKey) -> Option<()> {
        if self.addresses.get(&address).is_some_and(|&count| count >= self.of_one_address) {
            let first = (address, (Idleness::Answered, 0));
            let (of, key) = *self.idle_of.range(first..).next()?;
            if of != address {
                return None;
            }
            self.make_room(key);
        }
        Some(())
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
    /// Counts the connection for the client that a proxy has named after accept. Returns whether it may stay: not if
    /// the client's address is at its limit with nothing to evict, or it was itself evicted.
    #[must_use = "one that is too many ends"]
    pub fn settle(&mut self, client: ClientAddress) -> bool {
        if !self.busy() {
            return false;
        }
        let (Some(address), None) = (AddressKey::of_client(client), self.address) else { return true };
        let counts = Arc::clone(&self.counts);
        let mut counts = lock(&counts);
        if counts.make_room_of(address).is_none() {
            return false;
        }
        *counts.addresses.entry(address).or_default() += 1;
        self.address = Some(address);
        true
    }

    /// Marks the connection as idle, so evictable. Eviction wakes its task through `waker`.
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

    /// Marks the connection as busy. Returns `false` if it has been evicted.
    #[must_use = "one that has made room ends"]
    pub fn busy(&self) -> bool {
        if let Some(key) = self.key.take() {
            lock(&self.counts).leave(key);
        }
        !self.is_gone()
    }

    pub(super) fn is_gone(&self) -> bool {
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
