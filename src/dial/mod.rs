//! What the service asks of other servers: the parts that connections to venues and to key servers share.
//!
//! Not where they go, nor when: `feed/upstream/driver` and `server/keys`. Nothing on the path of a tick.

pub mod http;
#[cfg(feature = "tls")]
pub mod tls;

/// What the service calls itself to servers that it asks.
pub const USER_AGENT: &str = concat!("tickcast/", env!("CARGO_PKG_VERSION"));
