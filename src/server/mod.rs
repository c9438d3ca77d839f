//! What is bound to sockets, threads and HTTP: it accepts connections, admits clients, and runs shards and the service.
//!
//! Sessions themselves are `session`, which knows nothing of this. Each shard is one thread ([`shard_thread`]), with
//! the connections and sessions that were given to it.
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
