//! tickcast: a real-time financial ticker fan-out service.
//!
//! ```text
//! feed bytes -> decode -> Tick -> topic (record, seq, ring) -> cursors of its subscriptions -> frame -> socket
//!    feed/      feed/     tick/      topic/                           fanout/                 wire/   session/
//! ```
//!
//! `session` is a state machine without I/O; `server` has the sockets, threads and HTTP around it. ARCHITECTURE.md has the
//! path of a tick function by function. A module imports only those above it. The program (`main.rs`) is built on this
//! library: its commands and its configuration are modules of the program, so a change of these does not rebuild the
//! library.

// What every stage uses.
pub mod escape;
pub mod tick;
pub mod web;
pub mod proxies;
pub mod text;
pub mod msgpack;
pub mod clock;
pub mod sync;
pub mod live;
pub mod limits;
pub mod wakeup;
pub mod shutdown;
pub mod throttle;
pub mod spans;
pub mod files;
pub mod dial;
pub mod memory;
pub mod planted;

// What stages ask: how use is recorded, what a token allows, how a replay fails as venues do.
pub mod audit;
pub mod access;
pub mod scenario;

// The stages, in the order in which a tick passes them; beside them published ticks and replays of one's own.
pub mod feed;
pub mod topic;
pub mod fanout;
pub mod publish;
pub mod wire;
pub mod replays;
pub mod session;
pub mod server;

// A market for the tests of others.
pub mod testing;
