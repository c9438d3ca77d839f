//! The connection of a watch: connects, follows the stream, and comes back when it is lost.
//!
//! Invariants: what was received is resumed from, never asked for twice; a connection that has gone silent is given up,
//! so that an old price never looks new; every wait ends at once when the person stops.

use std::{
    io::{self, Write},
    pin::Pin,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::{
    net::TcpStream,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as WsError, Message, protocol::Role},
};

use super::{
    WatchArgs,
    backoff::Backoff,
    board::{Board, BoardError, Change},
    table::{Heading, draw, log_line},
    view::{Style, View, room},
};
use crate::{
    cli::{
        complain,
        endpoint::{self, EndpointError, printable},
    },
    clock::Clock,
    tick::Nanos,
};

/// Why a watch ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the server closed with {code}, and does not want us back{reason}")]
    Dismissed { code: u16, reason: String },
    #[error("the replay is over")]
    Over,
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// A watch under way.
pub struct Watcher<'a, W: Write> {
    args: &'a WatchArgs,
    board: Board,
    view: View<W>,
    clock: Clock,
    /// For a person: how the connection is.
    connection: String,
    /// For a person: the last thing that the server complained of over this connection.
    complaint: Option<String>,
    rates: Rates,
    redraw: Interval,
    backoff: Backoff,
    random: Pcg64Mcg,
    /// When the server has said when to come back.
    retry: Option<Duration>,
}

/// Updates and bytes a second, over the last second or a little more.
#[derive(Clone, Copy, Default)]
struct Rates {
    since: Nanos,
    updates: u64,
    bytes: u64,
    updates_per_second: f64,
    bytes_per_second: f64,
}

/// How following a connection ended.
enum End {
    Stopped,
    /// The connection is lost, and why.
    Lost(String),
}

type Socket = WebSocketStream<TcpStream>;

/// Between two drawings of the table.
const REDRAW: Duration = Duration::from_millis(100);
/// Without a heartbeat announced, or a word at all, a connection is dead after this.
const SILENCE: Duration = Duration::from_secs(30);
/// How many heartbeats may be missed.
const HEARTBEATS_MISSED: u32 = 3;
/// How long a server may take to answer our close.
const GOODBYE: Duration = Duration::from_secs(1);
/// The code that says: there is nothing more to show.
const OVER: u16 = 1000;
/// Codes that say: the same would happen again.
const DISMISSED: std::ops::RangeInclusive<u16> = 4100..=4199;

// === impl Watcher ===

impl<'a, W: Write> Watcher<'a, W> {
    pub fn new(args: &'a WatchArgs, view: View<W>) -> Self {
        let clock = Clock::system();
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Watcher {
            board: Board::new(&args.symbols),
            args,
            view,
            connection: "connecting".to_owned(),
            complaint: None,
            rates: Rates { since: clock.now(), ..Rates::default() },
            redraw,
            backoff: Backoff::default(),
            // Two watches that lose the same server at the same time must not come back at the same time.
            random: Pcg64Mcg::seed_from_u64(
                clock.now().0.unsigned_abs() ^ u64::from(std::process::id()) << 32,
            ),
            clock,
            retry: None,
        }
    }

