//! One connection from its first byte to the end of its TLS handshake, as a task of a handshake thread.
//!
//! It works in turns (`work.rs`), and takes none while waiting for its client. Meanwhile it may be dropped for another
//! handshake (`kept.rs`), or evicted for another connection.

use std::{
    cell::Cell,
    future::poll_fn,
    io::ErrorKind,
    net::{Shutdown, SocketAddr},
    task::{Context, Poll, ready},
    time::Instant,
};

use rustls::{HandshakeKind, ProtocolVersion, server::UnbufferedServerConnection};
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Duration, timeout, timeout_at},
};

use super::{
    hello::{OPENING_BYTES_MAX, Opening},
    layer::TlsLayer,
    plain_http,
    records::Wire,
    state::{KeptHandshake, TlsState},
    stats::TlsRejected,
    turns::Flight,
    work::HandshakeWork,
};
use crate::{
    proxies::ProxyHead,
    server::admission::{
        addresses::AddressKey,
        balancer::{Connection, Idleness},
    },
    spans,
};

/// A handshake's progress, to tell what was late.
#[derive(Clone, Copy)]
enum Stage {
    Opening,
    /// Its `ClientHello` waits for a turn.
    Waiting,
    Shaking,
}

/// Why a TLS connection ended before it was established.
pub enum HandshakeEnd {
    Rejected(TlsRejected),
    /// A trusted proxy's connection did not start with a PROXY protocol header.
    NoProxyHead,
}

impl HandshakeEnd {
    fn label(&self) -> &'static str {
        match self {
            HandshakeEnd::Rejected(reason) => reason.label(),
            HandshakeEnd::NoProxyHead => "proxy_header",
        }
    }
}

/// Bytes per read before the handshake.
const READ_BYTES: usize = 2 * 1024;
/// How long, and how much, is read after an answer, so that it is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// A connection up to its first byte of data.
pub struct Handshake<'a> {
    tls: &'a TlsState,
    work: &'a HandshakeWork,
    stream: &'a TcpStream,
    counted: &'a Connection,
    stage: Cell<Stage>,
}

impl<'a> Handshake<'a> {
    pub fn new(
        tls: &'a TlsState,
        work: &'a HandshakeWork,
        stream: &'a TcpStream,
        counted: &'a Connection,
    ) -> Self {
        Handshake { tls, work, stream, counted, stage: Cell::new(Stage::Opening) }
    }

    /// Does the handshake with a client of this address until `deadline`; `opening` was read before.
    ///
    /// # Errors
    /// Why there is no connection. The client is told, if possible.
    pub async fn run(
        self,
        address: AddressKey,
        opening: Vec<u8>,
        deadline: Instant,
    ) -> Result<Box<TlsLayer>, HandshakeEnd> {
        let mut span = spans::tls_handshake();
        let ended = match timeout_at(deadline.into(), self.shake(address, opening)).await {
            Ok(Ok(layer)) => {
                let is_resumed = layer.tls().handshake_kind() == Some(HandshakeKind::Resumed);
                span.note_tls(
                    layer.tls().protocol_version().and_then(|version| version.as_str()),
                    is_resumed,
                );
                span.end();
                return Ok(layer);
            }
            Ok(Err(ended)) => ended,
            Err(_) => HandshakeEnd::Rejected(match self.stage.get() {
                Stage::Waiting => TlsRejected::Busy,
                Stage::Opening | Stage::Shaking => TlsRejected::Timeout,
            }),
        };
        span.fail(ended.label());
        drop(span);
        if let HandshakeEnd::Rejected(reason) = ended {
            self.tls.stats.reject(reason);
        }
        let is_late_or_surplus = matches!(
            ended,
            HandshakeEnd::Rejected(TlsRejected::Timeout | TlsRejected::Crowded | TlsRejected::Evicted)
        );
        if !is_late_or_surplus {
            self.linger().await;
        }
        Err(ended)
    }

    async fn shake(&self, address: AddressKey, opening: Vec<u8>) -> Result<Box<TlsLayer>, HandshakeEnd> {
        let hello = self.opening(opening).await?;
        self.stage.set(Stage::Waiting);
        let (mut kept, begun, layer) =
            self.work.in_turn(address, Flight::First, || self.begin(address, hello)).await;
        let mut layer = layer?;
        loop {
            let is_done = !layer.tls().is_handshaking();
            // In TLS 1.3 only tickets remain, which are sent with the first answer.
            if !is_done || layer.tls().protocol_version() != Some(ProtocolVersion::TLSv1_3) {
                self.flush(&mut layer, &mut kept).await?;
            }
            if is_done {
                break;
            }
            self.until_heard(&mut kept).await?;
            self.work.in_turn(address, Flight::Later, || self.go_on(&mut layer)).await?;
        }
        self.tls.stats.done(layer.tls().protocol_version(), layer.tls().handshake_kind(), begun.elapsed());
        Ok(layer)
    }

    /// Processes the `ClientHello`.
    fn begin(
        &self,
        address: AddressKey,
        hello: Vec<u8>,
    ) -> (KeptHandshake<'a>, Instant, Result<Box<TlsLayer>, HandshakeEnd>) {
        self.stage.set(Stage::Shaking);
        let (kept, begun) = (self.tls.begin(address), Instant::now());
        let taken_in = || {
            let tls = UnbufferedServerConnection::new(self.tls.in_use().config.clone())
                .map_err(|error| faulty(&error))?;
            let mut layer = Box::new(TlsLayer::new(tls, hello));
            if let Err(error) = layer.take_in() {
                // Send the alert if the socket has room.
                let _ = layer.flush(self.stream);
                return Err(faulty(&error));
            }
            Ok(layer)
        };
        (kept, begun, taken_in())
    }

