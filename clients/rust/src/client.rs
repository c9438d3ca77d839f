//! A client: a [`Mirror`], and a connection for it that reconnects and resumes.
//!
//! Invariants: a new connection resumes after the last tick that was received; every wait has a bound; [`Client::next`]
//! is cancel safe, so it can be a branch of a `select!`. A token whose file changes is sent to the server without a new
//! connection, and symbols that the old one did not allow are asked for again then.

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
    connection::{End, Payload, Received, Socket},
    encoding::Encoding,
    endpoint::{Endpoint, EndpointError},
    message::Id,
    mirror::{Events, Mirror},
    reconnect::Reconnect,
    renewal::{Renewal, Wait},
};

/// A subscription that survives lost connections.
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
    renewal: Renewal,
    link: Link,
    /// The last frame, and whether its events were taken.
    frame: Payload,
    is_read: bool,
    ping_every: Option<Duration>,
    next_ping: Instant,
}

/// What [`Client::next`] has done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// The pause is over, and a new connection is tried.
    Connecting,
    /// Connected; the subscribe commands are sent.
    Connected,
    /// A frame was received: [`Client::events`] returns its events.
    Frame,
    /// The connection is lost, or could not be made. The client tries again after the pause.
    Lost { end: Lost, pause: Duration },
    /// The end: the market is over, or [`Client::close`] is done.
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

/// Why a client gives up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The first connection failed, or a later one failed in a way that a retry would not change.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The server closed with a code that says not to reconnect, or to come back with a new token, and there is none.
    #[error("{0}")]
    Dismissed(Close),
}

type Connecting = Pin<Box<dyn Future<Output = Result<Socket, EndpointError>> + Send>>;

enum Link {
    /// Not connected yet; the next call connects.
    Down,
    Connecting(Connecting),
    Up(Box<Socket>),
    /// Waiting until the next attempt.
    Waiting(Instant),
    Over,
}

/// What the answer to a renewed token echoes.
const RENEWAL: &str = "renewal";
/// How often a ping measures the server's time.
const PING_EVERY: Duration = Duration::from_secs(5);
/// After a connection that lasted this long, the next failure counts as the first again.
const SETTLED: Duration = Duration::from_secs(5);

// === impl Client ===

impl Client {
    /// A client that connects when [`next`](Self::next) is first awaited.
    pub fn new(endpoint: Endpoint, subscription: Subscription) -> Self {
        let mirror = Mirror::new(subscription);
        let now = Instant::now();
        Client {
            mirror: if endpoint.has_tx() { mirror.with_tx() } else { mirror },
            renewal: Renewal::new(endpoint.token(), now),
            endpoint,
            reconnect: Reconnect::default(),
            link: Link::Down,
            frame: nothing(),
            is_read: true,
            ping_every: Some(PING_EVERY),
            next_ping: now,
        }
    }

    /// Sends no pings to measure the server's time; ages are then by this machine's clock.
    pub fn without_pings(mut self) -> Self {
        self.ping_every = None;
        self
    }

    /// The mirror of the market.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// The encoding of the present connection.
    pub fn encoding(&self) -> Option<Encoding> {
        match &self.link {
            Link::Up(socket) => Some(socket.encoding()),
            _ => None,
        }
    }

    /// The server's time, in nanoseconds since 1970, as far as it is known.
    pub fn server_nanos(&self) -> i64 {
        self.mirror.server_nanos(now_nanos())
    }

    /// Connects, reads and reconnects, until there is something to report.
    ///
    /// # Errors
    /// When the first connection fails, and when the server closes with a code that says not to reconnect.
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
                    self.mirror.take_commands().into_iter().for_each(|command| socket.send(command));
                    if let Some(heartbeat) = self.mirror.heartbeat() {
                        socket.expect_heartbeat(heartbeat);
                    }
                    let ping_at = self.next_ping;
                    let look_at = self.renewal.look_at();
                    let received = tokio::select! {
                        received = socket.next() => received,
                        () = sleep_until(look_at.unwrap_or(ping_at)), if look_at.is_some() => {
                            self.renew();
                            continue;
                        }
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
                    match self.renewal.wait(Instant::now()) {
                        Wait::Until(later) => self.link = Link::Waiting(later),
                        Wait::InVain(close) => {
                            self.link = Link::Over;
                            return Err(ClientError::Dismissed(close));
                        }
                        Wait::Over => {
                            self.connect();
                            return Ok(Step::Connecting);
                        }
                    }
                }
                Link::Over => return Ok(Step::Over),
            }
        }
    }

    /// The events of the last frame; once for each frame. If this is not called, the mirror applies the frame all the same.
    pub fn events(&mut self) -> Events<'_> {
        if std::mem::replace(&mut self.is_read, true) {
            self.frame = nothing();
        }
        match &self.frame {
            Payload::Text(text) => self.mirror.receive(text, now_nanos()),
            Payload::Binary(bytes) => self.mirror.receive_binary(bytes, now_nanos()),
        }
    }

    /// Adds a subscription, now and on each new connection. A symbol that is subscribed already starts over.
    pub fn subscribe(&mut self, subscription: Subscription) {
        let commands = self.mirror.subscribe(subscription);
        self.send_all(commands);
    }

    /// Removes the subscriptions of these names and globs.
    pub fn unsubscribe(&mut self, symbols: &[String]) {
        let commands = self.mirror.unsubscribe(symbols);
        self.send_all(commands);
    }

    /// Sends a command on the present connection; without a connection it is discarded.
    pub fn send(&mut self, command: &Command<'_>) {
        self.send_all([command.to_json()]);
    }

    /// Drops the present connection, and reconnects.
    ///
    /// # Errors
    /// None today: after a connection that this program drops the client always reconnects.
    pub fn reconnect(&mut self, why: impl Into<String>) -> Result<Step, ClientError> {
        self.ended(End::GivenUp(why.into()))
    }

    /// Sends a close frame. What the server sends before it receives that is still returned, and then [`Step::Over`].
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
                self.renewal.connected(socket.token(), Instant::now());
                self.link = Link::Up(Box::new(socket));
                // The ping goes first, so that the server's time is known before the first age is computed.
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
            (Advice::NewToken, End::Closed(close)) => {
                let now = Instant::now();
                let pause = self.renewal.expired(close.clone(), now).map_err(ClientError::Dismissed)?;
                self.link = Link::Waiting(now + pause);
                Ok(Step::Lost { end: Lost::Ended(End::Closed(close)), pause })
            }
            (Advice::StayAway | Advice::NewToken | Advice::Finished, _) => Ok(Step::Over),
        }
    }

    /// Sends the token again when its file has another one.
    fn renew(&mut self) {
        if let Some(secret) = self.renewal.changed(Instant::now()) {
            self.send(&Command::Auth { id: Some(Id::Text(RENEWAL.into())), token: secret.expose() });
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

/// A frame without a message.
fn nothing() -> Payload {
    Payload::Text(Utf8Bytes::from_static("[]"))
}

/// This machine's time, in nanoseconds since 1970.
fn now_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
