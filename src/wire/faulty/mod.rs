//! Dialect sessions that fail as venues do: messages are written one by one, and a
//! [`FaultEngine`](crate::scenario::FaultEngine) decides what happens to each. Other sessions never use this.
//!
//! Each message is a WebSocket frame of its own (an array of one, if the venue uses arrays), so that what a session
//! receives does not depend on how frames were cut.
//!
//! Loss: messages dropped by a fault are counted, and their ticks are recorded as not delivered. Bounds: at most 4 MiB
//! are held back per client, then the oldest are sent; nothing that waits for the socket is dropped, and the fan-out
//! adds nothing while a whole frame waits.

mod altered;
mod fill;
mod held;
mod messages;
#[cfg(test)]
mod tests;
mod writer;

pub use fill::FaultyFill;
pub use messages::FaultyMessages;
pub use writer::FaultyWriter;
