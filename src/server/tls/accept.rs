//! The threads that accept TLS connections and do handshakes. Finished connections go to their shards.
//!
//! One per core: in a connection storm they share the cores, at other times they sleep. They end when all shards have.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    task::LocalSet,
    time::{MissedTickBehavior, timeout_at},
};

use super::{
    handshake::{Handshake, HandshakeEnd},
    state::TlsState,
    work::HandshakeWork,
};
use crate::{
    proxies::ClientAddress,
    server::{
        admission::{
            addresses::AddressKey,
            balancer::{Connection, Role},
            rejected::RejectedReason,
        },
        listener::{self, ACCEPTED_BEFORE_WORK, Listener},
        message::{AcceptedConnection, AcceptedStream, ToShard},
        state::ServerState,
    },
};

/// How often the files are checked for changes.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// What every handshake on a thread needs.
#[derive(Clone)]
struct Acceptor {
    server: Arc<ServerState>,
    tls: Arc<TlsState>,
}

/// Starts the threads.
///
/// # Errors
/// When a thread cannot be started, or its runtime gets no file descriptors.
pub fn start(
    listeners: &[(Role, TcpListener)],
    server: &Arc<ServerState>,
    tls: &Arc<TlsState>,
) -> io::Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for number in 0..threads {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listeners = {
            let _entered = runtime.enter();
            let watched = listeners.iter().map(|(role, listener)| Ok((*role, listener::watch(listener)?)));
            watched.collect::<io::Result<Vec<_>>>()?
        };
        let acceptor = Acceptor { server: Arc::clone(server), tls: Arc::clone(tls) };
        thread::Builder::new().name(format!("tls-{number}")).spawn(move || {
            LocalSet::new().block_on(&runtime, acceptor.run(listeners, number == 0));
        })?;
    }
    Ok(())
}

impl Acceptor {
    async fn run(self, listeners: Vec<(Role, Listener)>, is_first: bool) {
        let work = Rc::<HandshakeWork>::default();
        for (role, listener) in listeners {
            let (acceptor, work) = (self.clone(), Rc::clone(&work));
            tokio::task::spawn_local(async move {
                let admit = |stream, peer| acceptor.admit(&work, stream, peer, role);
                let accept = listener::accept(&acceptor.server, &listener, ACCEPTED_BEFORE_WORK, admit);
                // Exempt from tokio's budget: it has a larger limit of its own.
                tokio::task::unconstrained(accept).await;
            });
        }
        if is_first {
            tokio::task::spawn_local(watch_files(Arc::clone(&self.tls)));
        }
        for inbox in &self.server.inboxes {
            inbox.closed().await;
        }
    }

    fn admit(&self, work: &Rc<HandshakeWork>, stream: TcpStream, peer: SocketAddr, role: Role) {
        let peer = self.server.proxies.of_connection(peer);
        match self.server.count_connection(role, peer) {
            None => self.server.rejected.count(RejectedReason::Connections),
            Some((number, counted)) => {
                let began = Instant::now();
                let accepted = TlsArrival { stream, peer, role, counted, began };
                tokio::task::spawn_local(self.clone().shake(Rc::clone(work), number, accepted));
            }
        }
    }

    /// Does the handshake, and passes the connection to its shard.
    async fn shake(self, work: Rc<HandshakeWork>, number: usize, accepted: TlsArrival) {
        let TlsArrival { stream, mut peer, role, mut counted, began } = accepted;
        let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
        let deadline = began + self.server.node.limits.handshake;
        let mut opening = Vec::new();
        if self.server.proxies.speaks(peer.ip()) {
            let handshake = Handshake::new(&self.tls, &work, &stream, &counted);
            let head = timeout_at(deadline.into(), handshake.proxy_head(&mut opening)).await;
            let client = match head {
                Ok(Ok(client)) => client,
                Ok(Err(ended)) => {
                    if let HandshakeEnd::Rejected(reason) = ended {
                        self.tls.stats.reject(reason);
                    }
                    return self.ended(peer, &ended);
                }
                Err(_) => return self.server.rejected.count(RejectedReason::Timeout),
            };
            peer = peer.told(client);
            if !counted.settle(peer) {
                return self.server.rejected.count(RejectedReason::Connections);
            }
        }
        match Handshake::new(&self.tls, &work, &stream, &counted)
            .run(AddressKey::of_any(peer), opening, deadline)
            .await
        {
            Ok(layer) => {
                let Ok(stream) = stream.into_std() else { return };
                let stream = AcceptedStream::Tls(stream, layer);
                let accepted = AcceptedConnection { stream, peer, role, counted, began };
                // A shard ends only when the service does, and the connection ends with it.
                let _ = self.server.inboxes[number].send(ToShard::Connection(accepted));
            }
            Err(ended) => self.ended(peer, &ended),
        }
    }

    fn ended(&self, peer: ClientAddress, ended: &HandshakeEnd) {
        match ended {
            HandshakeEnd::NoProxyHead => {
                self.server.rejected.count(RejectedReason::ProxyHeader);
                tracing::debug!(%peer, "a trusted proxy has sent no header of the PROXY protocol");
            }
            HandshakeEnd::Rejected(reason) => {
                tracing::debug!(%peer, reason = reason.label(), "no connection over TLS");
            }
        }
    }
}

/// A connection that has been accepted and counted.
struct TlsArrival {
    stream: TcpStream,
    peer: ClientAddress,
    role: Role,
    counted: Connection,
    began: Instant,
}

async fn watch_files(tls: Arc<TlsState>) {
    let mut period = tokio::time::interval(WATCH_PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        tls.watch();
    }
}
