//! Event streams, for clients without WebSocket: the same messages as server-sent events, on a socket taken over from
//! HTTP.
//!
//! hyper reads the request and builds the head of the answer. Then the socket belongs to a session like any other:
//! `session/outbound/write.rs` writes frames that all event streams with the same bytes share. The body has neither
//! length nor chunks and ends with the connection. With gzip it is one member, whose shared parts are compressed once
//! for all streams (`wire/compression/gzip.rs`).
//!
//! Invariants: input after the request is discarded, up to a limit. A client that has closed only its own side is still
//! served.
//!
//! A browser's `EventSource` reconnects by itself: after `retry`, sending back the last `id`.

use std::{
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use super::{
    admission::{
        addresses::AddressPermit, balancer::Connection, rejected::RejectedReason, sessions::SessionAccess,
    },
    shard::Shard,
    socket::ClientSocket,
};
use crate::{
    fanout::SessionKey,
    session::{
        maintenance::drain::retry_ms,
        peer::Peer,
        socket::SessionSocket,
        state::{Session, Transport},
    },
    wire::{Encoding, compression::gzip},
};

/// An admitted event stream, with the subscription in its request.
pub struct AdmittedEvents {
    pub peer: Peer,
    pub permit: AddressPermit,
    pub access: SessionAccess,
    pub command: String,
    /// Plain, or compressed by gzip.
    pub encoding: Encoding,
}

/// The task of an event stream: waits for the client to leave, and resumes writing when the socket is writable.
pub struct EventTask<S: SessionSocket = ClientSocket> {
    shard: Rc<Shard<S>>,
    key: SessionKey,
    stream: Rc<S>,
    /// Input bytes that will still be read; 0 once the client has closed its side.
    input_bytes_left: usize,
    /// The session's permits of its peer's limits; released when the task ends.
    permits: (Option<AddressPermit>, Option<Connection>),
}

/// Clients have nothing more to send. If one does, only this much is read.
const INPUT_BYTES_MAX: usize = 16 * 1024;

impl AdmittedEvents {
    /// Starts the session; `head` is sent before its first event.
    pub fn begin<S: SessionSocket>(
        self,
        shard: &Rc<Shard<S>>,
        stream: S,
        mut head: Vec<u8>,
        counted: Option<Connection>,
    ) -> EventTask<S> {
        let AdmittedEvents { peer, permit, access, command, encoding } = self;
        let node = &shard.node;
        let stream = Rc::new(stream);
        let now = node.clock.now();
        let number = node.session_numbers.fetch_add(1, Ordering::Relaxed);
        if encoding.is_gzip() {
            gzip::write_head(&mut head);
        }
        let transport = Transport { stream: Rc::clone(&stream), encoding, waker: None };
        let mut session = Session::new(node, transport, peer, number, now);
        session.control = head;
        session.write_own(|encoding, out| encoding.write_retry(retry_ms(node, number), out));
        let head = std::mem::take(&mut session.control);
        let head_bytes = head.len();
        let mut core = shard.core.borrow_mut();
        let key = core.open(session, head);
        if let Some(close) = access.taken_back(node) {
            shard.server.rejected.count(RejectedReason::Token);
            core.refuse(key, close, head_bytes);
        } else {
            access.give(&mut core, key);
            core.log_opened(key);
            core.command_of_request(key, &command, now);
        }
        if core.has_work() {
            shard.wake();
        }
        drop(core);
        let permits = (Some(permit), counted);
        EventTask { shard: Rc::clone(shard), key, stream, input_bytes_left: INPUT_BYTES_MAX, permits }
    }
}

impl<S: SessionSocket> Future for EventTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let mut core = task.shard.core.borrow_mut();
        core.resume_writing(task.key, &task.stream, context);
        core.discard_input(task.key, &task.stream, &mut task.input_bytes_left, context);
        core.flush(task.key);
        let is_over = core.session(task.key).is_none();
        // Its command may run in slices.
        if core.wants_turn() {
            task.shard.wake();
        }
        if is_over {
            task.permits = (None, None);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
