//! From frames to sockets and back: one shard of sessions on one thread, each session on a connection of its own.
//!
//! A [`Shard`](shard::Shard) owns its sessions, its fan-out and its encoder, and shares nothing with other shards but
//! what ingest hands it. A session is one small task that reads. To deliver a message, no task is woken and nothing is
//! allocated or locked: the shard writes straight to the sockets that can take bytes.
//!
//! Invariants:
//! - every byte of a socket goes through `flush.rs`, control frames included: no frame is ever cut by another;
//! - control messages go before data, whatever waits;
//! - data is encoded only when the bytes before it are out, so that what waits is a cursor and not a price;
//! - a session ends for exactly one [`CloseReason`](crate::wire::CloseReason).

pub mod accept;
pub mod activity;
pub mod agent;
pub mod alarm;
pub mod balancer;
pub mod boundary;
pub mod budget;
pub mod commands;
pub mod core;
mod diary;
mod end;
pub mod explain;
pub mod events;
pub mod flush;
pub mod group;
pub mod handshake;
pub mod host;
pub mod job;
pub mod join;
pub mod kernel;
pub mod opening;
pub mod pace;
pub mod pages;
pub mod places;
pub mod position;
pub mod query;
pub mod read;
mod report;
pub mod rewound;
pub mod shard;
pub mod socket;
pub mod state;
pub mod stats;
pub mod sweep;
pub mod turns;
pub mod work;
