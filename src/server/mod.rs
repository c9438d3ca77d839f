//! The server: sockets, threads and HTTP. It accepts connections, admits clients, and runs the shards and the service.
//!
//! Sessions are in `session`, which knows nothing of this. Each shard is one thread ([`shard_thread`]) with its own
//! connections and sessions.
//!
//! Invariants: connections and sessions are counted from admission to their end, and no limit is exceeded. Requests
//! from pages of other origins are refused.

pub mod kernel;
pub mod tcp;
pub mod tls_files;
#[cfg(feature = "tls")]
pub mod tls;
pub mod socket;
pub mod timer;
pub mod slices;
pub mod intake;

pub mod routes;
pub mod dialects;
mod extensions;
pub mod access;
mod failure;
pub mod hosts;
pub mod pages;
pub mod handshake;
pub mod admission;

#[cfg(feature = "tls")]
pub mod keys;
pub mod message;
pub mod replays;
pub mod state;
pub mod http_connection;
pub mod shard;
pub mod session_task;
pub mod sse;
pub mod connection;
pub mod delayed;
pub mod listener;
pub mod shard_thread;

pub mod metrics;
pub mod http;
#[cfg(test)]
mod tests;
pub mod service;
