//! Requests from other threads to a shard, each handled between two turns.

use std::{net::TcpStream, sync::mpsc, time::Instant};

use tokio::sync::oneshot;

use super::admission::balancer::{Connection, Role};
#[cfg(feature = "tls")]
use super::tls::TlsLayer;
use crate::{
    proxies::ClientAddress,
    session::{
        maintenance::{
            admin::{CloseTarget, ListedSession, SessionsQuery},
            slow::SlowSession,
            top::Used,
        },
        stats::ShardReport,
    },
    tick::Nanos,
};

pub enum ToShard {
    Connection(AcceptedConnection),
    Report(oneshot::Sender<ShardReport>),
    Slowest(usize, oneshot::Sender<Vec<SlowSession>>),
    Sessions(SessionsQuery, oneshot::Sender<Vec<ListedSession>>),
    /// The current usage of users and addresses.
    Used(oneshot::Sender<Used>),
    /// Closes sessions for an operator; answers how many.
    Close(CloseTarget, oneshot::Sender<u64>),
    /// Rights may have been revoked: check sessions now, not at the next turn or sweep.
    Rights,
    /// The limits have changed. The shard updates its copies of limits on the path of a tick, then answers.
    Reload(mpsc::Sender<()>),
    Drain,
    /// Frees unused memory, then answers.
    Shrink(mpsc::Sender<()>),
    /// Asks whether the shard still runs its turns.
    Alive(oneshot::Sender<()>),
    /// Whether every feed is a replay that has ended.
    Over(bool),
    /// Asks whether every session has been sent what it was due at this market time.
    CaughtUp(Nanos, CaughtUpReply),
}

/// A function, because the caller may be a blocking thread or a task.
pub type CaughtUpReply = Box<dyn FnOnce(bool) + Send>;

/// A connection that is accepted and counted, with nothing read of its first request.
pub struct AcceptedConnection {
    pub stream: AcceptedStream,
    pub peer: ClientAddress,
    /// The role of the listener that accepted it.
    pub role: Role,
    pub counted: Connection,
    /// When it was accepted: the deadline of its first request counts from here.
    pub began: Instant,
}

/// A socket that is registered with no runtime.
pub enum AcceptedStream {
    Plain(TcpStream),
    /// With the record layer after its handshake.
    #[cfg(feature = "tls")]
    Tls(TcpStream, Box<TlsLayer>),
}
