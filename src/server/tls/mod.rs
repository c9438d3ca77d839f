//! TLS: certificates, handshakes, and the connections that result.
//!
//! ```text
//! accept.rs ── hello.rs ── handshake ── socket.rs ──► its shard, as any connection
//!                 │            ├─ work.rs, turns.rs: whose turn it is to be worked on
//!                 │            ├─ kept.rs: who goes when there are too many
//!                 │            └─ layer.rs: records, without I/O
//!                 └─ plain_http.rs: an answer to a client that speaks plain HTTP
//! ```
//!
//! Handshakes run on threads of their own, which accept on the TLS listeners. Shards receive connections after the
//! handshake. The certificates in use can change at any time (`state.rs`).
//!
//! Invariants: a connection without a whole `ClientHello` costs only its bytes, and no handshake slot. No client waits
//! for a handshake that waits for its own client. Every connection is counted from accept on, with one deadline up to
//! its first request.

pub mod accept;
pub mod certificates;
mod faults;
mod handshake;
mod hello;
mod kept;
mod layer;
mod plain_http;
mod records;
pub mod socket;
pub mod state;
pub mod stats;
mod turns;
mod watch;
mod work;

pub use faults::{TlsFault, TlsFaults};
pub use layer::TlsLayer;
