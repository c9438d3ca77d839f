//! [`PrereadSocket`]: a socket partly read: HTTP gets those bytes first, then the rest from the socket.
//!
//! It records reads and writes for the connection's deadlines, and takes time slices of its shard per number of bytes,
//! so that a busy connection yields to others.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::Instant;

use super::{activity::HttpActivity, shared_socket::SharedSocket};
use crate::{
    server::{slices::HttpSlices, socket::ClientSocket},
    session::socket::SessionSocket,
};

pub struct PrereadSocket {
    /// The bytes read before, and how many of them HTTP has taken.
    read: Vec<u8>,
    at: usize,
    stream: SharedSocket,
    activity: Arc<HttpActivity>,
    slices: HttpSlices,
    /// The time slice that the connection is waiting for.
    slice: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Bytes that may be read or written before the next slice.
    left: usize,
}

/// Maximum bytes per read.
const READ_BYTES: usize = 8 * 1024;
/// Bytes read and written per slice.
const BYTES_A_SLICE: usize = 32 * 1024;
/// Maximum buffers per write; HTTP writes a head and a body.
const PIECES_MAX: usize = 16;

impl PrereadSocket {
    pub fn new(read: Vec<u8>, stream: SharedSocket, activity: Arc<HttpActivity>, slices: HttpSlices) -> Self {
        if !read.is_empty() {
            activity.has_read(&read, Instant::now());
        }
        PrereadSocket { read, at: 0, stream, activity, slices, slice: None, left: BYTES_A_SLICE }
    }

    /// The bytes that HTTP has not taken, and the socket; `None` while others hold the socket too.
    pub fn into_parts(mut self) -> Option<(Vec<u8>, ClientSocket)> {
        Some((self.read.split_off(self.at), self.stream.into_inner()?))
    }

    /// Whether the last request may not have been read completely.
    pub fn may_have_more(&self) -> bool {
        self.activity.had_body()
    }

    /// Whether bytes may be read or written now.
    fn poll_slice(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            let (slices, priority) = (&self.slices, self.activity.priority());
            let slice = self.slice.get_or_insert_with(|| Box::pin(slices.slice(priority)));
            ready!(slice.as_mut().poll(context));
            self.slice = None;
            self.left = BYTES_A_SLICE;
        }
        Poll::Ready(())
    }

    /// Calls `write` when the socket is writable, with the number of bytes it may write; returns its result.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&ClientSocket, usize) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.activity.writes();
        ready!(self.poll_slice(context));
        let stream = self.stream.get();
        loop {
            let Poll::Ready(ready) = stream.poll_writable(context) else {
                self.activity.stalls(&*stream, Instant::now());
                return Poll::Pending;
            };
            ready?;
            match write(&stream, self.left) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(bytes) => {
                    self.activity.has_written(Instant::now());
                    self.left = self.left.saturating_sub(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                failed @ Err(_) => return Poll::Ready(failed),
            }
        }
    }
}

impl Read for PrereadSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at < this.read.len() {
            let bytes = &this.read[this.at..];
            let bytes = &bytes[..bytes.len().min(buffer.remaining())];
            buffer.put_slice(bytes);
            this.at += bytes.len();
            if this.at == this.read.len() {
                (this.read, this.at) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_slice(context));
        let mut bytes = [0; READ_BYTES];
        let room = buffer.remaining().min(READ_BYTES);
        let stream = this.stream.get();
        loop {
            ready!(stream.poll_readable(context))?;
            match stream.receive(&mut bytes[..room]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(count) => {
                    this.activity.has_read(&bytes[..count], Instant::now());
                    this.left = this.left.saturating_sub(count);
                    buffer.put_slice(&bytes[..count]);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Write for PrereadSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(context, |stream, most| stream.send(&bytes[..bytes.len().min(most)]))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.get().poll_flush(context))?;
        // HTTP flushes when it has nothing more to write.
        self.activity.has_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.get().poll_end(context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(context, |stream, most| {
            // A slice is too short for a megabyte.
            let mut left = most;
            let mut parts = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for (part, piece) in parts.iter_mut().zip(pieces) {
                let bytes = &piece[..piece.len().min(left)];
                *part = IoSlice::new(bytes);
                left -= bytes.len();
                count += 1;
            }
            stream.send_pieces(&parts[..count])
        })
    }
}
