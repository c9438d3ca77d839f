//! A client: a [`Mirror`] that is fed by a connection which comes back when it is lost, and resumes.
//!
//! Invariants: what was received is resumed from, never asked for twice; every wait has a bound; [`Client::next`] may be
//! cancelled at any moment and loses nothing, so that it can stand in a `select!`.

use std::{
    fmt,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    close::{Advice, Close},
    command::{Command, Subscription},
    connection::{End, Received, Socket},
    endpoint::{Endpoint, EndpointError},
    mirror::{Events, Mirror},
    reconnect::Reconnect,
};

/// A subscription that goes on for as long as there is a server.
///
/// ```no_run
/// # async fn quotes() -> Result<(), Box<dyn std::error::Error>> {
/// use tickcast_client::{Client, Endpoint, Event, Field, Step, Subscription};
///
/// let endpoint = Endpoint::parse("ws://127.0.0.1:8080")?;
/// let mut client = Client::new(endpoint, Subscription::latest(["BTCUSDT"]).interval_ms(250));
/// loop {
///     match client.next().await? {
///         Step::Frame => {
///             let mut events = client.events();
///             while let Some(event) = events.next_event()? {
///                 if let Event::Record(change) = event {
///                     println!("{} {:?}", change.topic.symbol, change.topic.record.text(Field::Last));
///                 }
///             }
///         }
///         Step::Lost { end, pause } => eprintln!("{end}; again in {pause:?}"),
///         Step::Over => return Ok(()),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Client {
    endpoint: Endpoint,
    mirror: Mirror,
    reconnect: Reconnect,
    link: Link,
    /// The frame that came last, and whether its events were asked for.
    frame: Utf8Bytes,
    is_read: bool,
    ping_every: Option<Duration>,
    next_ping: Instant,
}

/// What has happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// A connection is tried again, behind a pause.
    Connecting,
    /// There is a connection; everything is asked for.
    Connected,
    /// A frame came: [`Client::events`] says what it has changed.
    Frame,
    /// The connection is lost, or there is none; it is tried again after the pause.
    Lost { end: Lost, pause: Duration },
    /// There is nothing more to come: the market is over, or [`Client::close`] is done.
    Over,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    #[error("{0}")]
    Ended(End),
    #[error(transparent)]
    Endpoint(EndpointError),
}

/// Why a client does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The first connection failed, or it would fail again in the same way.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The server does not want us back.
    #[error("{0}")]
    Dismissed(Close),
}

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, EndpointError>> + Send>>;

enum Link {
    /// It is tried once it is asked for.
    Down,
    Connecting(Connecting),
    Up(Box<Socket>),
    /// Until it is tried again.
    Waiting(Instant),
    Over,
}

/// How often the server's time is asked for.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a good one: the next failure is the first again.
const SETTLED: Duration = Duration::from_secs(5);

// === impl Client ===

impl Client {
    /// A client that connects when [`next`](Self::next) is awaited first.
    pub fn new(endpoint: Endpoint, subscription: Subscription) -> Self {
        Client {
            endpoint,
            mirror: Mirror::new(subscription),
            reconnect: Reconnect::default(),
            link: Link::Down,
            frame: Utf8Bytes::default(),
            is_read: true,
            ping_every: Some(PING_EVERY),
            next_ping: Instant::now(),
        }
    }

    /// Never asks for the server's time; ages are then by this machine's clock.
    pub fn without_pings(mut self) -> Self {
        self.ping_every = None;
        self
    }

    /// What is held.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// The server's time, in nanoseconds since 1970, as far as it is known.
    pub fn server_nanos(&self) -> i64 {
        self.mirror.server_nanos(now_nanos())
    }

    /// What happens next: connects, reads, and comes back.
    ///
    /// # Errors
    /// When the first connection fails, and when the server does not want us back.
    pub async fn next(&mut self) -> Result<Step, ClientError> {
        if !self.is_read {
            drop(self.events());
        }
        loop {
            match &mut self.link {
                Link::Down => self.connect(),
                Link::Connecting(connecting) => {
                    let connected = connecting.as_mut().await;
                    return self.connected(connected);
                }
                Link::Up(socket) => {
                    if let Some(heartbeat) = self.mirror.heartbeat() {
                        socket.expect_heartbeat(heartbeat);
                    }
                    let ping_at = self.next_ping;
                    let received = tokio::select! {
                        received = socket.next() => received,
                        () = sleep_until(ping_at), if self.ping_every.is_some() => {
                            self.ping();
                            continue;
                        }
                    };
                    return match received {
                        Received::Frame(frame) => {
                            (self.frame, self.is_read) = (frame, false);
                            Ok(Step::Frame)
                        }
                        Received::End(end) => self.ended(end),
                    };
                }
                Link::Waiting(until) => {
                    sleep_until(*until).await;
                    self.connect();
                    return Ok(Step::Connecting);
                }
                Link::Over => return Ok(Step::Over),
            }
        }
    }

