//! A client without a library: bytes on a socket, for what no well-behaved client would send.
//!
//! It never answers a ping and never closes politely.

use std::collections::VecDeque;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{Server, Socket, within};

pub struct RawClient {
    stream: Socket,
    buffer: Vec<u8>,
    /// Messages of the last frame of text that were not taken.
    messages: VecDeque<Value>,
}

/// Opcodes of RFC 6455.
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

impl RawClient {
    fn over(stream: Socket) -> RawClient {
        RawClient { stream, buffer: Vec::new(), messages: VecDeque::new() }
    }

    /// A bare connection: not a byte has been sent.
    pub async fn connect(server: &Server) -> RawClient {
        let connected = within("a connection", Socket::connect(server.address, server.tls.as_ref())).await;
        let stream = connected.expect("a listening server");
        RawClient::over(stream)
    }

    /// A connection that begins by `head` as it is, in two pieces, before any handshake of TLS.
    pub async fn proxied(server: &Server, head: &[u8], cut: usize) -> RawClient {
        let mut stream = within("a connection", TcpStream::connect(server.address)).await.expect("a server");
        for piece in [&head[..cut], &head[cut..]] {
            within("room to write", stream.write_all(piece)).await.expect("an open connection");
            // Each goes on its way alone.
            stream.set_nodelay(true).expect("an option");
            tokio::task::yield_now().await;
        }
        let stream = within("a handshake of TLS", Socket::over(stream, server.tls.as_ref())).await;
        RawClient::over(stream.expect("a handshake of TLS"))
    }

    /// The same, over a socket into which the kernel takes few bytes ahead of its reader.
    pub async fn connect_with_window(server: &Server, bytes: u32) -> RawClient {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a size that the kernel takes");
        let stream =
            within("a connection", socket.connect(server.address)).await.expect("a listening server");
        RawClient::over(Socket::Plain(stream))
    }

    /// The head of a request for an upgrade.
    pub fn upgrade(server: &Server) -> String {
        format!(
            "GET /v1/stream HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        )
    }

    /// A connection that has been upgraded.
    pub async fn upgraded(server: &Server) -> RawClient {
        let mut client = RawClient::connect(server).await;
        client.write(RawClient::upgrade(server).as_bytes()).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "an upgrade was expected: {head}");
        client
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        within("room to write", self.stream.write_all(bytes)).await.expect("an open connection");
    }

    /// Writes when the other end still listens; says whether it does.
    pub async fn write_if_open(&mut self, bytes: &[u8]) -> bool {
        within("room to write", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Sends no more, and says so.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.expect("an open connection");
    }

    /// Reads until this text has come.
    pub async fn read_until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.buffer).contains(text) {
            assert!(self.fill().await, "hung up before {text:?}");
        }
    }

    /// What has come and was not taken.
    pub fn ahead(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// The head of an HTTP response; what follows it stays for [`RawClient::read_frame`].
    pub async fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return String::from_utf8(head).expect("a head in ASCII");
            }
            assert!(self.fill().await, "hung up within the head of a response");
        }
    }

    /// Reads past the body that this head announced.
    pub async fn skip_body(&mut self, head: &str) {
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
        let length: usize = length.trim().parse().expect("a length");
        while self.buffer.len() < length {
            assert!(self.fill().await, "hung up within a body");
        }
        self.buffer.drain(..length);
    }

    /// Everything until the server hangs up.
    pub async fn read_to_end(&mut self) -> String {
        while self.fill().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// The next frame: opcode and payload; `None` when the server has hung up.
    pub async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, payload) = self.read_any_frame().await?;
        assert_eq!(first & 0xf0, 0x80, "a whole message, of no extension");
        Some((first & 0x0f, payload))
    }

    /// The next frame: the first byte of its header, and its payload.
    pub async fn read_any_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((header, payload)) = self.frame_ahead() {
                let frame: Vec<u8> = self.buffer.drain(..header + payload).collect();
                return Some((frame[0], frame[header..].to_vec()));
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next message of a frame of text; panics when the session ends. Those of one frame come one by one: how many are
    /// in it is the server's choice, and none may be passed over.
    pub async fn message(&mut self) -> Value {
        while self.messages.is_empty() {
            let (opcode, payload) = self.read_frame().await.expect("a session that goes on");
            assert_ne!(opcode, CLOSE, "closed: {}", String::from_utf8_lossy(&payload));
            if opcode == TEXT {
                let messages: Vec<Value> = serde_json::from_slice(&payload).expect("an array of messages");
                self.messages.extend(messages);
            }
        }
        self.messages.pop_front().expect("a message")
    }

    /// Reads until a close frame; its code, or `None` when there was none.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            let (opcode, payload) = self.read_frame().await?;
            if opcode == CLOSE {
                return payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
            }
        }
    }

    /// Lengths of the header and the payload of the frame that the buffer begins with, when it is whole.
    fn frame_ahead(&self) -> Option<(usize, usize)> {
        let short = self.buffer.get(1)?;
        assert!(short & 0x80 == 0, "a server does not mask its frames");
        let (header, payload) = match short {
            126 => (4, usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().ok()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(self.buffer.get(2..10)?.try_into().ok()?)).ok()?),
            &short => (2, usize::from(short)),
        };
        (self.buffer.len() >= header + payload).then_some((header, payload))
    }

    async fn fill(&mut self) -> bool {
        let read = within("bytes or the end", self.stream.read_buf(&mut self.buffer)).await;
        matches!(read, Ok(count) if count > 0)
    }
}

const MASKED: u8 = 0x80;

/// A masked frame with a mask of zeros, so that its payload is unchanged.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(MASKED | u8::try_from(short).expect("a short length")),
        middle @ 126..=0xffff => {
            bytes.push(MASKED | 0x7e);
            bytes.extend(u16::try_from(middle).expect("a middle length").to_be_bytes());
        }
        long => {
            bytes.push(MASKED | 0x7f);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A whole message of this opcode.
pub fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(0x80 | opcode, payload)
}
