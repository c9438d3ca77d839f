//! One connection to a server's stream: frames out, frames in, until it ends.
//!
//! Not what the frames mean. Invariants: a connection that has gone silent is given up, so that an old price never looks
//! new; [`Socket::next`] may be cancelled at any moment and loses nothing.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink, Stream};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage, Utf8Bytes,
        protocol::{CloseFrame, Role},
    },
};

use crate::{
    close::{Advice, Close},
    endpoint::{Endpoint, EndpointError, connect},
};

/// A connection that is up.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    outbox: VecDeque<WsMessage>,
    opened: Instant,
    /// When something came last.
    heard: Instant,
    silence: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Whether we have said that we close, and until when the answer is awaited.
    closing: Option<Instant>,
}

/// What a socket gave.
#[derive(Debug)]
pub enum Received {
    Frame(Utf8Bytes),
    /// The connection is over.
    End(End),
}

/// How a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The server closed; its code advises what to do.
    Closed(Close),
    /// We closed, and the server has answered or is not waited for.
    Left,
    /// Nothing was heard for so long.
    Silent(Duration),
    /// The connection broke.
    Broken(WsError),
    /// It ended without a close frame.
    Gone,
    /// This program gave it up, and why.
    GivenUp(String),
}

/// Without a heartbeat announced, or a word at all, a connection is dead after this.
const SILENCE: Duration = Duration::from_secs(30);
/// How many heartbeats may be missed.
const HEARTBEATS_MISSED: u32 = 3;
/// No heartbeat is taken to be quicker, whatever the server announces.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// How long a server may be silent behind our close.
pub const GOODBYE: Duration = Duration::from_secs(1);
/// How long what it has sent before our close may take to come.
const LAST_WORDS: Duration = Duration::from_secs(5);

// === impl Socket ===

impl Socket {
    /// Connects, and makes the socket a WebSocket.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub async fn connect(endpoint: &Endpoint) -> Result<Socket, EndpointError> {
        let tcp = connect(endpoint.resolve().await?, None).await?;
        let upgraded = endpoint.upgrade(tcp).await?;
        let stream =
            WebSocketStream::from_partially_read(upgraded.stream, upgraded.read.into(), Role::Client, None);
        let now = Instant::now();
        Ok(Socket {
            stream: stream.await,
            outbox: VecDeque::new(),
            opened: now,
            heard: now,
            silence: SILENCE,
            alarm: Box::pin(sleep_until(now + SILENCE)),
            closing: None,
        })
    }

    /// Sends a command, as soon as [`next`](Self::next) is awaited.
    pub fn send(&mut self, command: impl Into<Utf8Bytes>) {
        self.outbox.push_back(WsMessage::Text(command.into()));
    }

    /// The server announces how often it is heard at least.
    pub fn expect_heartbeat(&mut self, heartbeat: Duration) {
        let silence = heartbeat.max(HEARTBEAT_MIN) * HEARTBEATS_MISSED;
        if silence != self.silence && self.closing.is_none() {
            self.silence = silence;
            self.alarm.as_mut().reset(self.heard + silence);
        }
    }

    /// Says that we go. What the server has sent before it hears of it still comes, and then [`End::Left`].
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
        // Looked at only when it rings: setting it anew for each frame would cost more than the frame.
        while self.alarm.as_mut().poll(cx).is_ready() {
            let end = (self.heard + self.silence).min(self.closing.unwrap_or(self.heard + self.silence));
            if end <= Instant::now() {
                return Poll::Ready(Received::End(self.silent()));
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// Hands on what waits, as far as the socket takes it.
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

    /// What it means that the socket gave this; `None`: it lives. Pings are answered by the socket itself.
    fn receive(&self, message: Option<Result<WsMessage, WsError>>) -> Option<Received> {
        let end = match message {
            Some(Ok(WsMessage::Text(text))) => return Some(Received::Frame(text)),
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
