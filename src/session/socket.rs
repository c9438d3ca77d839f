//! [`SessionSocket`]: what a session needs of its connection. How connections are made and waited for is not part of
//! it.
//!
//! Sessions and shards are written against this trait. The service uses the kernel's sockets and tokio's timers
//! (`server/tcp.rs`), the simulator (`tests/sim`) simulated sockets, network and time.
//!
//! Bytes are passed by reference: a data frame is shared by all sessions with the same content, and goes into each
//! socket without a copy. Implementations are chosen at compile time, so a write has no dynamic dispatch.
//!
//! Invariants: no call blocks. A caller that got `WouldBlock` or `Pending` is woken when a retry may succeed.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

pub trait SessionSocket: Unpin + Sized + 'static {
    /// Completes after its duration.
    type Timer: Future<Output = ()>;

    fn timer(&self, after: Duration) -> Self::Timer;

    /// Writes as many bytes as the socket accepts now; returns how many.
    ///
    /// # Errors
    /// `WouldBlock` when it accepts none; any other when the peer is gone.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`Self::send`], for two buffers in one write.
    ///
    /// # Errors
    /// As [`Self::send`].
    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize>;

    /// Reads what has arrived; 0 when the peer has closed its side.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; any other when the peer is gone.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Waits for bytes and reads them.
    ///
    /// # Errors
    /// As [`Self::receive`].
    fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(context))?;
            match self.receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ready when [`Self::receive`] may return something.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when [`Self::send`] may accept something.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Bytes accepted but not sent yet.
    fn unsent_bytes(&self) -> usize;

    /// Bytes accepted but not acknowledged by the peer, sent or not.
    fn unacknowledged_bytes(&self) -> usize;

    /// Shuts down the write side; accepted bytes still go out.
    fn end_writing(&self);

    /// Whether nobody on the way can read or change the bytes.
    fn is_encrypted(&self) -> bool {
        false
    }
}
