//! The write side of sessions: control messages first, then data, as long as the socket accepts bytes.

mod batch;
mod control;
pub mod flow;
mod frame;
mod join;
pub mod pacing;
mod position;
pub mod prepared;
pub mod window;
pub mod write;
