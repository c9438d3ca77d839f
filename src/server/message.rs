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
    /// What users and addresses use.
    Used(oneshot::Sender<Used>),
    /// Closes sessions, for an operator; answers how many.
    Close(CloseTarget, oneshot::Sender<u64>),
    /// Rights may have been taken back: sessions are looked at now, and not at the next turn or sweep.
    Rights,
    /// The limits have changed. The shard copies those that it keeps, so that the way of a tick reads its own. Answers
    /// when it has.
    Reload(mpsc::Sender<()>),
    Drain,
    /// Frees unused memory; answers when it has.
    Shrink(mpsc::Sender<()>),
    /// Asks whether the shard still runs its turns.
    Alive(oneshot::Sender<()>),
    /// Whether every feed is a replay that has ended.
    Over(bool),
    /// Asks whether every session has been sent what it was due at this market time.
    CaughtUp(Nanos, CaughtUpReply),
}

/// A function, because the asker may be a thread that blocks or a task that does not.
pub type CaughtUpReply = Box<dyn FnOnce(bool) + Send>;

/// A connection that has been accepted and counted, and of whose first request nothing has been taken.
pub struct AcceptedConnection {
    pub stream: AcceptedStream,
    pub peer: ClientAddress,
    /// The role of the listener that accepted it.
    pub role: Role,
    pub counted: Connection,
    /// When it was accepted: its first request has a deadline from then on.
    pub began: Instant,
}

/// A socket that no runtime watches.
pub enum AcceptedStream {
    Plain(TcpStream),
    /// With the record layer that its handshake left.
    #[cfg(feature = "tls")]
    Tls(TcpStream, Box<TlsLayer>),
}
