//! What carries a client's bytes: TCP, or TLS on it.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
};

use rustls::{ClientConnection, HandshakeKind};

pub enum Link {
    Plain(TcpStream),
    Tls(TcpStream, Box<ClientConnection>),
}

/// Ciphertext of one read: with more of it at once, a reader of long frames needs fewer calls of the kernel.
const CIPHER_BYTES: usize = 64 * 1024;

thread_local! {
    static CIPHER: RefCell<Vec<u8>> = RefCell::new(vec![0; CIPHER_BYTES]);
}

impl Link {
    pub fn new(stream: TcpStream, tls: Option<Box<ClientConnection>>) -> Link {
        match tls {
            None => Link::Plain(stream),
            Some(tls) => Link::Tls(stream, tls),
        }
    }

    /// Of TLS, once the handshake is done: whether it was one of few steps.
    pub fn is_resumed(&self) -> bool {
        match self {
            Link::Plain(_) => false,
            Link::Tls(_, tls) => tls.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// The request, when the connection stands; `WouldBlock` before.
    pub fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        match self {
            Link::Plain(stream) => stream.write_all(request),
            Link::Tls(stream, tls) => {
                // The hello alone tells whether the connection stands. The request waits for the handshake.
                flush(stream, tls)?;
                tls.writer().write_all(request)
            }
        }
    }
}

/// Clients write little, which a socket takes whole.
fn flush(stream: &mut TcpStream, tls: &mut ClientConnection) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(stream)?;
    }
    Ok(())
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (stream, tls) = match self {
            Link::Plain(stream) => return stream.read(buffer),
            Link::Tls(stream, tls) => (stream, tls),
        };
        CIPHER.with_borrow_mut(|cipher| {
            loop {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                    read => return read,
                }
                // No more than the plaintext that there is room for: rustls keeps little of it.
                let room = cipher.len().min(buffer.len());
                let arrived = stream.read(&mut cipher[..room])?;
                if arrived == 0 {
                    return Ok(0);
                }
                let (mut bytes, mut taken) = (&cipher[..arrived], 0);
                while !bytes.is_empty() {
                    tls.read_tls(&mut bytes)?;
                    tls.process_new_packets().map_err(io::Error::other)?;
                    match tls.reader().read(&mut buffer[taken..]) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                        read => taken += read?,
                    }
                }
                flush(stream, tls)?;
                if taken > 0 {
                    return Ok(taken);
                }
            }
        })
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Link::Plain(stream) => stream.write(bytes),
            Link::Tls(stream, tls) => {
                let taken = tls.writer().write(bytes)?;
                flush(stream, tls)?;
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Link::Plain(stream) | Link::Tls(stream, _) => stream.as_fd(),
        }
    }
}
