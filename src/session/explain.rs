//! What HTTP says by itself of a head that it cannot read has no body; here it gets one.
//!
//! Its sender may still be sending: behind such an answer the socket is read on for a moment, or the answer would be lost
//! to a reset.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

/// A connection whose bare refusals are explained.
pub struct Explaining<S> {
    pub socket: S,
    explain: Explain,
    explained: Option<Box<Explained>>,
}

/// Gives the whole answer in place of a bare head; `None` when what HTTP writes is none.
pub type Explain = fn(&[u8]) -> Option<Vec<u8>>;

/// An answer that took the place of HTTP's own.
struct Explained {
    answer: Vec<u8>,
    /// What of it is out.
    at: usize,
    /// What may still be read and forgotten, and until when.
    left_bytes: usize,
    until: Pin<Box<Sleep>>,
}

const LINGER_BYTES: usize = 4 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

impl<S: Read + Write + Unpin> Explaining<S> {
    pub fn new(socket: S, explain: Explain) -> Self {
        Explaining { socket, explain, explained: None }
    }

    /// Keeps the answer that stands in place of these bytes, if they are HTTP's own.
    fn explains(&mut self, bytes: &[u8]) -> bool {
        let Some(answer) = (self.explain)(bytes) else { return false };
        let until = Box::pin(sleep(LINGER));
        self.explained = Some(Box::new(Explained { answer, at: 0, left_bytes: LINGER_BYTES, until }));
        true
    }

    fn poll_explained(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(explained) = &mut self.explained else { return Poll::Ready(Ok(())) };
        while explained.at < explained.answer.len() {
            let rest = &explained.answer[explained.at..];
            match ready!(Pin::new(&mut self.socket).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => explained.at += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on until the other end has noticed, or enough.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(explained) = &mut self.explained else { return Poll::Ready(()) };
        let mut scratch = [0; 4 * 1024];
        while explained.left_bytes > 0 && explained.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.socket).poll_read(context, buffer.unfilled()));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            explained.left_bytes = explained.left_bytes.saturating_sub(count);
        }
        Poll::Ready(())
    }
}

impl<S: Read + Unpin> Read for Explaining<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(context, buffer)
    }
}

impl<S: Read + Write + Unpin> Write for Explaining<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.explains(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut this.socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_explained(context))?;
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_explained(context))?;
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
            && this.explains(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        Pin::new(&mut this.socket).poll_write_vectored(context, pieces)
    }
}
