//! From bytes to [`Tick`](crate::tick::Tick)s: sources, and decoders that do no I/O.
//!
//! A [`Feed`] runs on its own thread and pushes what it decodes into the [`Sink`] that it is given. It knows nothing of
//! topics, sessions or shards. A sink never waits for a client, so no client delays a feed.
//!
//! Invariants: bytes from outside never panic; a line that is not a tick is counted and does not stop the lines after it;
//! the same source with the same options gives the same ticks.

pub mod bundled;
pub mod conditions;
mod error;
pub mod formats;
mod handler;
mod header;
pub mod ndjson;
mod options;
mod pace;
mod record;
pub mod recording;
mod reject;
pub mod replay;
pub mod sim;
mod sink;
pub mod source;
pub mod stdin;
#[cfg(test)]
pub(crate) mod testing;
mod time;
pub mod upstream;
pub mod venue_limits;
mod warnings;

pub use error::{FeedError, SourceError, with_sources};
pub use handler::{DeclaredSymbols, Feed};
pub use pace::{ReplaySpeed, Timed};
pub use reject::{RefusedTick, RejectCounts, RejectReason};
pub use sink::{FeedActivity, FeedLinks, Sink, SymbolState};
pub use source::{Opened, Source};
pub use upstream::UpstreamControl;
