//! Sessions for clients without WebSocket: the same messages as server-sent events, on a socket taken over from HTTP.
//!
//! HTTP reads the request and makes the head of the answer. Then the socket belongs to a session like any other:
//! `flush.rs` writes to it, in frames that all event streams share that are owed the same bytes. The body has no length
//! and no chunks; it ends with the connection.
//!
//! Invariants: input after the request is discarded, and only a limited amount of it is read. A client that has closed
//! only its own side is still served.
//!
//! A browser's `EventSource` reconnects by itself. It is told when (`retry`), and what to send back (`id`).

use std::{
    io,
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use tokio::net::TcpStream;

use super::{
    agent::Peer,
    balancer::Connection,
    budget::Budget,
    core::Core,
    places::Place,
    position::Position,
    shard::Shard,
    socket::SessionSocket,
    state::{Session, Transport},
    sweep::retry_ms,
};
use crate::{
    fanout::{Fanout, SessionKey},
    planted::{Fault, is_planted},
    wire::{CloseReason, Encoding},
};

/// An event stream that was admitted, with the subscription of its request.
pub struct Opening {
    pub peer: Peer,
    pub place: Place,
    pub command: String,
}

/// A session as one task: it waits for the client to leave, and resumes writing when the socket takes bytes.
pub struct EventTask<S: SessionSocket = TcpStream> {
    shard: Rc<Shard<S>>,
    key: SessionKey,
    stream: Rc<S>,
    /// Bytes that will still be read; none once the client has closed its side.
    ear_bytes: usize,
    /// The session's share of its peer's limits; released when the task ends.
    held: (Option<Place>, Option<Connection>),
}

/// A client has nothing to send any more. Of one that does, only this much is read.
const EAR_BYTES: usize = 16 * 1024;

impl Opening {
    /// Begins the session; `head` is sent before its first event.
    pub fn begin<S: SessionSocket>(
        self,
        shard: &Rc<Shard<S>>,
        stream: S,
        mut head: Vec<u8>,
        counted: Option<Connection>,
    ) -> EventTask<S> {
        let Opening { peer, place, command } = self;
        let shared = &shard.shared;
        let stream = Rc::new(stream);
        let now = shared.clock.now();
        let number = shared.session_numbers.fetch_add(1, Ordering::Relaxed);
        let encoding = Encoding::EVENT_STREAM;
        encoding.write_retry(retry_ms(shared, number), &mut head);
        let transport = Transport { stream: Rc::clone(&stream), encoding, waker: None };
        let budget = Budget::new(&shared.limits, now);
        let session = Session::new(transport, peer, number, budget, now, shared.market.at(now));
        let mut core = shard.core.borrow_mut();
        let key = core.open(session, head);
        core.log_opened(key);
        core.command_of_request(key, &command, now);
        if core.has_work() {
            shard.wake();
        }
        drop(core);
        let held = (Some(place), counted);
        EventTask { shard: Rc::clone(shard), key, stream, ear_bytes: EAR_BYTES, held }
    }
}

impl<S: SessionSocket> Future for EventTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let mut core = task.shard.core.borrow_mut();
        core.write_on(task.key, &task.stream, context);
        core.listen(task.key, &task.stream, &mut task.ear_bytes, context);
        core.flush(task.key);
        let is_over = core.session(task.key).is_none();
        // Its command may be carried out in parts, and a replay may wait for what this session has just taken.
        if core.fanout.has_ready() || core.has_work() || core.shared.ingest.readers.is_watched() {
            task.shard.wake();
        }
        if is_over {
            task.held = (None, None);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// The order up to which a session was sent all ticks that it is due, and none beyond; `None` when there is no such
/// order. `newest` is the order of the newest tick that it was sent, `taken` that of the last one that arrived here.
fn position(fanout: &Fanout, key: SessionKey, newest: u64, taken: u64) -> Option<u64> {
    let unsent = fanout.first_unsent(key);
    let order = unsent.map_or(taken, |order| order.saturating_sub(1).min(taken));
    (newest <= order).then_some(order)
}

impl<S: SessionSocket> Core<S> {
    /// Appends the `id` line with the stream's position after a frame whose newest tick has this order.
    pub(super) fn write_position(&mut self, key: SessionKey, newest_order: u64, out: &mut Vec<u8>) {
        let taken = self.taken();
        let Some(session) = self.session(key) else { return };
        session.newest_order = session.newest_order.max(newest_order);
        let (newest, begins) = (session.newest_order, session.jobs.is_some());
        // A long command that has not been begun has been sent nothing.
        let order = position(&self.fanout, key, newest, taken).filter(|_| !begins);
        let order = order.map(|order| order + u64::from(is_planted(Fault::WrongPosition)));
        Position::write(&self.shared.epoch, order, out);
    }

    /// Reads and discards the client's input, to learn that it has gone.
    fn listen(&mut self, key: SessionKey, stream: &S, ear_bytes: &mut usize, context: &mut Context<'_>) {
        let mut sink = [0; 1024];
        while *ear_bytes > 0 {
            let read = match stream.poll_readable(context) {
                Poll::Pending => return,
                Poll::Ready(ready) => ready.and_then(|()| stream.receive(&mut sink)),
            };
            match read {
                Ok(0) => {
                    *ear_bytes = 0;
                    self.probe(key);
                }
                Ok(bytes) => *ear_bytes = ear_bytes.saturating_sub(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return self.drop_session(key, CloseReason::Gone),
            }
        }
        if self.session(key).is_some_and(|session| session.has_said_all()) {
            self.drop_session(key, CloseReason::Gone);
        }
    }

    /// A client that has closed its side may still read, or be gone. A comment tells which: a reset answers it, and the
    /// next write fails.
    fn probe(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key).filter(|session| session.is_open()) {
            session.control.extend_from_slice(b":\n\n");
        }
    }
}
