//! Sessions of dialects that fail as venues do: their messages are written one by one, and a
//! [`FaultEngine`](crate::scenario::FaultEngine) says what becomes of each. No other session comes here.
//!
//! Each message is a WebSocket frame of its own, an array of one where its venue has arrays, so that what a session is sent
//! does not depend on how frames were cut.
//!
//! Loss: what a fault drops is counted, and recorded with the ticks that were not delivered. Bounds: 4 MiB are held
//! back for a client, and then the oldest are sent; of what waits for its socket nothing is dropped, and the fan-out adds no more
//! while there is a frame of it.

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
