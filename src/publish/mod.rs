//! Ticks that publishers push in: a message of them, taken in whole, and at most once.
//!
//! ```text
//! text of a command -> Cut (head, ticks) -> TickMessage (decoded piece by piece) -> Publishers (once?) -> PublishSink
//!                      cut.rs               message.rs                         publishers.rs          the market
//! ```
//! No socket, no thread and no session here: sessions and HTTP both publish by it.
//!
//! Loss: none. A tick that is not taken in is in the [`Outcome`] with its reason, or counted there.
//!
//! Invariants: a message of a session is taken in under one hold of the market's lock, or not at all; a publisher's number
//! is taken once, and whoever repeats it is given the first outcome.

pub mod cut;
mod message;
mod outcome;
mod publishers;
mod sink;

#[cfg(test)]
mod tests;

pub use message::{TICKS_A_MESSAGE, TickDecoder, TickMessage};
pub use outcome::{Outcome, REJECTED_KEPT, RejectedEntry, SEQS_KEPT};
pub use publishers::{
    Begun, NumberFault, NumberTurn, NumberedMessage, PUBLISHERS_MAX, PUBLISHERS_OF_USER_MAX, Publisher,
    PublisherName, Publishers,
};
pub use sink::{PublishResult, PublishSink};
