//! The keys and lists behind access: read from files and key servers, and given to the
//! [`Authority`](crate::access::Authority).
//!
//! Two threads, neither of them a shard: `auth` looks at the files, and `auth-keys` asks the key servers, where there are
//! any. Nothing of this is on the path of a tick or of an admission.
//!
//! Invariants: what is broken changes nothing, and is said once; the old keys are kept while new ones cannot be had; no
//! line of the log has a part of a key.

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
