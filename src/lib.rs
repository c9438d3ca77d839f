//! tickcast: a real-time financial ticker fan-out service.
//!
//! ```text
//! feed bytes -> decode -> Tick -> topic (record, seq, ring) -> cursors of its subscriptions -> frame -> socket
//!    feed/      feed/     tick/      topic/                           fanout/                 wire/   session/
//! ```
//!
//! `session` is a state machine without I/O; `server` has the sockets, threads and HTTP around it. The modules below
//! are in the order in which a tick passes them. The program (`main.rs`) is built on this library: its commands and its
//! configuration are modules of the program, so a change of these does not rebuild the library.

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
pub mod memory;
pub mod planted;
pub mod audit;
pub mod access;
pub mod scenario;

pub mod feed;
pub mod topic;
pub mod fanout;
pub mod publish;
pub mod wire;
pub mod replays;
pub mod session;
pub mod server;

pub mod testing;
