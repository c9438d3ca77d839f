//! [`ClientSocket`]: a client's connection, plain or TLS, for sessions and HTTP.
//!
//! Each call costs one comparison to tell the two apart.

use std::{
    io::{self, IoSlice},
    net::Shutdown,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::message::AcceptedStream;
#[cfg(feature = "tls")]
use super::tls::socket::TlsSocket;
use crate::session::socket::SessionSocket;

pub enum ClientSocket {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(TlsSocket),
}

/// Dispatches a call to the plain or the TLS socket.
macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            ClientSocket::Plain($stream) => $call,
            #[cfg(feature = "tls")]
            ClientSocket::Tls($stream) => $call,
        }
    };
}

impl ClientSocket {
    /// Registers a connection with the runtime of this thread.
    ///
    /// # Errors
    /// When registration fails.
    pub fn of(accepted: AcceptedStream) -> io::Result<Self> {
        Ok(match accepted {
            AcceptedStream::Plain(stream) => ClientSocket::Plain(TcpStream::from_std(stream)?),
            #[cfg(feature = "tls")]
            AcceptedStream::Tls(stream, layer) => {
                ClientSocket::Tls(TlsSocket::new(TcpStream::from_std(stream)?, layer))
            }
        })
    }

    /// Writes what the socket accepts of the buffers, in order.
    ///
    /// # Errors
    /// As [`SessionSocket::send`].
    pub fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            ClientSocket::Plain(stream) => stream.try_write_vectored(pieces),
            #[cfg(feature = "tls")]
            ClientSocket::Tls(socket) => {
                let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
                let mut next = || pieces.next().map_or(&[][..], |piece| piece);
                socket.send_both(next(), next())
            }
        }
    }

    /// Ready when all accepted bytes are in the kernel.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            ClientSocket::Plain(_) => {
                let _ = context;
                Poll::Ready(Ok(()))
            }
            #[cfg(feature = "tls")]
            ClientSocket::Tls(socket) => socket.poll_flush(context),
        }
    }

    /// Shuts down the write side, once all accepted bytes are in the kernel.
    pub fn poll_end(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            ClientSocket::Plain(stream) => {
                let _ = context;
                Poll::Ready(SockRef::from(stream).shutdown(Shutdown::Write))
            }
            #[cfg(feature = "tls")]
            ClientSocket::Tls(socket) => {
                socket.end_writing();
                socket.poll_flush(context)
            }
        }
    }
}

impl SessionSocket for ClientSocket {
    type Timer = Sleep;

    fn timer(&self, after: Duration) -> Sleep {
        sleep(after)
    }

    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.send(bytes))
    }

    #[inline]
    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.send_both(first, then))
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.receive(buffer))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_receive(context, buffer))
    }

    #[inline]
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_readable(context))
    }

    #[inline]
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_writable(context))
    }

    fn unsent_bytes(&self) -> usize {
        either!(self, stream => stream.unsent_bytes())
    }

    fn unacknowledged_bytes(&self) -> usize {
        either!(self, stream => stream.unacknowledged_bytes())
    }

    fn end_writing(&self) {
        either!(self, stream => stream.end_writing());
    }

    fn is_encrypted(&self) -> bool {
        either!(self, stream => stream.is_encrypted())
    }
}
