//! The other end of an HTTP connection, and what becomes of its socket.

use std::{cell::Cell, sync::Arc};

use tokio::sync::Notify;

use super::activity::HttpActivity;
use crate::{
    proxies::ClientAddress,
    server::{
        admission::balancer::{Connection, Role},
        sse::AdmittedEvents,
    },
};

pub struct Caller {
    /// Of the connection.
    pub peer: ClientAddress,
    /// Of the request that is being answered: a proxy's connection may have those of many clients, one after another.
    pub client: Cell<ClientAddress>,
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
