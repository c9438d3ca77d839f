//! Replays of one's own: stored recordings as a client asks for them, in the normalised messages of tardis-machine.
//!
//! ```text
//! request (options) -> what may be read (permit) -> files (library) -> records (stream) -> one order (replay) -> messages
//! ```
//!
//! It is not the feed `replay`, which plays one recording into the market for everybody: a replay here belongs to one
//! connection, or to those that share a session, and touches no market. Pure but for reading files: it has no thread,
//! socket or clock; `server/replays` has these.
//!
//! Invariant: the bytes of a replay depend on its request and the recordings alone, not on who else replays, nor on how
//! fast anybody reads.

mod data_types;
pub mod frames;
mod iso;
pub mod library;
mod messages;
pub mod options;
pub mod outbound;
pub mod pace;
pub mod permit;
pub mod replay;
mod snapshots;
pub mod stream;

#[cfg(test)]
mod tests;
