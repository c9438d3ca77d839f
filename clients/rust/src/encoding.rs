//! How a session's messages are written: agreed by the subprotocol of the handshake.
//!
//! There is one today. Another one is a variant here, a module beside [`json`](crate::json), a kind of frame in
//! [`Socket`](crate::connection::Socket), and its subprotocol in the request of `endpoint.rs`. Messages, mirror and events
//! stay as they are.

/// An encoding of messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// Text frames, each a JSON array of messages.
    #[default]
    Json,
}

// === impl Encoding ===

impl Encoding {
    /// The subprotocol that asks for it.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Json => "tickcast.v1.json",
        }
    }
}
