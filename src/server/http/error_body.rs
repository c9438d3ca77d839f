//! Adds a body to hyper's own answers to malformed heads, which have none.
//!
//! The client may still be sending. After such an answer the socket is read for a moment, or a reset could destroy the
//! answer. The same holds after the last answer to a request whose body may not have been read completely.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

use super::preread::PrereadSocket;

/// A connection whose bare error answers get a body.
pub struct ErrorBodySocket {
    pub socket: PrereadSocket,
    make_error_body: MakeErrorBody,
    replacement: Option<Box<Replacement>>,
    /// Starts when nothing more is written.
    linger: Option<Box<Linger>>,
}

/// The full answer in place of a bare head; `None` when the bytes are no bare head of hyper's.
pub type MakeErrorBody = fn(&[u8]) -> Option<Vec<u8>>;

/// An answer that replaces hyper's own.
struct Replacement {
    answer: Vec<u8>,
    /// The number of bytes written so far.
    at: usize,
}

/// How much may still be read and discarded, and until when.
struct Linger {
    left_bytes: usize,
    until: Pin<Box<Sleep>>,
}

/// Longer than any usual body, and no more than a client could send in accepted requests.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

impl ErrorBodySocket {
    pub fn new(socket: PrereadSocket, make_error_body: MakeErrorBody) -> Self {
        ErrorBodySocket { socket, make_error_body, replacement: None, linger: None }
    }

    /// Prepares the replacement if these bytes are hyper's own answer.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        let Some(answer) = (self.make_error_body)(bytes) else { return false };
        self.replacement = Some(Box::new(Replacement { answer, at: 0 }));
        true
    }

    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(replacement) = &mut self.replacement else { return Poll::Ready(Ok(())) };
        while replacement.at < replacement.answer.len() {
            let rest = &replacement.answer[replacement.at..];
            match ready!(Pin::new(&mut self.socket).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => replacement.at += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until the peer closes, or the limit is reached.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.replacement.is_none() && !self.socket.may_have_more() {
            return Poll::Ready(());
        }
        let linger = self.linger.get_or_insert_with(|| {
            Box::new(Linger { left_bytes: LINGER_BYTES, until: Box::pin(sleep(LINGER)) })
        });
        let mut scratch = [0; 4 * 1024];
        while linger.left_bytes > 0 && linger.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.socket).poll_read(context, buffer.unfilled()));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            linger.left_bytes = linger.left_bytes.saturating_sub(count);
        }
        Poll::Ready(())
    }
}

impl Read for ErrorBodySocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(context, buffer)
    }
}

impl Write for ErrorBodySocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut this.socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_replacement(context))?;
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_replacement(context))?;
        ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
        this.poll_linger(context).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let [only] = pieces
            && this.replaces(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        Pin::new(&mut this.socket).poll_write_vectored(context, pieces)
    }
}
