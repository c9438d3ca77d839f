//! One connection to a server's stream: frames out, frames in, until it ends.
//!
//! It does not parse frames. Invariants: a connection that is silent for too long is dropped, so that an old price never
//! looks new; [`Socket::next`] is cancel safe.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage, Utf8Bytes,
        protocol::{CloseFrame, Role},
    },
};

use crate::{
    close::{Advice, Close},
    encoding::Encoding,
    endpoint::{Endpoint, EndpointError, Transport},
    token::Secret,
};

/// An open connection.
pub struct Socket {
    stream: WebSocketStream<Transport>,
    encoding: Encoding,
    /// The token that was sent with the handshake.
    token: Option<Secret>,
    outbox: VecDeque<WsMessage>,
    opened: Instant,
    /// When a byte was last received.
    heard: Instant,
    silence: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Set when a close frame was sent: the deadline for the answer.
    closing: Option<Instant>,
}

/// The result of reading a socket.
#[derive(Debug)]
pub enum Received {
    Frame(Payload),
    /// The connection is over.
    End(End),
}

/// One frame of messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// For [`Messages`](crate::Messages).
    Text(Utf8Bytes),
    /// For a [`Decoder`](crate::binary::Decoder).
    Binary(Bytes),
}

/// How a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The server closed; its code says whether to reconnect.
    Closed(Close),
    /// This client closed, and the server has answered or the wait is over.
    Left,
    /// No byte was received for this long.
    Silent(Duration),
    /// The connection broke.
    Broken(WsError),
    /// It ended without a close frame.
    Gone,
    /// This program dropped it, for this reason.
    GivenUp(String),
}

/// The longest silence before the server announces its heartbeat interval.
const SILENCE: Duration = Duration::from_secs(30);
/// How many heartbeats may be missed.
const HEARTBEATS_MISSED: u32 = 3;
/// The shortest heartbeat interval that is used, whatever the server announces.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// How long a server may be silent after this client's close frame.
pub const GOODBYE: Duration = Duration::from_secs(1);
/// How long messages that were sent before the close may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(5);

// === impl Socket ===

impl Socket {
    /// Connects, and makes the socket a WebSocket.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub async fn connect(endpoint: &Endpoint) -> Result<Socket, EndpointError> {
        let transport = endpoint.connect(endpoint.resolve().await?, None).await?;
        let upgraded = endpoint.upgrade(transport).await?;
        let stream =
            WebSocketStream::from_partially_read(upgraded.stream, upgraded.read.into(), Role::Client, None);
        let now = Instant::now();
        Ok(Socket {
            stream: stream.await,
            encoding: upgraded.encoding,
            token: upgraded.token,
            outbox: VecDeque::new(),
            opened: now,
            heard: now,
            silence: SILENCE,
            alarm: Box::pin(sleep_until(now + SILENCE)),
            closing: None,
        })
    }

    /// What the server has agreed to.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The token that was sent with the handshake.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Sends a command, as soon as [`next`](Self::next) is awaited.
    pub fn send(&mut self, command: impl Into<Utf8Bytes>) {
        self.outbox.push_back(WsMessage::Text(command.into()));
    }

    /// Sets the heartbeat interval that the server announced.
    pub fn expect_heartbeat(&mut self, heartbeat: Duration) {
        let silence = heartbeat.max(HEARTBEAT_MIN) * HEARTBEATS_MISSED;
        if silence != self.silence && self.closing.is_none() {
            self.silence = silence;
            self.alarm.as_mut().reset(self.heard + silence);
        }
    }

    /// Sends a close frame. What the server sends before it receives that is still returned, and then [`End::Left`].
    pub fn close(&mut self) {
        let now = Instant::now();
        if self.closing.is_none() {
            self.outbox.push_back(WsMessage::Close(None));
            self.closing = Some(now + LAST_WORDS);
            (self.silence, self.heard) = (GOODBYE, now);
            self.alarm.as_mut().reset(now + GOODBYE);
        }
    }

    /// How long it has been up.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The next frame, or the end.
    pub async fn next(&mut self) -> Received {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if let Err(error) = self.poll_send(cx) {
            return Poll::Ready(Received::End(self.broken(error)));
        }
        while let Poll::Ready(message) = Pin::new(&mut self.stream).poll_next(cx) {
            self.heard = Instant::now();
            if let Some(received) = self.receive(message) {
                return Poll::Ready(received);
            }
        }
        // The deadline is checked only when the timer fires; resetting the timer for each frame would cost more than
        // the frame.
        while self.alarm.as_mut().poll(cx).is_ready() {
            let end = (self.heard + self.silence).min(self.closing.unwrap_or(self.heard + self.silence));
            if end <= Instant::now() {
                return Poll::Ready(Received::End(self.silent()));
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// Writes what is queued, as far as the socket takes it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), WsError> {
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.stream).poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            if let Some(message) = self.outbox.pop_front() {
                Pin::new(&mut self.stream).start_send(message)?;
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// The result for the caller; `None` when there is nothing to return. The socket itself answers pings.
    fn receive(&self, message: Option<Result<WsMessage, WsError>>) -> Option<Received> {
        let end = match message {
            Some(Ok(WsMessage::Text(text))) => return Some(Received::Frame(Payload::Text(text))),
            Some(Ok(WsMessage::Binary(bytes))) if self.encoding == Encoding::Binary => {
                return Some(Received::Frame(Payload::Binary(bytes)));
            }
            Some(Ok(WsMessage::Binary(_))) if self.closing.is_none() => {
                End::GivenUp("a binary frame came, where JSON was agreed".to_owned())
            }
            Some(Ok(WsMessage::Close(_))) | None if self.closing.is_some() => End::Left,
            Some(Ok(WsMessage::Close(frame))) => End::Closed(closed(frame)),
            Some(Ok(_)) => return None,
            Some(Err(error)) => self.broken(error),
            None => End::Gone,
        };
        Some(Received::End(end))
    }

    fn broken(&self, error: WsError) -> End {
        if self.closing.is_some() { End::Left } else { End::Broken(error) }
    }

    fn silent(&self) -> End {
        if self.closing.is_some() { End::Left } else { End::Silent(self.silence) }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("closing", &self.closing).finish_non_exhaustive()
    }
}

fn closed(frame: Option<CloseFrame>) -> Close {
    match frame {
        Some(frame) => Close { code: Some(frame.code.into()), reason: frame.reason.as_str().to_owned() },
        None => Close { code: None, reason: String::new() },
    }
}

// === impl End ===

impl End {
    /// What to do about it.
    pub fn advice(&self) -> Advice {
        match self {
            End::Closed(close) => close.advice(),
            End::Left => Advice::StayAway,
            End::Silent(_) | End::Broken(_) | End::Gone | End::GivenUp(_) => Advice::Return,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Closed(close) => close.fmt(f),
            End::Left => f.write_str("we closed"),
            End::Silent(silence) => write!(f, "nothing heard for {:.0} s", silence.as_secs_f64()),
            End::Broken(error) => write!(f, "the connection broke: {error}"),
            End::Gone => f.write_str("the connection ended"),
            End::GivenUp(why) => f.write_str(why),
        }
    }
}
