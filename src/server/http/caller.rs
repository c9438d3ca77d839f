//! [`Caller`]: the client of an HTTP connection, and what becomes of its socket.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use tokio::sync::Notify;

use super::activity::HttpActivity;
use crate::{
    access::SharedRights,
    proxies::ClientAddress,
    server::{
        admission::balancer::{Connection, Role},
        sse::AdmittedEvents,
    },
    session::node::NodeState,
};

pub struct Caller {
    /// The peer of the connection.
    pub peer: ClientAddress,
    /// The client of the current request: one proxy connection may carry requests of many clients.
    pub client: Cell<ClientAddress>,
    /// Notified when an event stream takes the socket over.
    pub taken_over: Notify,
    /// The event stream, and the head of its answer.
    pub stream: Cell<Option<(AdmittedEvents, Vec<u8>)>>,
    /// The role of the listener that accepted it.
    pub role: Role,
    pub activity: Arc<HttpActivity>,
    /// Rights of the requests whose answers may not be out yet.
    rights: RefCell<Vec<SharedRights>>,
    /// Moves with the socket when a session takes it over.
    pub connection: Cell<Option<Connection>>,
}

impl Caller {
    /// For a connection whose socket HTTP holds.
    pub fn new(
        peer: ClientAddress,
        role: Role,
        activity: Arc<HttpActivity>,
        connection: Option<Connection>,
    ) -> Self {
        Caller {
            peer,
            client: Cell::new(peer),
            taken_over: Notify::new(),
            stream: Cell::new(None),
            role,
            activity,
            rights: RefCell::default(),
            connection: Cell::new(connection),
        }
    }

    /// Notes the rights of the current answer, until all of it is out.
    pub fn answers_under(&self, rights: &SharedRights) {
        let mut under = self.rights.borrow_mut();
        if self.activity.is_flushed() {
            under.clear();
        }
        if !under.iter().any(|known| Arc::ptr_eq(known, rights)) {
            under.push(SharedRights::clone(rights));
        }
    }

    /// Whether an answer may be pending whose rights can end.
    pub fn has_rights(&self) -> bool {
        !self.rights.borrow().is_empty()
    }

    /// Whether rights have ended under which bytes may still be pending.
    pub fn have_rights_ended(&self, node: &NodeState) -> bool {
        let now = node.clock.now();
        self.rights.borrow().iter().any(|rights| rights.is_expired(now) || node.authority.is_revoked(rights))
    }
}
