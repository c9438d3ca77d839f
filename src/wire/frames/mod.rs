//! Data frames: a session's messages with their header, ready for the socket. No I/O, and no choice of messages.
//!
//! [`Framer`] starts a frame, [`FrameWriter`] writes its messages, and [`FrameBuffers`](buffers) keeps the bytes. A
//! message is encoded once for all sessions of an encoding that receive it whole: `cached.rs` holds a topic's messages,
//! `merged.rs` its conflated updates, `run.rs` a run of its ticks.
//! `merged.rs` its merged updates, `run.rs` a run of its ticks.

mod buffers;
mod cached;
mod frame;
mod framer;
mod gathered;
mod merged;
mod run;
mod receipt_times;
mod times;
mod writer;

pub use buffers::{FrameSize, HeldFrame};
pub use frame::ReadyFrame;
pub use framer::Framer;
pub use gathered::opcode_of;
pub use receipt_times::ReceiptTimes;
pub use run::RunParts;
pub use times::{FrameTimes, OpenArray, TimesAfter, Unfinished};
pub use writer::FrameWriter;
