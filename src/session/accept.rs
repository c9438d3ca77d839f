//! Connections in: every shard accepts on its own thread, and gives each connection to the shard with the fewest.
//!
//! There is one listener, which all shards watch: with one shard a connection changes no thread on its way in, and with
//! many they are spread as evenly as by a thread that did nothing else. Refusals are counted by reason.
//!
//! Invariants: a [`Place`] counts one session of an address, and a [`Connection`] one connection of a shard; both are
//! given back by drop. Who counts a connection in holds the lock of [`Doors`], so the limit is exact.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc::UnboundedSender,
};

use super::{
    shard::{Shard, Shared, ToShard},
    socket,
};
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

/// The shards, as whoever accepts sees them.
pub struct Doors {
    inboxes: Vec<UnboundedSender<ToShard>>,
    /// Connections of each shard; each is counted down when it ends.
    connections: Vec<Arc<AtomicUsize>>,
    /// Connections at once.
    most: AtomicUsize,
    /// Held while a connection is counted in.
    counting: Mutex<()>,
}

/// The listener, as one shard watches it.
pub type Listener = AsyncFd<TcpListener>;

/// A connection of a shard, counted while it lasts.
#[derive(Debug)]
pub struct Connection(Arc<AtomicUsize>);

/// A connection that has been accepted and counted, and has not been read from.
#[derive(Debug)]
pub struct Arrival {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub counted: Connection,
}

/// Connections beside sessions: scrapes, probes, handshakes under way.
const CONNECTIONS_BESIDE_SESSIONS: usize = 1_024;
/// `TCP_USER_TIMEOUT` beyond what a stalled client may take. Pings and the progress of bytes find a peer that has vanished
/// long before; a shorter time cuts thin clients, whose window never covers what the kernel would send next, although
/// they read.
const USER_TIMEOUT_BEYOND: Duration = Duration::from_secs(120);
/// After the process has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections that are accepted before those that have come are read from: in a storm of clients each is let in before
/// many more, and what handshakes need is needed for few of them at once.
const ACCEPTED_AT_ONCE: usize = 16;

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

impl Doors {
    pub fn new(inboxes: Vec<UnboundedSender<ToShard>>, limits: &Limits) -> Self {
        Doors {
            connections: inboxes.iter().map(|_| Arc::default()).collect(),
            inboxes,
            most: AtomicUsize::new(most(limits)),
            counting: Mutex::default(),
        }
    }

    /// Of those that are there already none ends.
    pub fn set_limits(&self, limits: &Limits) {
        self.most.store(most(limits), Ordering::Relaxed);
    }

    /// Counts a connection in: the shard with the fewest of those that run, and the count. `None` when there are too many.
    fn count_in(&self) -> Option<(usize, Connection)> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |shard: usize| self.connections[shard].load(Ordering::Relaxed);
        let shards = 0..self.inboxes.len();
        if shards.clone().map(count).sum::<usize>() >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        // In a drain shards end one by one, and whoever scrapes or probes until then must reach one that answers.
        let shard =
            shards.filter(|shard| !self.inboxes[*shard].is_closed()).min_by_key(|shard| count(*shard))?;
        self.connections[shard].fetch_add(1, Ordering::Relaxed);
        Some((shard, Connection(Arc::clone(&self.connections[shard]))))
    }
}

fn most(limits: &Limits) -> usize {
    limits.sessions + CONNECTIONS_BESIDE_SESSIONS
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

/// Binds and listens, with a backlog that holds a storm of clients, and the options that accepted sockets inherit. The
/// listener does not block: several shards look at it.
///
/// # Errors
/// When the address is taken or not ours.
pub fn listen(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket::tune(&socket, user_timeout(limits))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(LISTEN_BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Takes over the limits of which the listener holds a copy: what it accepts from now on has them.
///
/// # Errors
/// When the kernel refuses.
pub fn retune(listener: &TcpListener, limits: &Limits) -> io::Result<()> {
    socket::tune(listener, user_timeout(limits))
}

fn user_timeout(limits: &Limits) -> Duration {
    limits.progress + limits.close_grace + USER_TIMEOUT_BEYOND
}

/// A shard's own look at the listener; to be called where the shard's runtime is entered.
///
/// # Errors
/// When it cannot be registered.
pub fn watch(listener: &TcpListener) -> io::Result<Listener> {
    let listener = listener.try_clone()?;
    #[expect(
        unsafe_code,
        reason = "tokio's own listener registers what it accepts, and could not hand it over"
    )]
    // SAFETY: the listener owns its descriptor, which is open and the same until it is dropped with what is made here.
    let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
    Ok(listener?)
}

/// Accepts for as long as the shard runs. What is the shard's own begins here, the rest is handed over.
pub async fn accept(shard: Rc<Shard>, listener: Listener) {
    loop {
        for _ in 0..ACCEPTED_AT_ONCE {
            match listener.async_io(Interest::READABLE, accept_one).await {
                Ok((stream, peer)) => let_in(&shard, stream, peer),
                Err(error) => {
                    say_accept_failed(&shard.shared, &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// What waits is accepted when there are descriptors again.
fn say_accept_failed(shared: &Shared, error: &io::Error) {
    if let Some(unsaid) = shared.repeating.accept_failed.pass(shared.clock.now()) {
        tracing::warn!(%error, unsaid, "accept failed: connections wait until descriptors are free");
    }
}

fn let_in(shard: &Rc<Shard>, stream: TcpStream, peer: SocketAddr) {
    let doors = &shard.shared.doors;
    match doors.count_in() {
        None => shard.shared.rejected.count(RejectedReason::Connections),
        Some((number, counted)) => {
            let arrival = Arrival { stream, peer, counted };
            if number == shard.number {
                shard.arrived(arrival);
            } else {
                // A shard ends only when the service does; the connection ends with it.
                let _ = doors.inboxes[number].send(ToShard::Connection(arrival));
            }
        }
    }
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

    #[test]
    fn a_connection_goes_to_the_running_shard_with_the_fewest_up_to_the_limit() {
        let (inboxes, mut ends): (Vec<_>, Vec<_>) =
            (0..2).map(|_| tokio::sync::mpsc::unbounded_channel()).unzip();
        let doors = Doors::new(inboxes, &Limits { sessions: 0, ..limits::DEFAULT });
        let most = CONNECTIONS_BESIDE_SESSIONS;
        let mut held: Vec<_> = (0..most).map(|_| doors.count_in().unwrap()).collect();
        assert_eq!(held.iter().filter(|(shard, _)| *shard == 0).count(), most / 2);
        assert!(doors.count_in().is_none(), "the limit is exact");
        held.retain(|(shard, _)| *shard == 1);
        assert_eq!(doors.count_in().unwrap().0, 0);
        drop(ends.remove(0));
        assert_eq!(doors.count_in().unwrap().0, 1, "a shard that has drained takes no more");
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
