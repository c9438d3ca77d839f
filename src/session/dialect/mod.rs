//! Sessions that speak a venue's protocol: what their clients say goes to a [`Dialect`](crate::wire::dialects::Dialect), and its wishes are carried out by
//! the jobs of every other session. What they are sent is chosen by the fan-out, as everybody is.
//!
//! Here is no protocol of any venue: that is `wire/dialects/`.
//!
//! Invariants: a message is heard when those before it are carried out; a session to which a lossless stream was
//! interrupted is sent no more data, and is closed.

mod carry;
mod dialect_session;
mod faults;
mod hear;
mod keep;
mod lost;
pub mod spelling;

pub use dialect_session::{DialectInput, DialectSession};
