//! The start of a connection: it becomes a session directly, or is handed to HTTP.
//!
//! Most connections are upgrades whose head arrives whole. They need no hyper connection with its buffers, tasks and
//! timers, which would cost more than the rest of admission. The head is parsed here, and its answer, the welcome and
//! the first subscription's data leave in one write. Everything else goes to hyper with the bytes read: other requests,
//! heads in pieces, and upgrades not answered by 101.
//!
//! Invariants: this file decides only whether a head takes the fast path. For both paths, `handshake.rs` checks
//! upgrades and `admission/sessions.rs` admits clients, and one deadline covers accept to the end of the first head.

use std::{
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{
    Request,
    header::{self, HeaderName, HeaderValue},
};

use super::{
    admission::{
        balancer::{Connection, Idleness, Role},
        rejected::RejectedReason,
        sessions,
    },
    dialects,
    handshake::{self, user_agent},
    http_connection::HttpConnection,
    message::AcceptedConnection,
    pages::Encrypted,
    routes::{HEADERS_MAX, STREAM_PATH},
    session_task::{NewSession, SessionTask},
    shard::Shard,
    socket::ClientSocket,
};
use crate::{
    planted::{Fault, is_planted},
    proxies::{AddressSource, ClientAddress, ProxyHead},
    session::{dialect::DialectSession, peer::Peer, socket::SessionSocket},
    spans,
    wire::dialects::DialectSet,
};

/// The task of a connection, from accept on.
pub struct ConnectionTask<S: SessionSocket = ClientSocket>(ConnectionState<S>);

enum ConnectionState<S: SessionSocket> {
    ReadingHead(HeadReader<S>),
    Session(SessionTask<S>),
    /// It has ended, or was handed to HTTP.
    Ended,
}

struct HeadReader<S: SessionSocket> {
    shard: Rc<Shard<S>>,
    stream: S,
    peer: ClientAddress,
    role: Role,
    counted: Connection,
    deadline: Pin<Box<S::Timer>>,
    /// The received part of a PROXY protocol header; `None` when none is due.
    proxy_head: Option<Vec<u8>>,
}

/// A longer head goes to HTTP.
const HEAD_BYTES_MAX: usize = 4 * 1024;
/// The start of a client that speaks HTTP/2 without negotiation.
const HTTP2_BEGIN: &[u8] = b"PRI * HTTP/2";

impl<S: SessionSocket> ConnectionTask<S> {
    /// `left`: the time until its first request must have arrived.
    pub fn new(
        shard: Rc<Shard<S>>,
        stream: S,
        peer: ClientAddress,
        role: Role,
        counted: Connection,
        left: Duration,
    ) -> Self {
        let shorter = if is_planted(Fault::HandshakeTooShort) { 2 } else { 1 };
        let deadline = Box::pin(stream.timer(left / shorter));
        // With TLS, the header came unencrypted before the handshake, and was read there.
        let is_due = peer.source == AddressSource::Proxy
            && !stream.is_encrypted()
            && shard.server.proxies.speaks(peer.ip());
        ConnectionTask(ConnectionState::ReadingHead(HeadReader {
            shard,
            stream,
            peer,
            role,
            counted,
            deadline,
            proxy_head: is_due.then(Vec::new),
        }))
    }
}

impl<S: SessionSocket> Future for ConnectionTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ConnectionTask(state) = self.get_mut();
        if let ConnectionState::ReadingHead(reader) = state {
            let mut buffer = [0; HEAD_BYTES_MAX];
            let bytes = ready!(reader.poll_request(context, &mut buffer));
            if let ConnectionState::ReadingHead(reader) = std::mem::replace(state, ConnectionState::Ended)
                && bytes > 0
            {
                *state = reader.decide(&buffer[..bytes]);
            }
        }
        match state {
            ConnectionState::Session(task) => Pin::new(task).poll(context),
            ConnectionState::ReadingHead(_) | ConnectionState::Ended => Poll::Ready(()),
        }
    }
}

impl<S: SessionSocket> HeadReader<S> {
    /// As [`Self::poll_read`], for the bytes after a PROXY protocol header.
    fn poll_request(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        while let Some(mut head) = self.proxy_head.take() {
            // Earlier bytes and new ones must fit into the buffer together.
            let room = buffer.len() - head.len();
            let Poll::Ready(bytes) = self.poll_read(context, &mut buffer[..room]) else {
                self.proxy_head = Some(head);
                return Poll::Pending;
            };
            if bytes == 0 {
                return Poll::Ready(0);
            }
            head.extend_from_slice(&buffer[..bytes]);
            match ProxyHead::of(&head) {
                ProxyHead::Incomplete => self.proxy_head = Some(head),
                ProxyHead::Faulty => {
                    self.shard.server.rejected.count(RejectedReason::ProxyHeader);
                    tracing::debug!(peer = %self.peer, "a trusted proxy has sent no header of the PROXY protocol");
                    return Poll::Ready(0);
                }
                ProxyHead::Whole { client, bytes } => {
                    self.peer = self.peer.told(client);
                    if !self.counted.settle(self.peer) {
                        self.shard.server.rejected.count(RejectedReason::Connections);
                        return Poll::Ready(0);
                    }
                    let rest = &head[bytes..];
                    if !rest.is_empty() {
                        buffer[..rest.len()].copy_from_slice(rest);
                        return Poll::Ready(rest.len());
                    }
                }
            }
        }
        self.poll_read(context, buffer)
    }

