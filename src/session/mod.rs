//! Sessions: what a shard does with ticks, client input, writable sockets and time.
//!
//! A [`Core`](core::Core) owns one shard's sessions, fan-out and encoder, and shares nothing with other shards but what
//! ingest hands it. Delivering a message wakes no task, allocates nothing and takes no lock: the core writes straight
//! to the sockets that accept bytes.
//!
//! Nothing here creates a socket, thread, timer or task, or knows HTTP: `server` does, and the simulator (`tests/sim`)
//! in its own way.
//!
//! Invariants:
//! - every byte of a socket goes through `outbound/write.rs` or `outbound/frame.rs`, control frames too: no frame is
//!   ever cut by another;
//! - control messages go before data, whatever is pending;
//! - data is encoded only when all earlier bytes are out: what waits is a cursor, not a price;
//! - a session ends for exactly one [`CloseReason`](crate::wire::CloseReason).

pub mod user_shares;
pub mod node;
pub mod socket;
pub mod peer;
pub mod refusals;
pub mod users;
pub mod audited;
pub mod stats;
pub mod state;
mod user_limits;
pub mod position;
pub mod position_key;
pub mod core;
pub mod turn;

pub mod dialect;
pub mod inbound;
pub mod outbound;
pub mod maintenance;
