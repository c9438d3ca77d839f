//! [`ServerState`]: what accepting connections, admission and HTTP share across all shards of a node.
//!
//! What sessions need on the path of a tick is in `session/node.rs`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use hyper::{HeaderMap, header::HeaderValue};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    admission::{
        addresses::SessionAddresses,
        balancer::{Connection, ConnectionBalancer, Role},
        rejected::Rejected,
    },
    message::ToShard,
    replays::Replays,
};
#[cfg(feature = "tls")]
use super::{keys::KeyServerStats, tls::state::TlsState};
use crate::{
    live::Live,
    proxies::{ClientAddress, ForwardedFault, TrustedProxies},
    session::{node::NodeState, stats::ShardReport},
    throttle::Throttle,
    web::AllowedOrigins,
    wire::dialects::DialectSet,
};

/// Read-only, counted in atomics, or replaced whole by a reload. No lock is on the path of a tick.
pub struct ServerState {
    pub node: Arc<NodeState>,
    /// One per shard, by its number.
    pub inboxes: Vec<UnboundedSender<ToShard>>,
    pub allowed_origins: Live<AllowedOrigins>,
    /// The proxies whose headers are trusted.
    pub proxies: Live<TrustedProxies>,
    /// The venue protocols that are spoken.
    pub dialects: DialectSet,
    pub session_addresses: SessionAddresses,
    pub balancer: ConnectionBalancer,
    pub rejected: Rejected,
    /// Client-requested replays.
    pub replays: Arc<Replays>,
    /// A shutdown was requested: the service runs on for a while, but is not ready.
    pub leaving: AtomicBool,
    pub draining: AtomicBool,
    /// Every feed is a replay that has ended.
    pub over: AtomicBool,
    /// Throttles the warning that accepting has failed.
    pub accept_failed: Throttle,
    /// Throttles the warning that a connection could not be registered with its runtime.
    pub unregistered: Throttle,
    /// Certificates and handshakes, when TLS is used.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<TlsState>>,
    /// Counts of key server queries.
    #[cfg(feature = "tls")]
    pub key_servers: Arc<KeyServerStats>,
    /// Final reports of shards that have ended, by shard number: the accounts balance until the process ends.
    pub ended: Mutex<HashMap<usize, ShardReport>>,
}

/// The addresses that a request passed through; the last was added by the last proxy.
const FORWARDED_FOR: &str = "x-forwarded-for";

impl ServerState {
    pub fn new(
        node: Arc<NodeState>,
        inboxes: Vec<UnboundedSender<ToShard>>,
        allowed_origins: AllowedOrigins,
    ) -> Self {
        ServerState {
            balancer: ConnectionBalancer::new(inboxes.len(), &node.limits),
            node,
            inboxes,
            allowed_origins: Live::new(allowed_origins),
            proxies: Live::new(TrustedProxies::default()),
            dialects: DialectSet::default(),
            session_addresses: SessionAddresses::default(),
            rejected: Rejected::default(),
            replays: Arc::default(),
            leaving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            over: AtomicBool::new(false),
            accept_failed: Throttle::default(),
            unregistered: Throttle::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            key_servers: Arc::default(),
            ended: Mutex::default(),
        }
    }

    /// The client of a request with these headers, over a connection of this peer.
    ///
    /// # Errors
    /// When a trusted proxy names its client incorrectly.
    pub fn client(&self, peer: ClientAddress, headers: &HeaderMap) -> Result<ClientAddress, ForwardedFault> {
        let values = headers.get_all(FORWARDED_FOR).iter();
        self.proxies.client(peer, values.map(HeaderValue::as_bytes))
    }

    /// Counts a connection; returns the running shard with the fewest, and the permit. `None` when the limit is reached
    /// and nothing can be evicted.
    pub fn count_connection(&self, role: Role, peer: ClientAddress) -> Option<(usize, Connection)> {
        self.balancer.count_in(role, peer, |shard| !self.inboxes[shard].is_closed())
    }
}
