//! The tape of a topic: its newest trades with trade ids, so that each can be cancelled or corrected later.
//!
//! Ticks of a topic with a tape go through [`take`](fn@take); a topic without one pays nothing. Only the market uses
//! the tape.

mod names;
mod rest;
mod room;
mod table;
mod take;
mod trade;

pub use room::TapeRoom;
pub use table::TopicTape;
pub use take::{TakeError, concerns, take};
