//! The wire protocol: commands, messages, encodings, frames, close reasons. docs/PROTOCOL.md describes it for clients.
//!
//! No I/O and no sessions: other modules decide what is sent, this one how it is written.
//!
//! Invariants: no data frame exceeds its limit; a tick is encoded at most once for all sessions of an encoding that
//! receive it whole.

pub mod assembled;
pub mod close;
pub mod command;
pub mod compression;
pub mod control;
pub mod dialects;
pub mod encodings;
pub mod error;
pub mod faulty;
pub mod frames;
mod id;
pub mod published;
pub mod websocket;

pub use close::CloseReason;
pub use command::{Command, Target};
pub use compression::{DeflateCounts, DeflateWindow, Deflater, InflateFault, Inflater};
pub use control::Control;
pub use encodings::{Encoding, encoder::message_bytes_max};
pub use error::{CommandError, ErrorCode};
pub use frames::{FrameSize, FrameWriter, Framer, HeldFrame, ReadyFrame, ReceiptTimes, Unfinished};
pub use id::Id;
pub use websocket::ping;

/// The protocol version in `welcome`.
pub const PROTOCOL_VERSION: u32 = 1;