    /// Returns the number of bytes read; 0 when the connection has ended or its deadline has passed.
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        if !self.counted.busy() {
            // The connection was evicted.
            return Poll::Ready(0);
        }
        match self.stream.poll_receive(context, buffer) {
            Poll::Ready(result) => Poll::Ready(result.unwrap_or(0)),
            Poll::Pending => {
                if self.deadline.as_mut().poll(context).is_pending() || is_planted(Fault::HandshakeForever) {
                    self.counted.idle(Idleness::Silent, context.waker());
                    return Poll::Pending;
                }
                self.shard.server.rejected.count(RejectedReason::Timeout);
                Poll::Ready(0)
            }
        }
    }

    fn decide(self, read: &[u8]) -> ConnectionState<S> {
        let HeadReader { shard, stream, peer, role, counted, deadline, .. } = self;
        if role == Role::Clients
            && let Some(PlainUpgrade { mut request, head_bytes, mut dialect }) =
                plain_upgrade(read, shard.server.dialects)
            && !shard.server.draining.load(Ordering::Relaxed)
            && let Ok(accepted) = match dialect.as_deref_mut() {
                None => handshake::check(&request, &shard.node.limits),
                Some(dialect) => dialects::check(&request, dialect),
            }
            && let Ok(client) = shard.server.client(peer, request.headers())
        {
            if stream.is_encrypted() {
                request.extensions_mut().insert(Encrypted);
            }
            let span = spans::upgrade();
            let admission = sessions::admit(&shard.server, &request, client);
            let agent = shard.core.borrow_mut().agents.of(user_agent(request.headers()));
            let is_local = sessions::is_local(&shard.server, &request, client);
            let peer = Peer { address: client.address, agent, is_local };
            let (encoding, read_ahead) = (accepted.encoding, &read[head_bytes..]);
            let new =
                NewSession { stream, encoding, dialect, peer, read_ahead, counted: Some(counted), span };
            return ConnectionState::Session(new.begin(shard, admission, accepted.head()));
        }
        let mut read = read.to_vec();
        if read.starts_with(HTTP2_BEGIN) {
            // hyper closes silently on HTTP/2, but reports an unknown version; so make it one.
            read[HTTP2_BEGIN.len() - 1] = b'9';
        }
        let connection = HttpConnection { stream, read, peer, role, counted, deadline };
        (shard.serve)(&shard, connection);
        ConnectionState::Ended
    }
}

/// Starts a connection on its shard's thread.
pub fn start_connection(shard: &Rc<Shard>, accepted: AcceptedConnection) {
    let AcceptedConnection { stream, peer, role, counted, began } = accepted;
    match ClientSocket::of(stream) {
        Ok(stream) => {
            let left = shard.node.limits.handshake.saturating_sub(began.elapsed());
            let task = ConnectionTask::new(Rc::clone(shard), stream, peer, role, counted, left);
            tokio::task::spawn_local(task);
        }
        Err(error) => {
            if let Some(suppressed) = shard.server.unregistered.pass(shard.node.clock.now()) {
                tracing::warn!(%peer, %error, suppressed, "a connection could not be registered");
            }
        }
    }
}

/// A whole head that asks for a session; hyper would lead to the same result.
struct PlainUpgrade {
    request: Request<()>,
    head_bytes: usize,
    /// Set for a venue's protocol; `None` for our own.
    dialect: Option<Box<DialectSession>>,
}

fn plain_upgrade(bytes: &[u8], known: DialectSet) -> Option<PlainUpgrade> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes).ok()? else { return None };
    let path = head.path?;
    let is_stream =
        path.strip_prefix(STREAM_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'));
    if head.method != Some("GET") || head.version != Some(1) {
        return None;
    }
    let mut request = Request::new(());
    *request.uri_mut() = path.parse().ok()?;
    let dialect = if is_stream { None } else { Some(dialects::of_path(known, request.uri())?) };
    request.headers_mut().reserve(head.headers.len());
    for httparse::Header { name, value } in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        // A body would come between the head and the frames.
        if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::EXPECT) {
            return None;
        }
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(PlainUpgrade { request, head_bytes, dialect })
}
