//! A WebSocket session as one task of its shard's thread, from the answer to its upgrade on.
//!
//! Browsers hide a failed handshake from pages, so refusals that a page should see are sent as close codes.

use std::{
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use super::{
    admission::{
        addresses::AddressPermit,
        balancer::Connection,
        sessions::{Admission, Admitted},
    },
    shard::Shard,
    socket::ClientSocket,
};
use crate::{
    fanout::SessionKey,
    planted::{Fault, is_planted},
    session::{
        dialect::DialectSession,
        inbound::read::Inbound,
        peer::Peer,
        socket::SessionSocket,
        state::{Session, Transport},
    },
    spans::OpenSpan,
    wire::Encoding,
};

/// The task of a session after its handshake: reads, and resumes writing when the socket is writable.
///
/// A hand-written future, because an `async fn` would hold its arguments twice.
pub struct SessionTask<S: SessionSocket = ClientSocket> {
    pub shard: Rc<Shard<S>>,
    pub key: SessionKey,
    pub stream: Rc<S>,
    pub inbound: Inbound,
    /// The session's permits of its peer's limits; released when the task ends.
    pub permits: (Option<AddressPermit>, Option<Connection>),
}

/// A connection whose upgrade was answered.
pub struct NewSession<'a, S = ClientSocket> {
    pub stream: S,
    pub encoding: Encoding,
    /// Set for a venue's protocol; `None` for our own.
    pub dialect: Option<Box<DialectSession>>,
    pub peer: Peer,
    /// Bytes received after the request.
    pub read_ahead: &'a [u8],
    pub counted: Option<Connection>,
    /// Trace span of the upgrade.
    pub span: OpenSpan,
}

impl<S: SessionSocket> NewSession<'_, S> {
    /// Starts the session, or ends one that is refused. `head` is sent before its first frame.
    pub fn begin(self, shard: Rc<Shard<S>>, admission: Admission, head: Vec<u8>) -> SessionTask<S> {
        let NewSession { stream, encoding, dialect, peer, read_ahead, counted, mut span } = self;
        let node = &shard.node;
        let stream = Rc::new(stream);
        let inbound = Inbound::new(read_ahead, encoding, &node.limits);
        let now = node.clock.now();
        let number = node.session_numbers.fetch_add(1, Ordering::Relaxed);
        span.note_session(number);
        let transport = Transport { stream: Rc::clone(&stream), encoding, waker: None };
        let takes_keys = dialect.as_deref().is_none_or(|dialect| dialect.conversation.rules().takes_keys);
        let admission = admission.and_then(|admitted| admitted.with_token(takes_keys, node));
        let has_dialect = dialect.is_some();
        let session = Session { dialect, ..Session::new(node, transport, peer, number, now) };
        let mut core = shard.core.borrow_mut();
        let head_bytes = head.len();
        let key = core.open(session, head);
        let permit = match admission.and_then(|admitted| admitted.again(node)) {
            Ok(Admitted { permit, access, command }) => {
                span.end();
                access.give(&mut core, key);
                core.log_opened(key);
                if has_dialect {
                    core.open_dialect(key, now);
                } else if let Some(command) = command {
                    core.command_of_request(key, &command, now);
                }
                Some(permit)
            }
            Err((reason, close)) => {
                shard.server.rejected.count(reason);
                span.fail(reason.label());
                core.refuse(key, close, head_bytes);
                None
            }
        };
        drop(core);
        SessionTask { shard, key, stream, inbound, permits: (permit, counted) }
    }
}

impl<S: SessionSocket> Future for SessionTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let mut core = task.shard.core.borrow_mut();
        let result = core.poll_session(task.key, &task.stream, &mut task.inbound, context);
        if result.is_ready() {
            if is_planted(Fault::KeepsPermit) {
                std::mem::forget(task.permits.0.take());
            }
            task.permits = (None, None);
        }
        // This client's commands may have queued messages for other sessions and made them ready.
        if core.wants_turn() {
            task.shard.wake();
        }
        result
    }
}
