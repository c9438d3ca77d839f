//! The socket of an HTTP connection, shared by HTTP and the connection's deadlines until a session takes it over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::server::socket::ClientSocket;

/// All on one thread. The lock is never contended; it exists because HTTP requires sockets that can move between threads.
pub struct SharedSocket(Arc<Mutex<ClientSocket>>);

/// A weak reference, valid for as long as HTTP holds the socket.
#[derive(Clone)]
pub struct WeakSocket(Weak<Mutex<ClientSocket>>);

impl SharedSocket {
    pub fn new(socket: ClientSocket) -> Self {
        SharedSocket(Arc::new(Mutex::new(socket)))
    }

    pub fn downgrade(&self) -> WeakSocket {
        WeakSocket(Arc::downgrade(&self.0))
    }

    pub fn get(&self) -> MutexGuard<'_, ClientSocket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while others hold it too.
    pub fn into_inner(self) -> Option<ClientSocket> {
        Some(Arc::into_inner(self.0)?.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl WeakSocket {
    pub fn upgrade(&self) -> Option<SharedSocket> {
        self.0.upgrade().map(SharedSocket)
    }
}
