//! Sessions as a machine: what a shard does with ticks, input, room in sockets, and time.
//!
//! A [`Core`](core::Core) owns the sessions of one shard, its fan-out and its encoder, and shares nothing with other
//! shards but what ingest hands it. To deliver a message, no task is woken and nothing is allocated or locked: the core
//! writes straight to the sockets that can take bytes.
//!
//! Nothing here makes a socket, a thread, a timer or a task, or knows HTTP: `server` does, and the simulator
//! (`tests/sim`) does so in its own way.
//!
//! Invariants:
//! - every byte of a socket goes through `outbound/write.rs` or `outbound/frame.rs`, control frames too: no frame is
//!   ever cut by another;
//! - control messages go before data, whatever waits;
//! - data is encoded only when the bytes before it are out, so that what waits is a cursor and not a price;
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
