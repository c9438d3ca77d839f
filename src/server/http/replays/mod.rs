//! The routes of tardis-machine: replays of one's own as lines of JSON and over a WebSocket, and its health check.
//!
//! What is replayed is `crate::replays`, and who decodes it `server/replays`. Here are requests, rights and connections.

mod begin;
pub mod lines;
pub mod recipient;
mod routes;
mod socket;

pub use routes::{answer, upgrade};
