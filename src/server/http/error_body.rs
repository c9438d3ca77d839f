//! HTTP's own answer to a head that it cannot read has no body. Here it gets one.
//!
//! The sender may still be sending. After such an answer the socket is read for a moment, or the answer would be lost
//! to a reset. The same holds after the last answer to a request whose body may not have been read to the end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

use super::preread::PrereadSocket;

/// A connection on which bare errors of HTTP get a body.
pub struct ErrorBodySocket {
    pub socket: PrereadSocket,
    make_error_body: MakeErrorBody,
    replacement: Option<Box<Replacement>>,
    /// Begins when nothing more is written.
    linger: Option<Box<Linger>>,
}

/// Returns the whole answer in place of a bare head; `None` when HTTP did not write a bare head.
pub type MakeErrorBody = fn(&[u8]) -> Option<Vec<u8>>;

/// An answer that replaces HTTP's own.
struct Replacement {
    answer: Vec<u8>,
    /// How much of it is out.
    at: usize,
}

/// How much may still be read and discarded, and until when.
struct Linger {
    left_bytes: usize,
    until: Pin<Box<Sleep>>,
}

/// Longer than the longest usual body, and no more than its sender could have sent in requests that are read.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

impl ErrorBodySocket {
    pub fn new(socket: PrereadSocket, make_error_body: MakeErrorBody) -> Self {
        ErrorBodySocket { socket, make_error_body, replacement: None, linger: None }
    }

    /// Keeps the answer that replaces these bytes, if they are HTTP's own.
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

    /// Reads until the peer has noticed, or the limit is reached.
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
