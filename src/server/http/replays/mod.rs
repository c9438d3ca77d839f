//! The routes of tardis-machine: client-requested replays as lines of JSON and over a WebSocket, and its health check.
//!
//! Replaying itself is `crate::replays`, its threads are `server/replays`. Here are requests, rights and connections.

mod begin;
pub mod lines;
pub mod recipient;
mod routes;
mod socket;

pub use routes::{answer, upgrade};
