//! The start of a connection: whether it becomes a session at once, or speaks HTTP.
//!
//! Most connections are upgrades whose head arrives whole. They need no HTTP connection with its buffers, tasks and
//! timers, which cost more than everything else that the server does to admit a client. The head is read here, and its
//! answer, the welcome and the data of its first subscription leave in one write. Everything else goes to hyper with
//! what has been read: other requests, heads in pieces, and upgrades that are not answered by 101.
//!
//! Invariants: this file decides only whether a head is plain. `handshake.rs` checks upgrades and admits clients on
//! both ways. One deadline covers accept to the end of the first head, on both ways.

use std::{
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll, ready},
};

use hyper::{
    Request,
    header::{self, HeaderName, HeaderValue},
};
use tokio::{io::ReadBuf, net::TcpStream};

use super::{
    accept::RejectedReason,
    agent::Peer,
    balancer::{Connection, Idleness, Role},
    handshake::{self, STREAM_PATH},
    read::SessionTask,
    shard::Shard,
    socket::SessionSocket,
};

use crate::planted::{Fault, is_planted};

/// A connection, from accept on, as one task.
pub struct ConnectionTask<S: SessionSocket = TcpStream>(State<S>);

enum State<S: SessionSocket> {
    Opening(Opening<S>),
    Session(SessionTask<S>),
    /// It has ended, or HTTP has taken it over.
    Over,
}

struct Opening<S: SessionSocket> {
    shard: Rc<Shard<S>>,
    stream: S,
    peer: SocketAddr,
    role: Role,
    counted: Connection,
    deadline: Pin<Box<S::Timer>>,
}

/// A connection for HTTP.
pub struct Unread<S: SessionSocket = TcpStream> {
    pub stream: S,
    /// The bytes read from it so far.
    pub read: Vec<u8>,
    pub peer: SocketAddr,
    pub role: Role,
    pub counted: Connection,
    /// When its first request must have arrived.
    pub deadline: Pin<Box<S::Timer>>,
}

/// The most headers of one request.
pub const HEADERS_MAX: usize = 64;
/// A longer head goes to HTTP.
const HEAD_BYTES_MAX: usize = 4 * 1024;

impl<S: SessionSocket> ConnectionTask<S> {
    pub fn new(shard: Rc<Shard<S>>, stream: S, peer: SocketAddr, role: Role, counted: Connection) -> Self {
        let shorter = if is_planted(Fault::HandshakeTooShort) { 2 } else { 1 };
        let deadline = Box::pin(stream.timer(shard.shared.limits.handshake / shorter));
        ConnectionTask(State::Opening(Opening { shard, stream, peer, role, counted, deadline }))
    }
}

impl<S: SessionSocket> Future for ConnectionTask<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ConnectionTask(state) = self.get_mut();
        if let State::Opening(opening) = state {
            let mut buffer = [MaybeUninit::uninit(); HEAD_BYTES_MAX];
            let mut buffer = ReadBuf::uninit(&mut buffer);
            let goes_on = ready!(opening.poll_read(context, &mut buffer));
            if let State::Opening(opening) = std::mem::replace(state, State::Over)
                && goes_on
            {
                *state = opening.decide(buffer.filled());
            }
        }
        match state {
            State::Session(task) => Pin::new(task).poll(context),
            State::Opening(_) | State::Over => Poll::Ready(()),
        }
    }
}

impl<S: SessionSocket> Opening<S> {
    /// Returns whether there is something to read. If not, the connection has ended or its deadline has passed.
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<bool> {
        if !self.counted.busy() {
            // The connection was evicted.
            return Poll::Ready(false);
        }
        match self.stream.poll_receive(context, buffer) {
            Poll::Ready(result) => Poll::Ready(result.is_ok() && !buffer.filled().is_empty()),
            Poll::Pending => {
                if self.deadline.as_mut().poll(context).is_pending() || is_planted(Fault::HandshakeForever) {
                    self.counted.idle(Idleness::Silent, context.waker());
                    return Poll::Pending;
                }
                self.shard.shared.rejected.count(RejectedReason::Timeout);
                Poll::Ready(false)
            }
        }
    }

    fn decide(self, read: &[u8]) -> State<S> {
        let Opening { shard, stream, peer, role, counted, deadline } = self;
        if role == Role::Clients
            && let Some((request, head_bytes)) = plain_upgrade(read)
            && !shard.shared.draining.load(Ordering::Relaxed)
            && let Ok(accepted) = handshake::check(&request)
        {
            let admitted = handshake::admit(&shard.shared, &request, peer);
            let agent = shard.core.borrow_mut().agents.of(request.headers());
            let peer = Peer { address: peer, agent };
            let begun = handshake::Begun {
                stream,
                encoding: accepted.encoding,
                peer,
                read_ahead: &read[head_bytes..],
                counted: Some(counted),
            };
            return State::Session(begun.session(shard, admitted, accepted.head()));
        }
        let unread = Unread { stream, read: read.to_vec(), peer, role, counted, deadline };
        (shard.serve)(&shard, unread);
        State::Over
    }
}

/// A whole head of a request for the stream, which hyper would read to the same end, and its length.
fn plain_upgrade(bytes: &[u8]) -> Option<(Request<()>, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes).ok()? else { return None };
    let path = head.path?;
    let is_stream =
        path.strip_prefix(STREAM_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'));
    if !is_stream || head.method != Some("GET") || head.version != Some(1) {
        return None;
    }
    let mut request = Request::new(());
    *request.uri_mut() = path.parse().ok()?;
    request.headers_mut().reserve(head.headers.len());
    for httparse::Header { name, value } in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        // A body would stand between the head and the frames.
        if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::EXPECT) {
            return None;
        }
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some((request, head_bytes))
}
