//! Sessions for clients without WebSocket: the same messages as server-sent events, on a socket that HTTP gives up.
//!
//! HTTP reads the request and makes the head of the answer; then the socket is the session's, which is one as any other:
//! written to by `flush.rs`, in frames that all event streams share who are owed the same. Its body has no length and no
//! chunks; it ends with the connection.
//!
//! Invariants: what a client sends behind its request is forgotten, and no more of it is read than a little; one that
//! has closed only its own side is served on.
//!
//! A browser's `EventSource` comes back by itself: it is told when (`retry`), and what to bring back (`id`).

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
    wire::{CloseReason, Framing, frame},
};

/// An event stream that may begin, with what it asks for.
pub struct Opening {
    pub peer: Peer,
    pub place: Place,
    pub command: String,
}

/// A session's whole life, as one task: it waits for the client to go, and goes on writing when the socket lets it.
pub struct EventTask<S: SessionSocket = TcpStream> {
    shard: Rc<Shard<S>>,
    key: SessionKey,
    stream: Rc<S>,
    /// Bytes that will still be read; none once the client has closed its side.
    ear_bytes: usize,
    /// What the session holds of its peer's share; given back when the task ends.
    held: (Option<Place>, Option<Connection>),
}

/// A client has nothing to say any more; one that does is not listened to for ever.
const EAR_BYTES: usize = 16 * 1024;

impl Opening {
    /// Begins the session; `head` goes out before its first event.
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
        frame::write_retry(retry_ms(shared, number), &mut head);
        let transport = Transport { stream: Rc::clone(&stream), framing: Framing::Events, waker: None };
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
        // Its command may be carried out in parts, and a replay may wait for what this one has just taken.
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

/// The place among all ticks up to which a session was sent all that it is due, and nothing beyond; `None` when there is no
/// such place. `newest` is that of the newest tick that it was sent, `taken` that of the last one that came here.
fn position(fanout: &Fanout, key: SessionKey, newest: u64, taken: u64) -> Option<u64> {
    let unsent = fanout.first_unsent(key);
    let order = unsent.map_or(taken, |order| order.saturating_sub(1).min(taken));
    (newest <= order).then_some(order)
}

impl<S: SessionSocket> Core<S> {
    /// Appends the line that says where an event stream stands behind a frame whose newest tick has this place.
    pub(super) fn write_position(&mut self, key: SessionKey, newest_order: u64, out: &mut Vec<u8>) {
        let taken = self.taken();
        let Some(session) = self.session(key) else { return };
        session.newest_order = session.newest_order.max(newest_order);
        let (newest, begins) = (session.newest_order, session.jobs.is_some());
        // Of what a long command has not begun yet nothing was sent.
        let order = position(&self.fanout, key, newest, taken).filter(|_| !begins);
        let order = order.map(|order| order + u64::from(is_planted(Fault::WrongPosition)));
        Position::write(&self.shared.epoch, order, out);
    }

    /// Reads and forgets what the client says, to learn that it has gone.
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

    /// A client that has closed its side may still read, or be gone: a comment tells, by the reset that answers it, so
    /// that the write behind it fails.
    fn probe(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key).filter(|session| session.is_open()) {
            session.control.extend_from_slice(b":\n\n");
        }
    }
}
