//! Live markets: connections to venues, each a pure state machine over one driver.
//!
//! ```text
//!                bytes        ticks, notes             ticks, states
//! socket ──── driver ──── Conversation ──── Upstream ──── driver ──── Sink
//!                           of a venue        core
//! ```
//! [`venue`] says what a venue is, [`venues`] has them. [`core`] has what they share: which link carries which streams,
//! reconnecting, rotation, the order of ticks, silence. Both are pure; [`driver`] has the sockets and the time.
//!
//! Invariants: nothing of a venue's is known outside its own file in [`venues`]; each trade that the venue numbers is
//! delivered once and in order, or told as missing.

pub mod allowance;
mod asked;
pub mod backoff;
pub mod config;
pub mod core;
mod decode;
pub mod driver;
mod halts;
mod keepalive;
mod keyed;
mod last_trades;
mod missing;
mod quote_order;
pub mod requests;
pub mod rhythm;
pub mod secret;
pub mod sequence;
mod sign_in;
mod symbols;
pub mod target;
pub mod trust;
pub mod venue;
pub mod venues;

pub use config::UpstreamConfig;
pub use driver::control::UpstreamControl;

#[cfg(test)]
pub(crate) mod testing;
