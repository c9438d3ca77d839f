//! The connection of a watch: connects, follows the stream, and comes back when it is lost.
//!
//! Invariants: what was received is resumed from, never asked for twice; a connection that has gone silent is given up,
//! so that an old price never looks new; every wait ends at once when the person stops.

use std::{io, ops::ControlFlow, pin::Pin, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{
    WatchArgs,
    board::{Board, BoardError, Change},
    face::{Face, Link, Rates},
    server_time::ServerTime,
};
use crate::{
    cli::{
        endpoint::{EndpointError, printable},
        stream::{self, Comeback, Dismissed, GOODBYE, Heard, Socket},
    },
    clock::Clock,
    tick::Nanos,
};

/// Why a watch ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Dismissed(#[from] Dismissed),
    #[error("the replay is over")]
    Over,
    #[error("cannot use the terminal or the output: {0}")]
    Output(#[from] io::Error),
}

/// A watch under way.
pub struct Watcher<'a, F: Face> {
    args: &'a WatchArgs,
    /// As a heading shows them.
    url: String,
    asked: String,
    board: Board,
    face: F,
    clock: Clock,
    up: bool,
    /// When the last byte of this connection came.
    heard: Option<Nanos>,
    server_time: ServerTime,
    rates: Rates,
    comeback: Comeback,
}

/// How following a connection ended.
enum End {
    Stopped,
    /// The connection is lost, and why.
    Lost(String),
}

/// No heartbeat is taken to be quicker, whatever the server announces.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// How often the server's time is asked for.
const PING_EVERY: Duration = Duration::from_secs(5);

// === impl Watcher ===

impl<'a, F: Face> Watcher<'a, F> {
    pub fn new(args: &'a WatchArgs, face: F) -> Self {
        let clock = Clock::system();
        let pace = if args.interval_ms == 0 { String::new() } else { format!(", {} ms", args.interval_ms) };
        Watcher {
            board: Board::new(&args.symbols),
            url: args.url.to_string(),
            asked: format!("{}{pace}", args.mode.name()),
            args,
            face,
            up: false,
            heard: None,
            server_time: ServerTime::default(),
            rates: Rates::starting(clock.now()),
            comeback: Comeback::new(&clock),
            clock,
        }
    }

    /// Watches until `stop`, or until the person has seen enough.
    ///
    /// # Errors
    /// When the first connection fails, the server does not want us back, or the output takes no more.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), WatchError> {
        self.run_until(std::pin::pin!(stop)).await
    }

    async fn run_until(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), WatchError> {
        loop {
            let Some(socket) = self.meanwhile(stream::connect(&self.args.url), &mut stop).await? else {
                return Ok(());
            };
            let why = match socket {
                Ok(mut socket) => {
                    self.comeback.connected();
                    self.up = true;
                    self.face.say("connected");
                    match self.follow(&mut socket, &mut stop).await? {
                        End::Stopped => {
                            let _best_effort = timeout(GOODBYE, socket.close(None)).await;
                            return Ok(());
                        }
                        End::Lost(why) => why,
                    }
                }
                Err(error) => self.comeback.failed(error)?,
            };
            (self.up, self.heard) = (false, None);
            self.board.disconnected();
            self.server_time.disconnected();
            let pause = self.comeback.pause();
            self.face.say(&format!("{why}; again in {:.1} s", pause.as_secs_f64()));
            if self.meanwhile(sleep(pause), &mut stop).await?.is_none() {
                return Ok(());
            }
            self.face.say("connecting");
        }
    }

    /// Does some work while the board is still shown, for its ages grow; `None` when stopped first.
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
                () = self.face.due() => {
                    if self.step()?.is_break() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Subscribes and shows what comes, until the connection ends.
    async fn follow(
        &mut self,
        socket: &mut Socket,
        stop: &mut Pin<&mut impl Future<Output = ()>>,
    ) -> Result<End, WatchError> {
        // The ping goes first, so that the server's time is known before there is an age to tell.
        let commands = self.ping().into_iter().chain([self.subscribe()]);
        for command in commands.collect::<Vec<_>>() {
            if let Err(error) = socket.send(Message::text(command)).await {
                return Ok(End::Lost(error.to_string()));
            }
        }
        let mut heard = Instant::now();
        let mut pings = interval_at(heard + PING_EVERY, PING_EVERY);
        loop {
            let silence = stream::silence(self.board.heartbeat_ms, HEARTBEAT_MIN);
            tokio::select! {
                () = stop.as_mut() => return Ok(End::Stopped),
                message = socket.next() => {
                    heard = Instant::now();
                    self.heard = Some(self.clock.now());
                    if let Some(why) = self.take(stream::hear(message))? {
                        return Ok(End::Lost(why));
                    }
                }
                _ = pings.tick() => {
                    if let Some(ping) = self.ping()
                        && let Err(error) = socket.send(Message::text(ping)).await
                    {
                        return Ok(End::Lost(error.to_string()));
                    }
                }
                () = sleep_until(heard + silence) => {
                    return Ok(End::Lost(stream::unheard(silence)));
                }
                () = self.face.due() => {
                    if self.step()?.is_break() {
                        return Ok(End::Stopped);
                    }
                }
            }
        }
    }

    /// Takes what the socket gave; the answer is why the connection is over, if it is.
    fn take(&mut self, heard: Heard) -> Result<Option<String>, WatchError> {
        match heard {
            Heard::Text(text) => self.show(text.as_bytes()),
            Heard::Nothing => Ok(None),
            Heard::Over => Err(WatchError::Over),
            Heard::Dismissed(dismissed) => Err(dismissed.into()),
            Heard::Lost(why) => Ok(Some(why)),
        }
    }

    /// Writes a frame on the board, and tells each change of it.
    fn show(&mut self, payload: &[u8]) -> Result<Option<String>, WatchError> {
        let Watcher { board, face, clock, comeback, server_time, .. } = self;
        let now = clock.now();
        let mut notes: Vec<String> = Vec::new();
        let mut shown = Ok(());
        let applied = board.apply(payload, |change| {
            match &change {
                Change::Refused { symbol, why } => {
                    notes.push(format!("{}: {}", printable(symbol), printable(why)));
                }
                Change::Error { why } => notes.push(printable(why)),
                Change::Drain { retry_ms } => comeback.retry_in(Duration::from_millis(*retry_ms)),
                Change::Pong { id, ts_us } => {
                    server_time.pong(*id, now, Nanos(ts_us.saturating_mul(1_000)));
                }
                _ => {}
            }
            if shown.is_ok() {
                shown = face.changed(&change, server_time.at(now));
            }
        });
        shown?;
        for note in notes {
            face.complain(&note);
        }
        match applied {
            Ok(()) => self.comeback.heard(),
            Err(error @ (BoardError::Scan(_) | BoardError::Message(_))) => {
                return Ok(Some(error.to_string()));
            }
        }
        Ok(None)
    }

    fn step(&mut self) -> io::Result<ControlFlow<()>> {
        let now = self.clock.now();
        self.rates.look(&self.board, now);
        let Watcher { url, asked, up, heard, rates, server_time, .. } = self;
        let server_now = server_time.at(now);
        let link = Link { url, up: *up, asked, heard: *heard, rates: *rates, now, server_now };
        self.face.step(&self.board, &link)
    }

    /// The command that asks for the server's time, unless enough of them are on their way.
    fn ping(&mut self) -> Option<String> {
        let id = self.server_time.ping(self.clock.now())?;
        Some(serde_json::json!({ "op": "ping", "id": id }).to_string())
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
