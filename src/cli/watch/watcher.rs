//! A running watch: the events of its client are shown, and keys are handled whatever the server does.
//!
//! Invariant: every wait ends at once when the person stops.

use std::{io, ops::ControlFlow};

use tickcast::{clock::Clock, tick::Nanos};
use tickcast_client::{
    Client, ClientError, Endpoint, Event, MessageError, Outcome, Step, Subscription, connection::GOODBYE,
    printable,
};
use tokio::time::timeout;

use super::{
    args::WatchArgs,
    face::{Link, Rates, WatchOutput},
};

/// Why a watch ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the replay is over")]
    Over,
    #[error("cannot use the terminal or the output: {0}")]
    Output(#[from] io::Error),
}

/// A watch under way.
pub struct Watcher<F: WatchOutput> {
    client: Client,
    face: F,
    clock: Clock,
    /// As a heading shows them.
    url: String,
    asked: String,
    up: bool,
    /// When something came last on this connection.
    heard: Option<Nanos>,
    rates: Rates,
}

// === impl Watcher ===

impl<F: WatchOutput> Watcher<F> {
    pub fn new(args: &WatchArgs, endpoint: Endpoint, face: F) -> Self {
        let clock = Clock::system();
        let pace = if args.interval_ms == 0 { String::new() } else { format!(", {} ms", args.interval_ms) };
        let subscription = Subscription::new(args.mode.into(), args.symbols.iter().cloned());
        let subscription = match &*args.fields {
            [] => subscription,
            fields => subscription.fields(fields.iter().cloned()),
        };
        Watcher {
            url: endpoint.to_string(),
            client: Client::new(endpoint, subscription.interval_ms(args.interval_ms)),
            face,
            asked: format!("{}{pace}", args.mode.name()),
            up: false,
            heard: None,
            rates: Rates::starting(clock.now()),
            clock,
        }
    }

    /// Watches until `stop`, or until the person has seen enough.
    ///
    /// # Errors
    /// When the first connection fails, the server does not want us back, or the output takes no more.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), WatchError> {
        let mut stop = std::pin::pin!(stop);
        loop {
            let step = tokio::select! {
                () = stop.as_mut() => break,
                step = self.client.next() => Some(step?),
                // The board is shown without a connection, too, for its ages grow.
                () = self.face.due() => None,
            };
            match step {
                Some(Step::Frame) => self.show()?,
                Some(step) => self.follow(step)?,
                None if self.step()?.is_break() => break,
                None => {}
            }
        }
        self.client.close();
        let _best_effort =
            timeout(GOODBYE, async { while !matches!(self.client.next().await, Ok(Step::Over) | Err(_)) {} })
                .await;
        Ok(())
    }

    /// How the connection is now.
    fn follow(&mut self, step: Step) -> Result<(), WatchError> {
        match step {
            Step::Connected => {
                self.up = true;
                self.heard = Some(self.clock.now());
                self.face.say("connected");
            }
            Step::Connecting => self.face.say("connecting"),
            Step::Lost { end, pause } => {
                (self.up, self.heard) = (false, None);
                self.face.say(&format!("{end}; again in {:.1} s", pause.as_secs_f64()));
            }
            Step::Over => return Err(WatchError::Over),
            _ => {}
        }
        Ok(())
    }

    /// Shows what a frame has changed.
    fn show(&mut self) -> Result<(), WatchError> {
        self.heard = Some(self.clock.now());
        match self.tell()? {
            Ok(()) => Ok(()),
            // What cannot be read is resumed from what could.
            Err(error) => {
                let step = self.client.reconnect(error.to_string())?;
                self.follow(step)
            }
        }
    }

    /// Tells each event of a frame; the inner error is the frame's.
    fn tell(&mut self) -> Result<Result<(), MessageError>, WatchError> {
        let now = self.clock.now();
        let mut events = self.client.events();
        loop {
            // The frame itself may improve the estimate of the server's time.
            let server_now = Nanos(events.mirror().server_nanos(now.0));
            let event = match events.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            self.face.changed(&event, server_now)?;
            complain_of(&mut self.face, &event, server_now);
        }
    }

    fn step(&mut self) -> io::Result<ControlFlow<()>> {
        let now = self.clock.now();
        let board = self.client.mirror();
        self.rates.look(board, now);
        let Watcher { url, asked, up, heard, rates, .. } = self;
        let server_now = Nanos(board.server_nanos(now.0));
        let link = Link { url, up: *up, asked, heard: *heard, rates: *rates, now, server_now };
        self.face.step(board, &link)
    }
}

/// What the server would not do.
fn complain_of(face: &mut impl WatchOutput, event: &Event<'_>, server_now: Nanos) {
    match event {
        Event::Expiring(expires_us) => {
            let seconds = expires_us.saturating_sub(server_now.micros()).max(0) / 1_000_000;
            face.complain(&format!(
                "the token expires in {seconds} s, and this session with it: renew its file"
            ));
        }
        Event::Error(fault) => face.complain(&printable(&format!("{}: {}", fault.code, fault.message))),
        // Nobody has asked for what has no id.
        Event::Unsubscribed(answer) if answer.id.is_none() => {
            for result in &answer.results {
                face.complain(&format!(
                    "{}: not_entitled: the new token does not allow it",
                    printable(&result.symbol)
                ));
            }
        }
        Event::Subscribed(answer) => {
            for result in answer.results.iter().filter(|result| result.status == Outcome::Error) {
                let why = printable(&format!("{}: {}", result.code, result.message));
                face.complain(&format!("{}: {why}", printable(&result.symbol)));
            }
        }
        _ => {}
    }
}
