//! What a test makes the scripted server do.

#[cfg(feature = "tls")]
use std::sync::Arc;

use serde_json::Value;

use crate::encoding::Encoding;

/// The behaviour of the server; by default it follows the protocol.
#[derive(Clone)]
pub struct Script {
    /// Names, and the seq that a new subscription's snapshot has; 0: no tick yet. The head is [`TICKS`] further on.
    pub symbols: Vec<(&'static str, u64)>,
    /// May change the messages that follow an acknowledgement. The number counts connections from 0.
    pub twist: fn(u32, &mut Vec<Value>),
    /// May change an acknowledgement's results.
    pub answer: fn(&mut Vec<Value>),
    /// May change what `/v1/snapshot` answers.
    pub snapshots: fn(&mut Vec<Value>),
    /// May change the counts that `/metrics` shows: offered, delivered, conflated, gapped.
    pub metrics: fn(&mut [i64; 4]),
    /// What is done when the messages are out. The number counts connections from 0.
    pub then: fn(u32) -> Then,
    /// Judges the token of a handshake and of each `auth`: a code closes the session.
    pub admit: fn(Option<&str>) -> Option<u16>,
    /// Speaks TLS with these certificates.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The status of the handshake; anything but 101 refuses it.
    pub handshake: u16,
    /// The subprotocol that it agrees to, where the client offers it; otherwise it names none.
    pub subprotocol: &'static str,
    /// The time of its first tick, in microseconds since 1970; `None`: now.
    pub start_us: Option<i64>,
}

/// What a connection does after its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    Stay,
    /// Sends a ping first, and stays only if its pong comes.
    Ping,
    Close(u16),
    /// Says that the market is over, and closes as that calls for.
    End,
    /// Ends without a close frame.
    Drop,
}

/// How many ticks follow the snapshot of a subscription.
pub const TICKS: u64 = 7;

impl Default for Script {
    fn default() -> Self {
        Script {
            symbols: vec![("BTC-USD", 100), ("ETH-USD", 7), ("A/B", 0)],
            twist: |_, _| {},
            answer: |_| {},
            snapshots: |_| {},
            metrics: |_| {},
            then: |_| Then::Stay,
            admit: |_| None,
            #[cfg(feature = "tls")]
            tls: None,
            handshake: 101,
            subprotocol: Encoding::Binary.subprotocol(),
            start_us: None,
        }
    }
}
