//! A socket of which something has been read: HTTP gets those bytes first, then the rest from the socket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub struct Rewound {
    /// What has been read, and how much of it HTTP has.
    read: Vec<u8>,
    at: usize,
    io: TokioIo<TcpStream>,
}

impl Rewound {
    pub fn new(read: Vec<u8>, stream: TcpStream) -> Self {
        Rewound { read, at: 0, io: TokioIo::new(stream) }
    }

    /// What HTTP has not taken, and the socket.
    pub fn into_parts(mut self) -> (Vec<u8>, TcpStream) {
        (self.read.split_off(self.at), self.io.into_inner())
    }
}

impl Read for Rewound {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at == this.read.len() {
            return Pin::new(&mut this.io).poll_read(context, buffer);
        }
        let bytes = &this.read[this.at..];
        let bytes = &bytes[..bytes.len().min(buffer.remaining())];
        buffer.put_slice(bytes);
        this.at += bytes.len();
        if this.at == this.read.len() {
            (this.read, this.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Rewound {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(context, pieces)
    }
}
