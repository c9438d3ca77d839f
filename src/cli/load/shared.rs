//! What all sessions of a run share, on its one thread.
//!
//! Invariant: its cells are borrowed only between two awaits, never across one.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    num::NonZeroU32,
};

use rand::Rng;
use rand_pcg::Pcg64Mcg;
use tickcast::clock::Clock;
use tickcast_client::{Endpoint, EndpointError, encoding::Encoding};
use tokio::sync::{Notify, Semaphore};

use super::{client::LoadWish, ledger::Ledger};

/// What all sessions of a run share, on its one thread.
pub struct LoadShared {
    pub endpoint: Endpoint,
    /// What the server has agreed to; `None` before the first connection.
    pub encoding: Cell<Option<Encoding>>,
    pub address: SocketAddr,
    pub wish: LoadWish,
    /// `SO_RCVBUF`, if it was set.
    pub receive_buffer_bytes: Option<u32>,
    pub slow_bytes_per_second: Option<NonZeroU32>,
    pub clock: Clock,
    pub ledger: RefCell<Ledger>,
    /// The buffer into which every session reads.
    pub buffer: RefCell<Vec<u8>>,
    pub random: RefCell<Pcg64Mcg>,
    /// Handshakes under way: more at once than a server's backlog holds would measure the backlog.
    pub handshakes: Semaphore,
    /// Clients that are ready or never will be, and the word that there is one more.
    pub settled: Cell<u32>,
    pub progress: Notify,
    /// Why the first client that could not connect could not.
    pub first_failure: RefCell<Option<EndpointError>>,
}

/// Handshakes under way at once.
pub const HANDSHAKES_MAX: usize = 256;
// === impl LoadShared ===

impl LoadShared {
    pub fn mask(&self) -> [u8; 4] {
        self.random.borrow_mut().next_u32().to_ne_bytes()
    }

    /// One more client is ready, or never will be.
    pub fn settle(&self) {
        self.settled.set(self.settled.get() + 1);
        self.progress.notify_waiters();
    }
}
