//! HTTP on the sessions' port: routes, dashboard, metrics, probes, publishing. hyper implements the protocol.
//!
//! Every error is `{"error":{"code","message"}}` with the right status. Dispatch and permissions are in `router.rs`.

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
