//! permessage-deflate below a WebSocket library that has no extensions: the frames of the server that are compressed
//! reach it as they were before. What it sends passes as it is, as the standard allows.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Socket,
    inflate::{RSV1, inflated},
};

const HEAD_END: &[u8] = b"\r\n\r\n";

pub struct Inflating {
    socket: Socket,
    /// Whether frames may be compressed.
    is_agreed: bool,
    /// The head of the answer has passed.
    has_head: bool,
    /// What has come and is not whole yet.
    raw: Vec<u8>,
    /// What may be read, from `at` on.
    plain: Vec<u8>,
    at: usize,
}

impl Inflating {
    pub fn new(socket: Socket, is_agreed: bool) -> Self {
        Inflating { socket, is_agreed, has_head: false, raw: Vec::new(), plain: Vec::new(), at: 0 }
    }

    /// Moves what is whole.
    fn unpack(&mut self) {
        if !self.is_agreed {
            return self.plain.append(&mut self.raw);
        }
        if !self.has_head {
            let Some(end) = self.raw.windows(HEAD_END.len()).position(|four| four == HEAD_END) else {
                return;
            };
            self.plain.extend(self.raw.drain(..end + HEAD_END.len()));
            self.has_head = true;
        }
        let mut passed = 0;
        while let Some((head, length)) = lengths(&self.raw[passed..]) {
            let Some(frame) = self.raw.get(passed..passed + head + length) else { break };
            if frame[0] & RSV1 == 0 {
                self.plain.extend_from_slice(frame);
            } else {
                write_frame(frame[0] & !RSV1, &inflated(&frame[head..]), &mut self.plain);
            }
            passed += head + length;
        }
        self.raw.drain(..passed);
    }
}

/// Of a server's frame: the bytes of its header, and those of its payload. `None` when the header has not come whole.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = usize::from(*bytes.get(1)?);
    assert!(length < 0x80, "the server masks nothing");
    match length {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?)),
        _ => Some((2, length)),
    }
}

fn write_frame(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend([first, 127]);
    out.extend((payload.len() as u64).to_be_bytes());
    out.extend_from_slice(payload);
}

impl AsyncRead for Inflating {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.at == this.plain.len() {
            this.plain.clear();
            this.at = 0;
            let mut bytes = [0; 16 * 1024];
            let mut received = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.socket).poll_read(context, &mut received))?;
            if received.filled().is_empty() {
                assert!(this.raw.is_empty(), "the connection ends within a frame");
                return Poll::Ready(Ok(()));
            }
            this.raw.extend_from_slice(received.filled());
            this.unpack();
        }
        let most = buffer.remaining().min(this.plain.len() - this.at);
        buffer.put_slice(&this.plain[this.at..this.at + most]);
        this.at += most;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Inflating {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
