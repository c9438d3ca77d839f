//! [`PreparedFrame`]: a frame between the fan-out and a socket, and the outcome of a write.

use crate::{fanout::FrameTally, wire::HeldFrame};

/// An encoded frame, and the tally to record when it is sent.
pub struct PreparedFrame {
    pub frame: HeldFrame,
    pub tally: FrameTally,
}

/// The outcome of writing to a session.
pub enum WriteOutcome {
    /// Everything at hand was written; there may be more.
    All,
    /// The socket accepts no more bytes.
    Blocked,
    /// The session is held until its client has read more.
    Held,
    /// Nothing is left to write.
    CaughtUp,
    Broken,
}
