//! What readers let feeds know, so that a feed knows no session: how many clients have subscribed.
//!
//! Invariant: who has [joined](Readers::join) is counted until its [`Joined`] is dropped.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use crate::bell::Bell;

/// Shared by feeds and shards.
#[derive(Debug, Default)]
pub struct Readers {
    clients: AtomicUsize,
    /// Of feeds that want to know when something has changed here.
    bells: Mutex<Vec<Bell>>,
}

/// One client that has subscribed.
#[derive(Debug)]
pub struct Joined(Arc<Readers>);

impl Readers {
    /// Counts a client that has subscribed. What it subscribed to must be in force already.
    pub fn join(self: &Arc<Self>) -> Joined {
        self.clients.fetch_add(1, Ordering::Release);
        self.ring();
        Joined(Arc::clone(self))
    }

    /// Clients that have subscribed and are still there.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// Rings this bell whenever something has changed.
    pub fn listen(&self, bell: &Bell) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell.clone());
    }

    fn ring(&self) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Bell::ring);
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
