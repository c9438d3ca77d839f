//! Sessions that speak a venue's protocol: their clients' input goes to a [`Dialect`](crate::wire::dialects::Dialect),
//! whose wishes become the same jobs as commands. The fan-out chooses their data as for every session.
//!
//! The venues' protocols themselves are in `wire/dialects/`.
//!
//! Invariants: a message is handled only after those before it are carried out; a session whose lossless stream was
//! interrupted gets no more data and is closed.

mod carry;
mod dialect_session;
mod faults;
mod hear;
mod keep;
mod lost;
pub mod spelling;

pub use dialect_session::{DialectInput, DialectSession};
