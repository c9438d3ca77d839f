//! The public contract, as bytes: messages, commands, frames, close reasons. docs/PROTOCOL.md is its prose.
//!
//! No I/O and no session: what is to be said is decided elsewhere, how it is written is decided here alone.
//!
//! Invariants: a frame is a JSON array of messages; no data frame is larger than its limit; a tick is encoded at most
//! once for all sessions that get it whole.

pub mod assembled;
mod cached;
pub mod close;
pub mod command;
pub mod control;
pub mod error;
pub mod frame;
pub mod framer;
mod id;
pub mod message;
mod names;
mod taken_in;
mod wide;

pub use close::CloseReason;
pub use command::{Command, Target};
pub use control::Control;
pub use error::{CommandError, ErrorCode};
pub use frame::Framing;
pub use framer::{FrameSize, Framer, Held, Ready};
pub use id::Id;
pub use taken_in::TakenIn;

/// The version of the protocol in `welcome`.
pub const PROTOCOL_VERSION: u32 = 1;
/// The WebSocket subprotocol; offering none means the same.
pub const SUBPROTOCOL: &str = "tickcast.v1.json";
