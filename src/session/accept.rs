//! Connections in: one thread accepts, and gives each to the shard with the fewest.
//!
//! Refusals are counted by reason. Invariant: a [`Place`] counts one session of an address, and gives it back by drop.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::UnboundedSender;

use super::{shard::ToShard, socket};
use crate::limits::{LISTEN_BACKLOG, Limits};

/// Why a handshake was refused: the label of `tickcast_handshakes_rejected_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum RejectedReason {
    /// Not a valid WebSocket upgrade.
    BadRequest,
    Origin,
    TooManySessions,
    TooManyPerAddress,
    Draining,
    /// Not finished in time.
    Timeout,
    /// More connections than sessions and their overhead can need.
    Connections,
}

/// Counts of refused handshakes, by [`RejectedReason`].
#[derive(Debug, Default)]
pub struct Rejected([AtomicU64; RejectedReason::ALL.len()]);

/// Sessions of each address at once. Loopback is not counted: behind a local proxy every client has that address.
#[derive(Clone, Debug, Default)]
pub struct Places {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One session's place; given back by drop.
#[derive(Debug)]
pub struct Place {
    address: IpAddr,
    taken: Option<Arc<Mutex<HashMap<IpAddr, usize>>>>,
}

/// A shard as the acceptor sees it.
pub struct Target {
    pub inbox: UnboundedSender<ToShard>,
    /// Connections that the shard has; each is counted down when it ends.
    pub connections: Arc<AtomicUsize>,
}

/// A connection of a shard, counted while it lasts.
#[derive(Debug)]
pub struct Connection(Arc<AtomicUsize>);

/// Connections beside sessions: scrapes, probes, handshakes under way.
const CONNECTIONS_BESIDE_SESSIONS: usize = 1_024;
/// `TCP_USER_TIMEOUT` beyond what a stalled client may take. Pings and the progress of bytes find a peer that has vanished
/// long before; a shorter time cuts thin clients, whose window never covers what the kernel would send next, although
/// they read.
const USER_TIMEOUT_BEYOND: Duration = Duration::from_secs(120);
/// After the process has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

impl RejectedReason {
    pub const ALL: [RejectedReason; 7] = [
        RejectedReason::BadRequest,
        RejectedReason::Origin,
        RejectedReason::TooManySessions,
        RejectedReason::TooManyPerAddress,
        RejectedReason::Draining,
        RejectedReason::Timeout,
        RejectedReason::Connections,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            RejectedReason::BadRequest => "bad_request",
            RejectedReason::Origin => "origin",
            RejectedReason::TooManySessions => "too_many_sessions",
            RejectedReason::TooManyPerAddress => "too_many_per_address",
            RejectedReason::Draining => "draining",
            RejectedReason::Timeout => "timeout",
            RejectedReason::Connections => "connections",
        }
    }
}

impl Rejected {
    pub fn count(&self, reason: RejectedReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self, reason: RejectedReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}

impl Places {
    /// A place for one more session of this address; `None` when it has `most` already.
    pub fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        if address.is_loopback() {
            return Some(Place { address, taken: None });
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { address, taken: Some(Arc::clone(&self.taken)) })
    }
}

impl Connection {
    /// Counts down `connections` when dropped; the acceptor has counted up.
    pub fn counted(connections: &Arc<AtomicUsize>) -> Self {
        Connection(Arc::clone(connections))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Binds and listens, with a backlog that holds a storm of clients, and the options that accepted sockets inherit.
///
/// # Errors
/// When the address is taken or not ours.
pub fn listen(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket::tune(&socket, limits.progress + limits.close_grace + USER_TIMEOUT_BEYOND)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Accepts until the listener is shut down (`shutdown(2)` on a clone of it ends a blocked accept).
pub fn accept(
    listener: &TcpListener,
    targets: &[Target],
    limits: &Limits,
    rejected: &Rejected,
    stop: &crate::shutdown::Stop,
) {
    let most = limits.sessions + CONNECTIONS_BESIDE_SESSIONS;
    while !stop.is_set() {
        match accept_one(listener) {
            Ok((stream, peer)) => {
                let all: usize =
                    targets.iter().map(|target| target.connections.load(Ordering::Relaxed)).sum();
                if all >= most {
                    rejected.count(RejectedReason::Connections);
                    continue;
                }
                if let Some(target) = fewest(targets) {
                    target.connections.fetch_add(1, Ordering::Relaxed);
                    // A shard that ends at this very moment drops it; the client comes back.
                    let _ = target.inbox.send(ToShard::Connection(stream, peer));
                }
            }
            Err(_) if stop.is_set() => return,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                stop.wait(PAUSE);
            }
        }
    }
}

/// The shard with the fewest connections, of those that have not ended. In a drain they end one by one, and whoever
/// scrapes or probes until then must reach one that answers.
fn fewest(targets: &[Target]) -> Option<&Target> {
    let alive = targets.iter().filter(|target| !target.inbox.is_closed());
    alive.min_by_key(|target| target.connections.load(Ordering::Relaxed))
}

/// One system call: the socket does not block, and has inherited the rest.
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
        let (stream, peer) = accept_one(&listener).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let (listener, accepted) = (SockRef::from(&listener), SockRef::from(&stream));
        assert!(accepted.nonblocking().unwrap() && !listener.nonblocking().unwrap());
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_notsent_lowat().unwrap() as usize, limits::NOTSENT_LOWAT_BYTES);
        assert_eq!(accepted.send_buffer_size().unwrap(), listener.send_buffer_size().unwrap());
        assert!(accepted.send_buffer_size().unwrap() >= limits::SEND_BUFFER_BYTES);
        let timeout = limits::DEFAULT.progress + limits::DEFAULT.close_grace + USER_TIMEOUT_BEYOND;
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(timeout));
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), listener.tcp_keepalive_time().unwrap());
    }

    #[test]
    fn a_shard_that_has_ended_is_given_no_connection() {
        let target = |connections| {
            let (inbox, end) = tokio::sync::mpsc::unbounded_channel();
            (Target { inbox, connections: Arc::new(AtomicUsize::new(connections)) }, end)
        };
        let (targets, mut ends): (Vec<_>, Vec<_>) = [2, 0, 1].into_iter().map(target).unzip();
        let chosen = || fewest(&targets).map(|target| target.connections.load(Ordering::Relaxed));
        assert_eq!(chosen(), Some(0));
        ends.remove(1);
        assert_eq!(chosen(), Some(1));
        ends.clear();
        assert_eq!(chosen(), None);
    }

    #[test]
    fn places_are_given_back() {
        let places = Places::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = places.take(address, 2);
        let second = places.take(address, 2);
        assert!(first.is_some() && second.is_some() && places.take(address, 2).is_none());
        drop(first);
        assert!(places.take(address, 2).is_some());
    }

    #[test]
    fn loopback_is_not_counted() {
        let places = Places::default();
        let taken: Vec<_> = (0..5).map(|_| places.take("127.0.0.1".parse().unwrap(), 2)).collect();
        assert!(taken.iter().all(Option::is_some));
    }
}
