//! What a session needs of its connection. How a connection is made, watched or waited for is not part of it.
//!
//! Sessions and shards are written against this trait. The service runs them on the kernel's sockets and tokio's
//! timers (`server/tcp.rs`); the simulator (`tests/sim`) runs them on simulated sockets, network and time.
//!
//! The trait has calls, and does not hand bytes back: a data frame is shared by every session that is sent the same,
//! and goes from the shared bytes into the socket without a copy. The implementation is chosen when compiling, so the
//! choice costs a write nothing.
//!
//! Invariants: no call waits. A caller that got `WouldBlock` or `Pending` is woken when a retry may succeed.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

pub trait SessionSocket: Unpin + Sized + 'static {
    /// Ends after the duration that it was made with.
    type Timer: Future<Output = ()>;

    fn timer(&self, after: Duration) -> Self::Timer;

    /// Writes what the socket takes now.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; any other when the peer is gone.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`Self::send`], of two runs of bytes in one write.
    ///
    /// # Errors
    /// As [`Self::send`].
    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize>;

    /// Reads what has arrived; 0 when the peer has closed its side.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; any other when the peer is gone.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Waits for bytes, and reads them.
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

    /// Whether [`Self::receive`] may find something.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether [`Self::send`] may take something.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Bytes that were taken and are not yet sent.
    fn unsent_bytes(&self) -> usize;

    /// Bytes that were taken and that the peer has not acknowledged, sent or not.
    fn unacknowledged_bytes(&self) -> usize;

    /// Nothing more will be sent; bytes that were taken still go out.
    fn end_writing(&self);

    /// Whether nobody on the way can read or change what is sent.
    fn is_encrypted(&self) -> bool {
        false
    }
}
