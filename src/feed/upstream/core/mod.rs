//! All connections to one venue as a machine: events of links and the time in; ticks, states of symbols and actions
//! out. It makes no socket and reads no clock; `driver` does.
//!
//! A **slot** is a group of streams that one link carries. A slot gets a new link when its link breaks, when the venue
//! is about to close it, and when nothing comes over it; a stream that alone is mute moves to another slot.
//!
//! Invariants: no more attempts and streams of a link than the venue allows; while a link is replaced both are read
//! ; what is down is told at once, with a reason.

mod events;
mod links;
mod out;
mod slot;
mod state;
mod stream;
mod streams;
mod sweep;

pub use out::{LinkAction, LinkEnd, LinkId, LogLine, UpstreamCounts, UpstreamOut};
pub use state::Upstream;

#[cfg(test)]
mod tests;
