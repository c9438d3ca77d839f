//! HTTP on the sessions' port: routes, the dashboard, metrics, probes, publishing. hyper does the protocol.
//!
//! Every error is `{"error":{"code","message"}}` with the right status. `router.rs` has the dispatch and the
//! permissions.

pub mod activity;
mod admin;
mod answered;
pub mod app;
mod body;
pub mod bulk;
mod caller;
mod coding;
mod compress;
mod compressed_walk;
mod cors;
mod dashboard;
mod deadlines;
mod error_body;
mod faults;
mod feeds;
mod head;
mod market;
mod named;
mod ops;
pub mod publish;
mod replay;
mod replays;
mod response;
mod preread;
mod router;
pub mod scrapes;
mod serve;
mod shared_socket;
mod upgrade;
mod venue;
pub mod walk;

pub use app::App;
pub use serve::serve;
