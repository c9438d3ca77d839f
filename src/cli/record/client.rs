//! The connection of a recorder: connects, writes what comes, and comes back when it is lost, resuming where it was.
//!
//! Invariants: what was received is resumed from, never written twice; a connection that has gone silent is given up; what
//! a lost connection cost stands in the recording.

use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::json;
use tokio::{
    net::TcpStream,
    time::{Instant, interval, sleep, sleep_until, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{
    files::{FLUSH_EVERY, Files},
    messages::{Event, NoMessage, Received, note},
};
use crate::{
    cli::{
        complain,
        endpoint::{self, Endpoint, EndpointError, printable},
        watch::{Backoff, DISMISSED, GOODBYE, HEARTBEATS_MISSED, OVER, SILENCE, is_final},
    },
    clock::Clock,
    feed::{FeedError, SourceError},
};

/// Why a recording ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the server closed with {code}, and does not want us back{reason}")]
    Dismissed { code: u16, reason: String },
    #[error(transparent)]
    NoMessage(#[from] NoMessage),
    #[error("the feed cannot be used: {0}")]
    Source(#[from] SourceError),
    #[error("the feed broke off")]
    Feed(#[source] FeedError),
    #[error("`push` brings ticks by HTTP, and there is no server here; record the server instead")]
    Push,
    #[error("cannot write {path}: {source}")]
    Output { path: String, source: io::Error },
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    #[error("no event loop: {0}")]
    Runtime(#[source] io::Error),
}

/// A recording of a server under way.
pub struct Recorder<'a> {
    url: &'a Endpoint,
    symbols: &'a [String],
    files: &'a mut Files,
    received: Received,
    clock: Clock,
    disconnects: u32,
    /// When the server has said when to come back.
    retry: Option<Duration>,
}

/// How following a connection ended.
enum End {
    Stopped,
    /// The server's market is over: there is nothing more to come.
    Over,
    Lost(String),
}

/// How long what the server has sent before our close may take to come.
const LAST_WORDS: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TcpStream>;

// === impl Recorder ===

impl<'a> Recorder<'a> {
    pub fn new(url: &'a Endpoint, symbols: &'a [String], files: &'a mut Files) -> Self {
        let received = Received::default();
        Recorder { url, symbols, files, received, clock: Clock::system(), disconnects: 0, retry: None }
    }

    /// Records until `stop`.
    ///
    /// # Errors
    /// When the first connection fails, the server does not want us back, or the output takes no more.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), RecordError> {
        let mut stop = std::pin::pin!(stop);
        // Two recorders that lose the same server at the same time must not come back at the same time.
        let seed = self.clock.now().0.unsigned_abs() ^ u64::from(std::process::id()) << 32;
        let (mut backoff, mut random) = (Backoff::default(), Pcg64Mcg::seed_from_u64(seed));
        let mut connected_before = false;
        loop {
            let connected = tokio::select! {
                () = stop.as_mut() => return Ok(()),
                connected = connect(self.url) => connected,
            };
            let why = match connected {
                Ok(mut socket) => {
                    connected_before = true;
                    backoff.reset();
                    match self.follow(&mut socket, &mut stop).await? {
                        End::Stopped => return self.leave(&mut socket).await,
                        End::Over => {
                            complain("tickcast record: the replay is over\n");
                            return Ok(());
                        }
                        End::Lost(why) => why,
                    }
                }
                Err(error) if !connected_before || is_final(&error) => return Err(error.into()),
                Err(error) => error.to_string(),
            };
            self.lost(&why)?;
            let pause = self.retry.take().unwrap_or_else(|| backoff.next(random.random()));
            tokio::select! {
                () = stop.as_mut() => return Ok(()),
                () = sleep(pause) => {}
            }
        }
    }

    /// For a person: what was received, and what was not.
    pub fn summary(&self) -> String {
        let missed = &self.received.missed;
        let gone: u64 = missed.gaps.values().sum();
        let mut text = format!(
            "{} symbols, {} disconnects, {gone} ticks in gaps",
            self.received.symbols(),
            self.disconnects
        );
        if gone > 0 {
            let reasons: Vec<String> =
                missed.gaps.iter().map(|(reason, count)| format!("{} {count}", printable(reason))).collect();
            text = format!("{text} ({})", reasons.join(", "));
        }
        if missed.merged > 0 {
            text = format!("{text}, {} merged", missed.merged);
        }
        if missed.unannounced > 0 {
            text = format!("{text}, {} missing without a word", missed.unannounced);
        }
        text
    }

    fn lost(&mut self, why: &str) -> Result<(), RecordError> {
        self.disconnects += 1;
        complain(format_args!("tickcast record: {why}; connecting again\n"));
        let now = self.clock.now();
        self.files.note(&note("disconnected", now, &[("why", json!(why))]), now)?;
        Ok(self.files.look(now)?)
    }

    /// Subscribes and writes what comes, until the connection ends.
    async fn follow(
        &mut self,
        socket: &mut Socket,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<End, RecordError> {
        let subscribe = self.received.subscribe(self.symbols);
        if let Err(error) = socket.send(Message::text(subscribe)).await {
            return Ok(End::Lost(error.to_string()));
        }
        let mut turns = interval(FLUSH_EVERY);
        let mut heard = Instant::now();
        loop {
            let heartbeat = self.received.heartbeat_ms.map(Duration::from_millis);
            let silence = heartbeat.map_or(SILENCE, |beat| beat.max(FLUSH_EVERY) * HEARTBEATS_MISSED);
            tokio::select! {
                () = &mut *stop => return Ok(End::Stopped),
                message = socket.next() => {
                    heard = Instant::now();
                    let end = match message {
                        Some(Ok(message)) => self.take(&message)?,
                        Some(Err(error)) => Some(End::Lost(format!("the connection broke: {error}"))),
                        None => Some(End::Lost("the connection ended".to_owned())),
                    };
                    if let Some(end) = end {
                        return Ok(end);
                    }
                }
                () = sleep_until(heard + silence) => {
                    return Ok(End::Lost(format!("nothing heard for {:.0} s", silence.as_secs_f64())));
                }
                _ = turns.tick() => self.files.look(self.clock.now())?,
            }
        }
    }

    /// Closes, and writes what the server has sent before it hears of it.
    async fn leave(&mut self, socket: &mut Socket) -> Result<(), RecordError> {
        let end = Instant::now() + LAST_WORDS;
        let _best_effort = timeout(GOODBYE, socket.close(None)).await;
        loop {
            let silence = end.min(Instant::now() + GOODBYE);
            match timeout_at(silence, socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => self.write(text.as_str())?,
                Ok(Some(Ok(message))) if !message.is_close() => {}
                _ => return Ok(()),
            }
        }
    }

    /// Takes what the socket gave; the answer is how the connection ended, if it did.
    fn take(&mut self, message: &Message) -> Result<Option<End>, RecordError> {
        match message {
            Message::Text(text) => self.write(text.as_str()).map(|()| None),
            Message::Close(Some(frame)) => {
                let code = u16::from(frame.code);
                let reason = match frame.reason.as_str() {
                    "" => String::new(),
                    reason => format!(": {}", printable(reason)),
                };
                if code == OVER {
                    return Ok(Some(End::Over));
                }
                if DISMISSED.contains(&code) {
                    return Err(RecordError::Dismissed { code, reason });
                }
                Ok(Some(End::Lost(format!("the server closed with {code}{reason}"))))
            }
            Message::Close(None) => Ok(Some(End::Lost("the server closed".to_owned()))),
            // Pings are answered by the socket itself.
            _ => Ok(None),
        }
    }

    fn write(&mut self, frame: &str) -> Result<(), RecordError> {
        let now = self.clock.now();
        let mut events = Vec::new();
        self.received.take(frame, now, &mut events)?;
        for event in events {
            match event {
                Event::Tick(tick, rx) => self.files.write(&tick, rx, now)?,
                Event::Note(line) => self.files.note(&line, now)?,
                Event::Complaint(text) => complain(format_args!("tickcast record: {}\n", printable(&text))),
                Event::Drain { retry_ms } => self.retry = Some(Duration::from_millis(retry_ms)),
            }
        }
        Ok(())
    }
}

async fn connect(url: &Endpoint) -> Result<Socket, EndpointError> {
    let stream = endpoint::connect(url.resolve().await?, None).await?;
    let upgraded = url.upgrade(stream).await?;
    Ok(WebSocketStream::from_partially_read(upgraded.stream, upgraded.read.into(), Role::Client, None).await)
}
