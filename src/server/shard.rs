//! [`Shard`]: the sessions of one thread, and the operations of its event loop, which is in `shard_thread.rs`.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    http_connection::HttpConnection,
    message::{AcceptedConnection, ToShard},
    slices::HttpSlices,
    socket::ClientSocket,
    state::ServerState,
};
use crate::{
    session::{core::Core, node::NodeState, socket::SessionSocket, turn::Due},
    topic::{Batch, BatchQueue, Interest},
};

/// Serves a connection that is no plain upgrade, by spawning tasks on the shard's thread.
pub type Serve<S> = Box<dyn Fn(&Rc<Shard<S>>, HttpConnection<S>)>;

pub struct Shard<S: SessionSocket = ClientSocket> {
    pub node: Arc<NodeState>,
    pub server: Arc<ServerState>,
    pub number: usize,
    pub core: RefCell<Core<S>>,
    pub serve: Serve<S>,
    pub slices: HttpSlices,
    batch_queue: Arc<BatchQueue<Batch>>,
    pub(super) wake: Arc<Notify>,
}

/// How often deadlines are checked. No session has a timer of its own.
pub const SWEEP: Duration = Duration::from_millis(250);

impl<S: SessionSocket> Shard<S> {
    pub fn new(
        number: usize,
        server: Arc<ServerState>,
        batch_queue: Arc<BatchQueue<Batch>>,
        wake: Arc<Notify>,
        interest: Arc<Interest>,
        serve: Serve<S>,
    ) -> Rc<Self> {
        let node = Arc::clone(&server.node);
        let core = RefCell::new(Core::new(&node, number, interest));
        let slices = HttpSlices::new(Arc::clone(&wake));
        Rc::new(Shard { node, server, number, core, serve, slices, batch_queue, wake })
    }

    /// Runs one turn and returns when the next is due; `None` when the shard is drained and has stored its last report.
    pub fn turn(&self) -> Option<Due> {
        let mut core = self.core.borrow_mut();
        let due = core.turn(&self.batch_queue);
        if core.is_drained() {
            let report = core.report();
            self.server.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number, report);
            return None;
        }
        self.slices.renew();
        Some(if self.slices.has_waiting() { Due::Now } else { due })
    }

    /// The time until `due`.
    pub fn wait(&self, due: &Due) -> Duration {
        match *due {
            Due::Now => Duration::ZERO,
            // At most until the next sweep: a paused market clock may never reach the time.
            Due::At(time) => Duration::from_nanos(time.since(self.node.clock.now())).min(SWEEP),
            Due::Never => SWEEP,
        }
    }

    /// Requests a turn, from this thread: a command has made sessions ready.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Handles a request from another thread. A connection is returned, because the driver must spawn it.
    pub fn handle(&self, message: ToShard) -> Option<AcceptedConnection> {
        match message {
            ToShard::Connection(accepted) => return Some(accepted),
            // If the receiver is gone, the request was cancelled.
            ToShard::Report(reply) => drop(reply.send(self.core.borrow_mut().report())),
            ToShard::Slowest(count, reply) => drop(reply.send(self.core.borrow().slowest(count))),
            ToShard::Sessions(query, reply) => drop(reply.send(self.core.borrow().listed(&query))),
            ToShard::Used(reply) => drop(reply.send(self.core.borrow().used())),
            ToShard::Close(target, reply) => {
                let _ = reply.send(self.core.borrow_mut().close_for_operator(&target));
            }
            ToShard::Rights => self.core.borrow_mut().end_rights(self.node.clock.now()),
            ToShard::Reload(done) => {
                self.core.borrow_mut().reload();
                // The caller may have timed out.
                let _ = done.send(());
            }
            ToShard::Shrink(done) => self.core.borrow_mut().shrink(done),
            ToShard::Alive(reply) => drop(reply.send(())),
            ToShard::Drain => self.core.borrow_mut().drain(&self.batch_queue),
            ToShard::CaughtUp(as_of, reply) => {
                reply(self.core.borrow_mut().is_caught_up(&self.batch_queue, as_of));
            }
            ToShard::Over(over) => self.core.borrow_mut().set_over(over, &self.batch_queue),
        }
        None
    }
}
