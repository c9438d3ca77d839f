//! [`TlsSocket`]: a TLS connection as the connection of a session. The contract of each call is in `session/socket.rs`.
//!
//! A connection belongs to one thread at a time. Each call borrows the record layer only while it runs.

use std::{
    cell::{Cell, RefCell},
    io,
    net::Shutdown,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::{layer::TlsLayer, records::Wire};
use crate::{server::kernel, session::socket::SessionSocket};

/// A connection after its handshake.
pub struct TlsSocket {
    stream: TcpStream,
    layer: RefCell<Box<TlsLayer>>,
    /// The close notice waits for the kernel; then the kernel's side is shut down too.
    is_ending: Cell<bool>,
}

impl Wire for TcpStream {
    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        kernel::send(self, bytes)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // As without TLS: a short read saves the next one, which would find nothing.
        SessionSocket::receive(self, buffer)
    }
}

impl TlsSocket {
    pub fn new(stream: TcpStream, layer: Box<TlsLayer>) -> Self {
        TlsSocket { stream, layer: RefCell::new(layer), is_ending: Cell::new(false) }
    }

    /// Passes pending ciphertext to the kernel.
    ///
    /// # Errors
    /// `WouldBlock` while some remains; any other when the peer is gone.
    pub fn flush(&self) -> io::Result<()> {
        self.layer.borrow_mut().flush(&self.stream)?;
        if self.is_ending.replace(false) {
            // A failure means that the peer has gone, which the read side detects.
            let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// As [`Self::flush`], once the kernel accepts it.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            std::task::ready!(self.stream.poll_write_ready(context))?;
        }
    }
}

impl SessionSocket for TlsSocket {
    type Timer = Sleep;

    fn timer(&self, after: Duration) -> Sleep {
        sleep(after)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.layer.borrow_mut().send(&self.stream, bytes, &[])
    }

    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize> {
        self.layer.borrow_mut().send(&self.stream, first, then)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.layer.borrow_mut().receive(&self.stream, buffer)
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_ending.get() {
            // A task that waits for the peer's close is woken here when our close notice can go out.
            let _ = self.poll_flush(context);
        }
        if self.layer.borrow().has_data() {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_read_ready(context)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(context)
    }

    fn unsent_bytes(&self) -> usize {
        kernel::unsent_bytes(&self.stream) + self.layer.borrow().waiting_bytes()
    }

    fn unacknowledged_bytes(&self) -> usize {
        kernel::unacknowledged_bytes(&self.stream) + self.layer.borrow().waiting_bytes()
    }

    fn end_writing(&self) {
        self.layer.borrow_mut().end();
        self.is_ending.set(true);
        // What the kernel does not accept now is sent later, by `poll_readable`.
        let _ = self.flush();
    }

    fn is_encrypted(&self) -> bool {
        true
    }
}
