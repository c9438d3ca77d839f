//! Keys and lists for access: read from files and key servers, and passed to the
//! [`Authority`](crate::access::Authority).
//!
//! Two threads, neither of them a shard: `auth` watches the files, `auth-keys` queries the key servers if there are
//! any. Nothing of this is on the path of a tick or an admission.
//!
//! Invariants: broken input changes nothing and is logged once; old keys stay while new ones are unavailable; no log
//! line contains a part of a key.

mod faults;
mod fetch;
mod files;
mod last_good;
mod servers;
mod stats;
pub mod watch;

pub use faults::FetchError;
pub use stats::KeyServerStats;
pub use watch::AuthWatch;

#[cfg(test)]
mod tests;
