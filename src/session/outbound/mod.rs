//! What a client is sent: control messages first, then data, for as long as its socket takes bytes.

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
