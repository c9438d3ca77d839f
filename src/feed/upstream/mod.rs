//! Live markets: connections to venues, each a pure state machine over one driver.
//!
//! ```text
//! Venue ── configure ──> Dialer ── connect ──> Conversation: bytes in; ticks, messages and notes out
//! ```
//! Invariant: nothing of a venue's is known outside its own file in [`venues`].

pub mod secret;
pub mod venue;
pub mod venues;
