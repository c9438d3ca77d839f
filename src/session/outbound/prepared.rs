//! A frame on its way from the fan-out to a socket, and the result of a write.

use crate::{fanout::FrameTally, wire::HeldFrame};

/// A frame that will be sent, and what is recorded when it is.
pub struct PreparedFrame {
    pub frame: HeldFrame,
    pub tally: FrameTally,
}

/// The result of writing to a session.
pub enum WriteOutcome {
    /// Everything at hand was written; there may be more.
    All,
    /// The socket takes no more.
    Blocked,
    /// The client has yet to read what it was sent.
    Held,
    /// Nothing is left to write.
    CaughtUp,
    Broken,
}