    /// Watches until `stop`.
    ///
    /// # Errors
    /// When the first connection fails, the server does not want us back, or the output takes no more.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), WatchError> {
        let stopped = self.run_until(std::pin::pin!(stop)).await;
        if stopped.is_ok() && self.view.style == Style::Table {
            // The terminal drops what it had not shown when Ctrl-C is pressed: what stays there must be whole.
            self.draw()?;
        }
        stopped
    }

    async fn run_until(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), WatchError> {
        let mut connected_before = false;
        loop {
            let Some(socket) = self.meanwhile(connect(self.args), &mut stop).await? else { return Ok(()) };
            let why = match socket {
                Ok(mut socket) => {
                    connected_before = true;
                    self.say("connected")?;
                    match self.follow(&mut socket, &mut stop).await? {
                        End::Stopped => {
                            let _best_effort = timeout(GOODBYE, socket.close(None)).await;
                            return Ok(());
                        }
                        End::Lost(why) => why,
                    }
                }
                Err(error) if !connected_before || is_final(&error) => return Err(error.into()),
                Err(error) => error.to_string(),
            };
            self.board.disconnected();
            let chance = self.random.random();
            let pause = self.retry.take().unwrap_or_else(|| self.backoff.next(chance));
            self.say(&format!("{why}; again in {:.1} s", pause.as_secs_f64()))?;
            if self.meanwhile(sleep(pause), &mut stop).await?.is_none() {
                return Ok(());
            }
            self.say("connecting")?;
        }
    }

    /// Does some work while the table is kept up to date, for its ages grow; `None` when stopped first.
    async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        stop: &mut Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<T>, WatchError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                () = stop.as_mut() => return Ok(None),
                done = work.as_mut() => return Ok(Some(done)),
                _ = self.redraw.tick(), if self.view.style == Style::Table => self.draw()?,
            }
        }
    }

    /// Subscribes and shows what comes, until the connection ends.
    async fn follow(
        &mut self,
        socket: &mut Socket,
        stop: &mut Pin<&mut impl Future<Output = ()>>,
    ) -> Result<End, WatchError> {
        if let Err(error) = socket.send(Message::text(self.subscribe())).await {
            return Ok(End::Lost(error.to_string()));
        }
        let mut heard = Instant::now();
        loop {
            let silence = self
                .board
                .heartbeat_ms
                .map_or(SILENCE, |ms| Duration::from_millis(ms).max(REDRAW) * HEARTBEATS_MISSED);
            tokio::select! {
                () = stop.as_mut() => return Ok(End::Stopped),
                message = socket.next() => {
                    heard = Instant::now();
                    if let Some(why) = self.take(message)? {
                        return Ok(End::Lost(why));
                    }
                }
                () = sleep_until(heard + silence) => {
                    return Ok(End::Lost(format!("nothing heard for {:.0} s", silence.as_secs_f64())));
                }
                _ = self.redraw.tick(), if self.view.style == Style::Table => self.draw()?,
            }
        }
    }

    /// Takes what the socket gave; the answer is why the connection is over, if it is.
    fn take(&mut self, message: Option<Result<Message, WsError>>) -> Result<Option<String>, WatchError> {
        match message {
            Some(Ok(Message::Text(text))) => self.show(text.as_bytes()),
            Some(Ok(Message::Close(Some(frame)))) => {
                let code = u16::from(frame.code);
                let reason = if frame.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", printable(&frame.reason))
                };
                if code == OVER {
                    return Err(WatchError::Over);
                }
                if DISMISSED.contains(&code) {
                    return Err(WatchError::Dismissed { code, reason });
                }
                Ok(Some(format!("the server closed with {code}{reason}")))
            }
            Some(Ok(Message::Close(None))) => Ok(Some("the server closed".to_owned())),
            // Pings are answered by the socket itself.
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Ok(Some(format!("the connection broke: {error}"))),
            None => Ok(Some("the connection ended".to_owned())),
        }
    }

    /// Writes a frame on the board, and in a log each change of it.
    fn show(&mut self, payload: &[u8]) -> Result<Option<String>, WatchError> {
        let Watcher { board, view, clock, retry, .. } = self;
        let now_us = clock.now().micros();
        let mut notes: Vec<String> = Vec::new();
        let mut written = Ok(());
        let applied = board.apply(payload, |change| {
            match &change {
                Change::Refused { symbol, why } => {
                    notes.push(format!("{}: {}", printable(symbol), printable(why)));
                }
                Change::Error { why } => notes.push(printable(why)),
                Change::Drain { retry_ms } => *retry = Some(Duration::from_millis(*retry_ms)),
                _ => {}
            }
            if view.style == Style::Log
                && written.is_ok()
                && let Some(line) = log_line(&change, now_us)
            {
                written = view.log(&line);
            }
        });
        written?;
        for note in notes {
            self.complain(note);
        }
        match applied {
            // Whatever was received works; the next failure is the first again.
            Ok(()) => self.backoff.reset(),
            Err(error @ (BoardError::Scan(_) | BoardError::Message(_))) => {
                return Ok(Some(error.to_string()));
            }
        }
        Ok(None)
    }

    /// Keeps what the server complained of for the next drawing; beside a log it goes to standard error.
    fn complain(&mut self, what: String) {
        if self.view.style == Style::Log {
            complain(format_args!("tickcast watch: {what}\n"));
        }
        self.complaint = Some(what);
    }

    /// Shows how the connection is: above the table, or on standard error beside a log.
    fn say(&mut self, what: &str) -> Result<(), WatchError> {
        what.clone_into(&mut self.connection);
        self.complaint = None;
        match self.view.style {
            Style::Table => self.draw(),
            Style::Log => {
                complain(format_args!("tickcast watch: {what}\n"));
                Ok(())
            }
        }
    }

    fn draw(&mut self) -> Result<(), WatchError> {
        let now = self.clock.now();
        self.rates.look(&self.board, now);
        let heading = Heading {
            url: &self.args.url.to_string(),
            connection: &self.connection,
            complaint: self.complaint.as_deref(),
            updates_per_second: self.rates.updates_per_second,
            bytes_per_second: self.rates.bytes_per_second,
        };
        Ok(self.view.draw(&draw(&self.board, &heading, now.micros(), room()))?)
    }

    /// The command that subscribes, and resumes from what the board has.
    fn subscribe(&self) -> String {
        let mut command = serde_json::json!({
            "op": "subscribe", "id": 1, "symbols": self.args.symbols,
            "mode": self.args.mode.name(), "interval_ms": self.args.interval_ms,
        });
        let last = self.board.last();
        if let Some(epoch) = self.board.epoch.as_deref().filter(|_| !last.is_empty()) {
            command["resume"] = serde_json::json!({ "epoch": epoch, "last": last });
        }
        command.to_string()
    }
}

async fn connect(args: &WatchArgs) -> Result<Socket, EndpointError> {
    let stream = endpoint::connect(args.url.resolve().await?, None).await?;
    let upgraded = args.url.upgrade(stream).await?;
    Ok(WebSocketStream::from_partially_read(upgraded.stream, upgraded.read.into(), Role::Client, None).await)
}

/// Whether the same request would fail in the same way.
fn is_final(error: &EndpointError) -> bool {
    match error {
        // Too slow, too many: those pass.
        EndpointError::Status { status, .. } => {
            status.is_client_error() && !matches!(status.as_u16(), 408 | 429)
        }
        EndpointError::Handshake { .. } | EndpointError::Request(_) => true,
        _ => false,
    }
}

// === impl Rates ===

impl Rates {
    /// Takes the board's totals in, once a second.
    fn look(&mut self, board: &Board, now: Nanos) {
        let seconds = now.since(self.since) as f64 / 1e9;
        if seconds >= 1.0 {
            *self = Rates {
                since: now,
                updates: board.updates,
                bytes: board.bytes,
                updates_per_second: (board.updates - self.updates) as f64 / seconds,
                bytes_per_second: (board.bytes - self.bytes) as f64 / seconds,
            };
        }
    }
}
