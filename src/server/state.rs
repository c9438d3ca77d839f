//! What accepting connections, admission and HTTP share, in all shards of one node.
//!
//! Not what sessions need on the path of a tick, which is `session/node.rs`.

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

/// It is read only, counted in atomics, or replaced whole by a reload. The locks are not on the path of a tick.
pub struct ServerState {
    pub node: Arc<NodeState>,
    /// Of each shard, by its number.
    pub inboxes: Vec<UnboundedSender<ToShard>>,
    pub allowed_origins: Live<AllowedOrigins>,
    /// The proxies that are believed.
    pub proxies: Live<TrustedProxies>,
    /// The protocols of venues that are spoken here.
    pub dialects: DialectSet,
    pub session_addresses: SessionAddresses,
    pub balancer: ConnectionBalancer,
    pub rejected: Rejected,
    /// Replays of their own that clients ask for.
    pub replays: Arc<Replays>,
    /// A shutdown has been requested: the service runs on for a while and is not ready.
    pub leaving: AtomicBool,
    pub draining: AtomicBool,
    /// Every feed is a replay that has ended.
    pub over: AtomicBool,
    /// Limits the warning that accepting has failed.
    pub accept_failed: Throttle,
    /// Limits the warning that a connection could not be registered with its runtime.
    pub unregistered: Throttle,
    /// Certificates and handshakes, where TLS is spoken.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<TlsState>>,
    /// How asking key servers goes.
    #[cfg(feature = "tls")]
    pub key_servers: Arc<KeyServerStats>,
    /// Final reports of shards that have ended, by shard number: the accounts balance until the process ends.
    pub ended: Mutex<HashMap<usize, ShardReport>>,
}

/// The addresses that a request has come by, the last one added by the last proxy.
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

    /// Whose a request with these headers is, that came by a connection of this peer.
    ///
    /// # Errors
    /// When it came by a trusted proxy that names its client wrongly.
    pub fn client(&self, peer: ClientAddress, headers: &HeaderMap) -> Result<ClientAddress, ForwardedFault> {
        let values = headers.get_all(FORWARDED_FOR).iter();
        self.proxies.client(peer, values.map(HeaderValue::as_bytes))
    }

    /// Counts a connection, and returns the running shard with the fewest, and the count. `None` when there are too
    /// many, and none of them can be evicted.
    pub fn count_connection(&self, role: Role, peer: ClientAddress) -> Option<(usize, Connection)> {
        self.balancer.count_in(role, peer, |shard| !self.inboxes[shard].is_closed())
    }
}
