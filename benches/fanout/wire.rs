//! One WebSocket of a client, read and written by a thread that waits: for the few clients that the generator, which only
//! counts, is not made for.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use crate::{
    frames::{self, Walker},
    servers::upgrade,
};

pub struct Wire {
    stream: TcpStream,
    walker: Walker,
    buffer: Vec<u8>,
    /// A message that is not whole yet.
    begun: Vec<u8>,
}

/// Longer than a server takes that is alive.
const ANSWER_MAX: Duration = Duration::from_secs(20);
const BUFFER_BYTES: usize = 128 * 1024;

impl Wire {
    pub fn connect(port: u16, path: &str) -> io::Result<Wire> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(&upgrade(path, ""))?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(Wire { stream, walker: Walker::default(), buffer: vec![0; BUFFER_BYTES], begun: Vec::new() })
    }

    /// Frames that are ready.
    pub fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    /// Reads once, and hands out each message that is whole. Pings are answered.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let length = self.stream.read(&mut self.buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (begun, mut pongs, mut is_closed) = (&mut self.begun, Vec::new(), false);
        let walked = self.walker.walk(&self.buffer[..length], |part| {
            begun.extend_from_slice(part.bytes);
            if !part.last {
                return;
            }
            match part.opcode {
                frames::PING => pongs.extend(frames::masked(frames::PONG, begun)),
                frames::CLOSE => is_closed = true,
                frames::PONG => {}
                _ => each(begun),
            }
            begun.clear();
        });
        walked.map_err(io::Error::other)?;
        if is_closed {
            return Err(io::Error::other("the server has closed the connection"));
        }
        self.stream.write_all(&pongs)
    }
}
