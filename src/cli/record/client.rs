//! The connection of a recorder: connects, writes what comes, and comes back when it is lost, resuming where it was.
//!
//! Invariants: what was received is resumed from, never written twice; a connection that has gone silent is given up; what
//! a lost connection cost stands in the recording.

use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::{
    files::{FLUSH_EVERY, Files},
    messages::{Event, NoMessage, Received, note},
};
use crate::{
    cli::{
        complain,
        endpoint::{Endpoint, EndpointError, printable},
        stream::{self, Comeback, Dismissed, GOODBYE, Heard, Socket},
    },
    clock::Clock,
    feed::{FeedError, SourceError},
};

/// Why a recording ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Dismissed(#[from] Dismissed),
    #[error(transparent)]
    NoMessage(#[from] NoMessage),
    #[error("the feed cannot be used")]
    Source(#[from] SourceError),
    #[error("the feed broke off")]
    Feed(#[source] FeedError),
    #[error("`push` brings ticks by HTTP, and there is no server here; record the server instead")]
    Push,
    #[error("{path}: {why}")]
    Ending { path: String, why: String },
    #[error("cannot write {path}")]
    Output { path: String, source: io::Error },
    #[error("cannot write")]
    Write(#[from] io::Error),
    #[error("no event loop")]
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
    comeback: Comeback,
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

// === impl Recorder ===

impl<'a> Recorder<'a> {
    pub fn new(url: &'a Endpoint, symbols: &'a [String], files: &'a mut Files) -> Self {
        let (received, clock) = (Received::default(), Clock::system());
        Recorder { url, symbols, files, received, comeback: Comeback::new(&clock), clock, disconnects: 0 }
    }

    /// Records until `stop`.
    ///
    /// # Errors
    /// When the first connection fails, the server does not want us back, or the output takes no more.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), RecordError> {
        let mut stop = std::pin::pin!(stop);
        loop {
            let connected = tokio::select! {
                () = stop.as_mut() => return Ok(()),
                connected = stream::connect(self.url) => connected,
            };
            let why = match connected {
                Ok(mut socket) => {
                    self.comeback.connected();
                    self.comeback.heard();
                    match self.follow(&mut socket, &mut stop).await? {
                        End::Stopped => return self.leave(&mut socket).await,
                        End::Over => {
                            complain("tickcast record: the replay is over\n");
                            return Ok(());
                        }
                        End::Lost(why) => why,
                    }
                }
                Err(error) => self.comeback.failed(error)?,
            };
            self.lost(&why)?;
            let pause = self.comeback.pause();
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
            let silence = stream::silence(self.received.heartbeat_ms, FLUSH_EVERY);
            tokio::select! {
                () = &mut *stop => return Ok(End::Stopped),
                message = socket.next() => {
                    heard = Instant::now();
                    match stream::hear(message) {
                        Heard::Text(text) => self.write(text.as_str())?,
                        Heard::Nothing => {}
                        Heard::Over => return Ok(End::Over),
                        Heard::Dismissed(dismissed) => return Err(dismissed.into()),
                        Heard::Lost(why) => return Ok(End::Lost(why)),
                    }
                }
                () = sleep_until(heard + silence) => {
                    return Ok(End::Lost(stream::unheard(silence)));
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

    fn write(&mut self, frame: &str) -> Result<(), RecordError> {
        let now = self.clock.now();
        let mut events = Vec::new();
        self.received.take(frame, now, &mut events)?;
        for event in events {
            match event {
                Event::Tick(tick, rx) => self.files.write(&tick, rx, now)?,
                Event::Note(line) => self.files.note(&line, now)?,
                Event::Complaint(text) => complain(format_args!("tickcast record: {}\n", printable(&text))),
                Event::Drain { retry_ms } => self.comeback.retry_in(Duration::from_millis(retry_ms)),
            }
        }
        Ok(())
    }
}
