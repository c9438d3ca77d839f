//! The wire protocol: messages, commands, frames, close reasons. docs/PROTOCOL.md describes it for clients.
//!
//! No I/O and no session: other modules decide what is sent, and this one how it is written.
//!
//! Invariants: no data frame is larger than its limit; a tick is encoded at most once for all sessions with one
//! encoding that get it whole.

pub mod assembled;
mod cached;
pub mod close;
pub mod command;
mod deflater;
pub mod control;
pub mod dialects;
pub mod encodings;
pub mod error;
pub mod faulty;
mod frame_buffers;
mod frame_writer;
mod frame_times;
mod framer;
pub mod gzip;
mod id;
mod inflater;
mod merged;
mod names;
pub mod published;
mod run;
mod taken_in;
pub mod websocket;
mod wide;

pub use close::CloseReason;
pub use command::{Command, Target};
pub use control::Control;
pub use deflater::{DeflateCounts, DeflateWindow, Deflater};
pub use encodings::{Encoding, encoder::message_bytes_max};
pub use error::{CommandError, ErrorCode};
pub use frame_buffers::{FrameSize, HeldFrame, ReadyFrame};
pub use frame_writer::FrameWriter;
pub use framer::Framer;
pub use id::Id;
pub use inflater::{InflateFault, Inflater};
pub use taken_in::TakenIn;
pub use websocket::ping;

/// The version of the protocol in `welcome`.
pub const PROTOCOL_VERSION: u32 = 1;
