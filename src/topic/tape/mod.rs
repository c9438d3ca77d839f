//! The tape of a topic: its newest trades that have names, so that each of them may be cancelled or corrected later.
//!
//! [`take`](fn@take) is the way of a tick into a topic that has a tape; a topic without one does not come here. The
//! market knows of the tape, and nobody else does.

mod names;
mod rest;
mod room;
mod table;
mod take;
mod trade;

pub use room::TapeRoom;
pub use table::TopicTape;
pub use take::{TakeError, concerns, take};
