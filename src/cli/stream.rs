//! A connection to a server's stream that comes back when it is lost: what `watch` and `record` have in common.
//!
//! Not what the messages mean. Invariants: every wait between two connections has a bound and some chance in it; what
//! would fail again in the same way is not tried again.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as WsError, Message, Utf8Bytes, protocol::Role},
};

use super::{
    backoff::Backoff,
    endpoint::{self, Endpoint, EndpointError, printable},
};
use crate::clock::Clock;

pub type Socket = WebSocketStream<TcpStream>;

/// What a socket gave.
pub enum Heard {
    Text(Utf8Bytes),
    /// The connection lives; pings are answered by the socket itself.
    Nothing,
    /// The server's market is over: there is nothing more to come.
    Over,
    /// The server does not want us back.
    Dismissed(Dismissed),
    /// The connection is gone, and why.
    Lost(String),
}

/// A server's last word.
#[derive(Debug, thiserror::Error)]
#[error("the server closed with {code}, and does not want us back{reason}")]
pub struct Dismissed {
    code: u16,
    reason: String,
}

/// When to connect again.
pub struct Comeback {
    backoff: Backoff,
    random: Pcg64Mcg,
    connected_before: bool,
    /// When the server has said when to come back.
    retry: Option<Duration>,
}

/// Without a heartbeat announced, or a word at all, a connection is dead after this.
const SILENCE: Duration = Duration::from_secs(30);
/// How many heartbeats may be missed.
const HEARTBEATS_MISSED: u32 = 3;
/// How long a server may take to answer our close.
pub const GOODBYE: Duration = Duration::from_secs(1);
/// The code that says: there is nothing more to show.
const OVER: u16 = 1000;
/// Codes that say: the same would happen again.
const DISMISSED: std::ops::RangeInclusive<u16> = 4100..=4199;

/// Connects, and makes the socket a WebSocket's.
///
/// # Errors
/// When there is no server, or it refuses.
pub async fn connect(url: &Endpoint) -> Result<Socket, EndpointError> {
    let stream = endpoint::connect(url.resolve().await?, None).await?;
    let upgraded = url.upgrade(stream).await?;
    Ok(WebSocketStream::from_partially_read(upgraded.stream, upgraded.read.into(), Role::Client, None).await)
}

/// How long a connection may be silent before it is given up. No heartbeat is taken to be quicker than `least`, whatever
/// the server announces.
pub fn silence(heartbeat_ms: Option<u64>, least: Duration) -> Duration {
    heartbeat_ms.map_or(SILENCE, |ms| Duration::from_millis(ms).max(least) * HEARTBEATS_MISSED)
}

/// Why a connection that was silent for so long is given up, for a person.
pub fn unheard(silence: Duration) -> String {
    format!("nothing heard for {:.0} s", silence.as_secs_f64())
}

/// What it means that the socket gave this.
pub fn hear(message: Option<Result<Message, WsError>>) -> Heard {
    match message {
        Some(Ok(Message::Text(text))) => Heard::Text(text),
        Some(Ok(Message::Close(Some(frame)))) => {
            let code = u16::from(frame.code);
            let reason = match frame.reason.as_str() {
                "" => String::new(),
                reason => format!(": {}", printable(reason)),
            };
            match code {
                OVER => Heard::Over,
                code if DISMISSED.contains(&code) => Heard::Dismissed(Dismissed { code, reason }),
                code => Heard::Lost(format!("the server closed with {code}{reason}")),
            }
        }
        Some(Ok(Message::Close(None))) => Heard::Lost("the server closed".to_owned()),
        Some(Ok(_)) => Heard::Nothing,
        Some(Err(error)) => Heard::Lost(format!("the connection broke: {error}")),
        None => Heard::Lost("the connection ended".to_owned()),
    }
}

// === impl Comeback ===

impl Comeback {
    pub fn new(clock: &Clock) -> Self {
        // Two processes that lose the same server at the same time must not come back at the same time.
        let seed = clock.now().0.unsigned_abs() ^ u64::from(std::process::id()) << 32;
        Comeback {
            backoff: Backoff::default(),
            random: Pcg64Mcg::seed_from_u64(seed),
            connected_before: false,
            retry: None,
        }
    }

    /// There is a connection: from now on it is worth coming back.
    pub fn connected(&mut self) {
        self.connected_before = true;
    }

    /// The server works; the next failure is the first again.
    pub fn heard(&mut self) {
        self.backoff.reset();
    }

    /// The server says when to come back.
    pub fn retry_in(&mut self, pause: Duration) {
        self.retry = Some(pause);
    }

    /// Why there is no connection, when it is worth trying again.
    ///
    /// # Errors
    /// With the error itself, when it is not.
    pub fn failed(&self, error: EndpointError) -> Result<String, EndpointError> {
        if self.connected_before && !error.is_final() { Ok(error.to_string()) } else { Err(error) }
    }

    /// How long to wait before connecting again.
    pub fn pause(&mut self) -> Duration {
        let chance = self.random.random();
        self.retry.take().unwrap_or_else(|| self.backoff.next(chance))
    }
}
