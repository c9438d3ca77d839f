//! Socket options, and what the kernel reports about a socket.
//!
//! By default the kernel would buffer megabytes of stale prices for a client that does not read, and keep a vanished
//! peer for a quarter of an hour. Accepted sockets inherit options against both from their listener, at no system call
//! per client.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{io::Interest, net::TcpStream};

use crate::limits::{NOTSENT_LOWAT_BYTES, SEND_BUFFER_BYTES};

const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// Sets the options of a listener and all sockets it accepts. `user_timeout`: how long sent bytes may stay
/// unacknowledged.
///
/// # Errors
/// When the kernel does not know an option.
pub fn tune(socket: &impl AsFd, user_timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_notsent_lowat(u32::try_from(NOTSENT_LOWAT_BYTES).unwrap_or(u32::MAX))?;
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)
}

/// Writes what the socket accepts now. On `WouldBlock`, tokio's readiness is updated.
///
/// # Errors
/// As `send(2)`.
pub fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    // Directly into the kernel: libc's `send` is a thread cancellation point, at 2 % of a write; and tokio's readiness
    // flag, one cache line away, adds nothing to what the kernel reports.
    match rustix::net::send(stream, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN) => {
            stream.try_io(Interest::WRITABLE, || Ok(rustix::net::send(stream, bytes, SendFlags::NOSIGNAL)?))
        }
        taken => Ok(taken?),
    }
}

/// As [`send`], for two buffers in one write.
///
/// # Errors
/// As `sendmsg(2)`.
pub fn send_both(stream: &TcpStream, first: &[u8], then: &[u8]) -> io::Result<usize> {
    if first.is_empty() {
        return send(stream, then);
    }
    let both = [IoSlice::new(first), IoSlice::new(then)];
    let send = || sendmsg(stream, &both, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL);
    match send() {
        Err(Errno::AGAIN) => stream.try_io(Interest::WRITABLE, || Ok(send()?)),
        taken => Ok(taken?),
    }
}

/// Bytes that the kernel holds and has not yet sent; 0 when it reports none.
pub fn unsent_bytes(socket: &impl AsFd) -> usize {
    queue_bytes(socket, SIOCOUTQNSD)
}

/// Bytes that the kernel holds and the peer has not acknowledged, sent or not; 0 when it reports none.
pub fn unacknowledged_bytes(socket: &impl AsFd) -> usize {
    queue_bytes(socket, libc::TIOCOUTQ)
}

/// `linux/sockios.h`: size of the send queue that is not yet sent.
const SIOCOUTQNSD: libc::Ioctl = 0x894B;

fn queue_bytes(socket: &impl AsFd, request: libc::Ioctl) -> usize {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "these ioctls have no safe wrapper in socket2 or rustix")]
    // SAFETY: both requests write one int through the pointer, which is valid for the call; the descriptor is open, as
    // it is borrowed.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), request, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}