    /// What the frame that came last has changed; once for each frame. The mirror takes a frame in that nobody asks for.
    pub fn events(&mut self) -> Events<'_> {
        if std::mem::replace(&mut self.is_read, true) {
            self.frame = Utf8Bytes::from_static("[]");
        }
        self.mirror.receive(&self.frame, now_nanos())
    }

    /// Asks for more, now and with each new connection. To ask for a symbol again begins it anew.
    pub fn subscribe(&mut self, subscription: Subscription) {
        let commands = self.mirror.subscribe(subscription);
        self.send_all(commands);
    }

    /// Asks for these names and globs no longer.
    pub fn unsubscribe(&mut self, symbols: &[String]) {
        let commands = self.mirror.unsubscribe(symbols);
        self.send_all(commands);
    }

    /// Sends a command on this connection; without one it is forgotten.
    pub fn send(&mut self, command: &Command<'_>) {
        self.send_all([command.to_json()]);
    }

    /// Gives this connection up, and comes back.
    ///
    /// # Errors
    /// None today: a connection that this program gives up is always worth another.
    pub fn reconnect(&mut self, why: impl Into<String>) -> Result<Step, ClientError> {
        self.ended(End::GivenUp(why.into()))
    }

    /// Says that we go. What the server has sent before it hears of it still comes, and then [`Step::Over`].
    pub fn close(&mut self) {
        match &mut self.link {
            Link::Up(socket) => socket.close(),
            link => *link = Link::Over,
        }
    }

    fn connect(&mut self) {
        let endpoint = self.endpoint.clone();
        self.link = Link::Connecting(Box::pin(async move { Socket::connect(&endpoint).await }));
    }

    fn connected(&mut self, connected: Result<Socket, EndpointError>) -> Result<Step, ClientError> {
        match connected {
            Ok(socket) => {
                self.reconnect.connected();
                self.link = Link::Up(Box::new(socket));
                // The ping goes first, so that the server's time is known before there is an age to tell.
                if self.ping_every.is_some() {
                    self.ping();
                }
                let commands = self.mirror.connect();
                self.send_all(commands);
                Ok(Step::Connected)
            }
            Err(error) => {
                self.link = Link::Down;
                let error = self.reconnect.failed(error)?;
                Ok(self.wait(Lost::Endpoint(error)))
            }
        }
    }

    fn ended(&mut self, end: End) -> Result<Step, ClientError> {
        if let Link::Up(socket) = &self.link
            && socket.age() > SETTLED
        {
            self.reconnect.settled();
        }
        self.mirror.disconnect();
        if let Some(retry) = self.mirror.take_retry() {
            self.reconnect.retry_in(retry);
        }
        self.link = Link::Over;
        match (end.advice(), end) {
            (Advice::Return, end) => Ok(self.wait(Lost::Ended(end))),
            (Advice::StayAway, End::Closed(close)) => Err(ClientError::Dismissed(close)),
            (Advice::StayAway | Advice::Finished, _) => Ok(Step::Over),
        }
    }

    fn wait(&mut self, end: Lost) -> Step {
        let pause = self.reconnect.pause();
        self.link = Link::Waiting(Instant::now() + pause);
        Step::Lost { end, pause }
    }

    fn ping(&mut self) {
        self.next_ping = Instant::now() + self.ping_every.unwrap_or(PING_EVERY);
        let ping = self.mirror.ping(now_nanos());
        self.send_all(ping);
    }

    fn send_all(&mut self, commands: impl IntoIterator<Item = String>) {
        if let Link::Up(socket) = &mut self.link {
            commands.into_iter().for_each(|command| socket.send(command));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// This machine's time, in nanoseconds since 1970.
fn now_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
