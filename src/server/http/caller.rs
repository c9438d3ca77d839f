//! The other end of an HTTP connection, and what becomes of its socket.

use std::{cell::Cell, net::SocketAddr, sync::Arc};

use tokio::sync::Notify;

use super::activity::HttpActivity;
use crate::server::{
    admission::balancer::{Connection, Role},
    sse::AdmittedEvents,
};

pub struct Caller {
    pub peer: SocketAddr,
    /// Notified when an event stream takes the socket over.
    pub taken_over: Notify,
    /// That event stream, and the head of its answer.
    pub stream: Cell<Option<(AdmittedEvents, Vec<u8>)>>,
    /// The role of the listener that accepted it.
    pub role: Role,
    pub activity: Arc<HttpActivity>,
    /// Moves with the socket, when a session takes it over.
    pub connection: Cell<Option<Connection>>,
}
