//! Accepts connections: every shard accepts on its own thread, and passes each connection to the shard with the fewest.
//!
//! All shards watch one listener. With one shard, a connection changes no thread; with many, connections are spread as
//! evenly as by a dedicated thread. Refusals are counted by reason.
//!
//! `admission/balancer.rs` decides which connections are admitted, and to which shard they go.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    rc::Rc,
    time::{Duration, Instant},
};

use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    admission::{balancer::Role, rejected::RejectedReason},
    connection::start_connection,
    kernel,
    message::{AcceptedConnection, AcceptedStream, ToShard},
    shard::Shard,
    state::ServerState,
};
use crate::limits::{LISTEN_BACKLOG, Limits};

/// The listener, registered with one shard's runtime.
pub type Listener = AsyncFd<TcpListener>;

/// `TCP_USER_TIMEOUT` beyond the limit for stalled clients. Pings and progress checks find a vanished peer long before.
/// A shorter time would cut off clients on slow links that do read, because their window never covers the kernel's next
/// segment.
const USER_TIMEOUT_BEYOND: Duration = Duration::from_secs(120);
/// The pause after the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections accepted at once before any is read. In a connection storm this admits clients early, and few handshakes
/// hold memory at a time.
const ACCEPTED_AT_ONCE: usize = 16;
/// The same with TLS, where a handshake costs some 20 times as much as an accept. What the kernel's backlog refuses
/// comes back after one second, then two, so the backlog is emptied first.
pub const ACCEPTED_BEFORE_WORK: usize = 512;

/// Binds and listens, with a backlog for connection storms, and the options that accepted sockets inherit.
/// Non-blocking, because several shards watch it.
///
/// # Errors
/// When the address is taken, or is not an address of this machine.
pub fn listen(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    kernel::tune(&socket, user_timeout(limits))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Applies changed limits to the listener, for connections accepted from now on.
///
/// # Errors
/// When the kernel refuses an option.
pub fn retune(listener: &TcpListener, limits: &Limits) -> io::Result<()> {
    kernel::tune(listener, user_timeout(limits))
}

fn user_timeout(limits: &Limits) -> Duration {
    limits.progress + limits.close_grace + USER_TIMEOUT_BEYOND
}

/// Registers the listener with a shard. Must be called within the shard's runtime.
///
/// # Errors
/// When registration fails.
pub fn watch(listener: &TcpListener) -> io::Result<Listener> {
    let listener = listener.try_clone()?;
    #[expect(
        unsafe_code,
        reason = "tokio's own listener registers what it accepts, and could not hand it over"
    )]
    // SAFETY: the listener owns its descriptor, which stays open and the same until it is dropped with this
    // registration.
    let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
    Ok(listener?)
}

/// Accepts for as long as the shard runs. Connections for this shard start here; others are handed over.
pub async fn accept_for(shard: Rc<Shard>, listener: Listener, role: Role) {
    let admit = |stream, peer| admit(&shard, stream, peer, role);
    accept(&shard.server, &listener, ACCEPTED_AT_ONCE, admit).await;
}

/// Accepts while polled, up to this many between two turns of other tasks.
pub async fn accept(
    server: &ServerState,
    listener: &Listener,
    at_once: usize,
    mut take: impl FnMut(TcpStream, SocketAddr),
) {
    loop {
        for _ in 0..at_once {
            match listener.async_io(Interest::READABLE, accept_one).await {
                Ok((stream, peer)) => take(stream, peer),
                Err(error) => {
                    log_accept_failed(server, &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Pending connections are accepted when there are file descriptors again.
fn log_accept_failed(server: &ServerState, error: &io::Error) {
    if let Some(suppressed) = server.accept_failed.pass(server.node.clock.now()) {
        tracing::warn!(%error, suppressed, "accept failed: connections wait until descriptors are free");
    }
}

fn admit(shard: &Rc<Shard>, stream: TcpStream, peer: SocketAddr, role: Role) {
    let server = &shard.server;
    let peer = server.proxies.of_connection(peer);
    match server.count_connection(role, peer) {
        None => server.rejected.count(RejectedReason::Connections),
        Some((number, counted)) => {
            let stream = AcceptedStream::Plain(stream);
            let accepted = AcceptedConnection { stream, peer, role, counted, began: Instant::now() };
            if number == shard.number {
                start_connection(shard, accepted);
            } else {
                // A shard ends only when the service does, and the connection ends with it.
                let _ = server.inboxes[number].send(ToShard::Connection(accepted));
            }
        }
    }
}

/// One system call: the socket is non-blocking, and has inherited the other options.
fn accept_one(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (stream, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((stream.into(), peer.ok_or(io::ErrorKind::AddrNotAvailable)?))
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;
    use crate::limits;

    #[test]
    fn what_is_accepted_has_the_options_of_its_listener() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), &limits::DEFAULT).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = std::iter::repeat_with(|| accept_one(&listener)).find_map(Result::ok).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let (listener, accepted) = (SockRef::from(&listener), SockRef::from(&stream));
        assert!(accepted.nonblocking().unwrap() && listener.nonblocking().unwrap());
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_notsent_lowat().unwrap() as usize, limits::NOTSENT_LOWAT_BYTES);
        assert_eq!(accepted.send_buffer_size().unwrap(), listener.send_buffer_size().unwrap());
        assert!(accepted.send_buffer_size().unwrap() >= limits::SEND_BUFFER_BYTES);
        let timeout = limits::DEFAULT.progress + limits::DEFAULT.close_grace + USER_TIMEOUT_BEYOND;
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(timeout));
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), listener.tcp_keepalive_time().unwrap());
    }
}
