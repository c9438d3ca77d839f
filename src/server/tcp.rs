//! TCP sockets as the connections of sessions.
//!
//! The contract of each call is in `session/socket.rs`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, Interest, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::kernel;
use crate::session::socket::SessionSocket;

impl SessionSocket for TcpStream {
    type Timer = Sleep;

    fn timer(&self, after: Duration) -> Sleep {
        sleep(after)
    }

    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        kernel::send(self, bytes)
    }

    #[inline]
    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize> {
        kernel::send_both(self, first, then)
    }

    /// After a short read nothing is left, and later data is reported anew: telling tokio saves a system call that
    /// would find nothing.
    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.try_read(buffer)?;
        if (1..buffer.len()).contains(&bytes) {
            let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.try_io(Interest::READABLE, nothing);
        }
        Ok(bytes)
    }

    /// After a short read, tokio knows without another system call that nothing is left.
    fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(self).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    #[inline]
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    #[inline]
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }

    fn unsent_bytes(&self) -> usize {
        kernel::unsent_bytes(self)
    }

    fn unacknowledged_bytes(&self) -> usize {
        kernel::unacknowledged_bytes(self)
    }

    fn end_writing(&self) {
        // A failure means that the peer has gone, which the read side detects.
        let _ = socket2::SockRef::from(self).shutdown(std::net::Shutdown::Write);
    }
}
