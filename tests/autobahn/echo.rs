//! An echo for Autobahn's test suite: what the service does with a WebSocket, mounted on a program that sends each message
//! back. The service itself echoes nothing, so most cases would have nothing to look at.
//!
//! The parts are the service's own: the handshake and its answer to offers of permessage-deflate, the boundary that marks
//! compressed messages, the decoder of the same crate, the inflater, the deflater and the headers of frames. What stands
//! between them is written again here, in blocking code, as `src/session/inbound/read.rs` has it. Budgets and the limit
//! of a message are not judged.
//!
//! Usage: `cargo run --example autobahn-echo --features testing -- 127.0.0.1:9001`; `tests/autobahn.sh` starts it.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use hyper::{HeaderMap, Request, header::HeaderName, header::HeaderValue};
use tickcast::{
    limits::{self, READ_BUFFER_BYTES},
    server::handshake::{self, Accepted},
    session::inbound::boundary::{Arrival, Boundary},
    wire::{CloseReason, DeflateWindow, Deflater, InflateFault, Inflater, websocket},
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::{CapacityError, ProtocolError},
    protocol::{
        Role, WebSocketConfig, WebSocketContext,
        frame::coding::{Data, OpCode},
    },
};

/// The suite's longest message has 16 MiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// For a client that has sent its close, or was sent one.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            // A client that goes away without a word is no fault of the echo.
            if let Err(error) = serve(&stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn serve(stream: &TcpStream) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let (head, read_ahead) = read_head(stream)?;
    let Some(accepted) = upgrade(&head)? else {
        return Ok((&mut &*stream).write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?);
    };
    (&mut &*stream).write_all(&accepted.head())?;
    Echo::new(stream, &accepted, read_ahead).run()
}

/// The head of a request, and what came behind it.
fn read_head(mut stream: &TcpStream) -> Outcome<(Vec<u8>, Vec<u8>)> {
    let (mut head, mut piece) = (Vec::new(), [0; READ_BUFFER_BYTES]);
    loop {
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let rest = head.split_off(end + 4);
            return Ok((head, rest));
        }
        let bytes = stream.read(&mut piece)?;
        if bytes == 0 || head.len() > HEAD_BYTES_MAX {
            return Err("no request came".into());
        }
        head.extend_from_slice(&piece[..bytes]);
    }
}

/// What the service answers to an upgrade; `None` when it is none.
fn upgrade(head: &[u8]) -> Outcome<Option<Accepted>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(head)?;
    let mut map = HeaderMap::new();
    for header in parsed.headers.iter() {
        map.append(HeaderName::from_bytes(header.name.as_bytes())?, HeaderValue::from_bytes(header.value)?);
    }
    let mut request = Request::builder().uri(parsed.path.unwrap_or("/")).body(())?;
    *request.headers_mut() = map;
    Ok(handshake::check(&request, &limits::DEFAULT).ok())
}

/// One connection.
struct Echo<'a> {
    stream: &'a TcpStream,
    context: WebSocketContext,
    boundary: Boundary,
    arrivals: VecDeque<Arrival>,
    /// Of messages to the client; `None` without permessage-deflate.
    window: Option<DeflateWindow>,
    inflater: Inflater,
    deflater: Deflater,
}

impl<'a> Echo<'a> {
    fn new(stream: &'a TcpStream, accepted: &Accepted, mut read_ahead: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (mut boundary, mut arrivals) = (Boundary::of(accepted.encoding), VecDeque::new());
        boundary.pass(&mut read_ahead, |arrival| arrivals.push_back(arrival));
        Echo {
            stream,
            context: WebSocketContext::from_partially_read(read_ahead, Role::Server, Some(config)),
            boundary,
            arrivals,
            window: accepted.deflate.map(|deflate| deflate.window),
            inflater: Inflater::default(),
            deflater: Deflater::new(limits::DEFAULT.deflate_bytes),
        }
    }

    fn run(&mut self) -> Outcome<()> {
        loop {
            let Echo { stream, context, boundary, arrivals, .. } = self;
            let mut socket = Socket { stream, boundary, arrivals };
            let message = context.read(&mut socket);
            if matches!(message, Ok(Message::Ping(_) | Message::Close(_))) {
                // Its answer. It fails when the close is complete.
                let _ = context.flush(&mut socket);
            }
            match message {
                Ok(Message::Close(_)) => return self.end(),
                Ok(message) => {
                    if let Err(reason) = self.message(message)? {
                        return self.close(reason);
                    }
                }
                Err(error) => match reason_of(&error) {
                    None => return Ok(()),
                    Some(reason) => return self.close(reason),
                },
            }
        }
    }

    /// Sends a message back. With a reason when its connection must end.
    fn message(&mut self, message: Message) -> Outcome<Result<(), CloseReason>> {
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
        let arrival = if is_data { self.arrivals.pop_front() } else { None };
        let opcode = match (&message, arrival) {
            (Message::Text(_), _) | (_, Some(Arrival::DeflatedText)) => OpCode::Data(Data::Text),
            (Message::Binary(_), _) => OpCode::Data(Data::Binary),
            _ => return Ok(Ok(())),
        };
        let plain = message.into_data();
        let payload = match arrival {
            Some(Arrival::DeflatedText | Arrival::DeflatedBinary) => {
                match self.inflater.inflate(&plain, MESSAGE_BYTES_MAX) {
                    Ok(bytes) => bytes,
                    Err(InflateFault::TooLong) => return Ok(Err(CloseReason::TooBig)),
                    Err(InflateFault::Invalid) => return Ok(Err(CloseReason::InvalidPayload)),
                }
            }
            _ => &plain[..],
        };
        if opcode == OpCode::Data(Data::Text) && std::str::from_utf8(payload).is_err() {
            return Ok(Err(CloseReason::InvalidPayload));
        }
        let mut frame = Vec::new();
        match self.window.and_then(|window| self.deflater.deflated(window, payload)) {
            Some(deflated) => websocket::write_frame_deflated(opcode, deflated, &mut frame),
            None => websocket::write_frame(opcode, payload, &mut frame),
        }
        self.stream.write_all(&frame)?;
        Ok(Ok(()))
    }

    fn close(&mut self, reason: CloseReason) -> Outcome<()> {
        let mut frame = Vec::new();
        websocket::write_close(reason, &mut frame);
        self.stream.write_all(&frame)?;
        self.end()
    }

    /// Waits until the client has nothing more to say, so that it reads the close before the connection ends.
    fn end(&mut self) -> Outcome<()> {
        self.stream.shutdown(std::net::Shutdown::Write)?;
        self.stream.set_read_timeout(Some(CLOSE_GRACE))?;
        let mut rest = [0; READ_BUFFER_BYTES];
        while matches!(self.stream.read(&mut rest), Ok(1..)) {}
        Ok(())
    }
}

/// The socket as the decoder sees it.
struct Socket<'a> {
    stream: &'a TcpStream,
    boundary: &'a mut Boundary,
    arrivals: &'a mut VecDeque<Arrival>,
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        let arrivals = &mut *self.arrivals;
        self.boundary.pass(&mut buffer[..bytes], |arrival| arrivals.push_back(arrival));
        Ok(bytes)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// As sessions have it; `None` when the client is gone.
fn reason_of(error: &Error) -> Option<CloseReason> {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseReason::TooBig),
        Error::Utf8(_) => Some(CloseReason::InvalidPayload),
        Error::Protocol(_) => Some(CloseReason::ProtocolError),
        _ => Some(CloseReason::Internal),
    }
}
