//! Live markets: connections to venues, each a pure state machine over one driver.
//!
//! ```text
//! Venue ── configure ──> Dialer ── connect ──> Conversation: bytes in; ticks, messages and notes out
//! ```
//! Invariant: nothing of a venue's is known outside its own file in [`venues`].

mod asked;
mod decode;
mod halts;
mod keepalive;
mod last_trades;
mod msgpack;
mod quote_order;
pub mod secret;
mod sign_in;
mod symbols;
#[cfg(test)]
mod testing;
pub mod venue;
pub mod venues;