    /// Processes what the client has sent so far.
    fn go_on(&self, layer: &mut TlsLayer) -> Result<(), HandshakeEnd> {
        let gone = HandshakeEnd::Rejected(TlsRejected::Gone);
        match layer.read_wire(self.stream) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                Err(inner.map_or(gone, faulty))
            }
            Ok(()) if layer.has_ended() => Err(gone),
            Ok(()) => Ok(()),
        }
    }

    /// Reads until the first message is complete.
    async fn opening(&self, mut opening: Vec<u8>) -> Result<Vec<u8>, HandshakeEnd> {
        let mut is_unread = !opening.is_empty();
        loop {
            if !std::mem::take(&mut is_unread) {
                self.read_more(&mut opening).await?;
            }
            match Opening::of(&opening) {
                Opening::Hello => return Ok(opening),
                Opening::Incomplete if opening.len() < OPENING_BYTES_MAX => {}
                Opening::Http => {
                    // A socket with nothing written accepts this whole.
                    let _ = self.stream.try_write(&plain_http::answer(&opening));
                    return Err(HandshakeEnd::Rejected(TlsRejected::PlainHttp));
                }
                Opening::Incomplete | Opening::Other => {
                    return Err(HandshakeEnd::Rejected(TlsRejected::NotTls));
                }
            }
        }
    }

    /// Reads a proxy's header, and the client's address from it; later bytes are left in `opening`.
    ///
    /// # Errors
    /// When there is no valid header.
    pub async fn proxy_head(&self, opening: &mut Vec<u8>) -> Result<Option<SocketAddr>, HandshakeEnd> {
        loop {
            self.read_more(opening).await?;
            match ProxyHead::of(opening) {
                ProxyHead::Incomplete => {}
                ProxyHead::Faulty => return Err(HandshakeEnd::NoProxyHead),
                ProxyHead::Whole { client, bytes } => {
                    opening.drain(..bytes);
                    return Ok(client);
                }
            }
        }
    }

    async fn read_more(&self, opening: &mut Vec<u8>) -> Result<(), HandshakeEnd> {
        loop {
            self.until_readable().await?;
            let mut buffer = [0; READ_BYTES];
            match self.stream.receive(&mut buffer) {
                Ok(bytes @ 1..) => {
                    opening.extend_from_slice(&buffer[..bytes]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return Err(HandshakeEnd::Rejected(TlsRejected::Gone)),
            }
        }
    }

    /// Waits for input from a client whose handshake has started.
    async fn until_heard(&self, kept: &mut KeptHandshake<'_>) -> Result<(), HandshakeEnd> {
        poll_fn(|context| match kept.poll_dropped(context) {
            Poll::Ready(()) => Poll::Ready(Err(HandshakeEnd::Rejected(TlsRejected::Crowded))),
            Poll::Pending => self.poll_readable(context),
        })
        .await
    }

    async fn until_readable(&self) -> Result<(), HandshakeEnd> {
        poll_fn(|context| self.poll_readable(context)).await
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<Result<(), HandshakeEnd>> {
        if !self.counted.busy() {
            return Poll::Ready(Err(HandshakeEnd::Rejected(TlsRejected::Evicted)));
        }
        match self.stream.poll_read_ready(context) {
            // A socket error is found by reading.
            Poll::Ready(_) => Poll::Ready(Ok(())),
            Poll::Pending => {
                self.counted.idle(Idleness::Silent, context.waker());
                Poll::Pending
            }
        }
    }

    async fn flush(&self, layer: &mut TlsLayer, kept: &mut KeptHandshake<'_>) -> Result<(), HandshakeEnd> {
        let flush = |context: &mut Context<'_>| -> Poll<Result<(), TlsRejected>> {
            loop {
                match layer.flush(self.stream) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    flushed => return Poll::Ready(flushed.map_err(|_| TlsRejected::Gone)),
                }
                if kept.poll_dropped(context).is_ready() {
                    return Poll::Ready(Err(TlsRejected::Crowded));
                }
                ready!(self.stream.poll_write_ready(context)).map_err(|_| TlsRejected::Gone)?;
            }
        };
        poll_fn(flush).await.map_err(HandshakeEnd::Rejected)
    }

    /// Shuts down the write side, and reads until the client closes: closing a socket with unread bytes would send a
    /// reset, which destroys what was written.
    async fn linger(&self) {
        let _ = SockRef::from(self.stream).shutdown(Shutdown::Write);
        let read = async {
            let (mut left, mut buffer) = (LINGER_BYTES, [0; READ_BYTES]);
            while left > 0 && self.until_readable().await.is_ok() {
                match self.stream.receive(&mut buffer) {
                    Ok(bytes @ 1..) => left = left.saturating_sub(bytes),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => break,
                }
            }
        };
        // The connection ends in either case.
        let _ = timeout(LINGER, read).await;
    }
}

/// The client violated the protocol, or has nothing in common with the server.
fn faulty(error: &rustls::Error) -> HandshakeEnd {
    tracing::debug!(%error, "handshake failed");
    HandshakeEnd::Rejected(TlsRejected::of(error))
}
