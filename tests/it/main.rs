//! The integration suite: the built binary over files, processes and real sockets.
//!
//! Each module is one subject. What speaks to a server judges it by the public contract alone: the harness checks the
//! laws on every message that any client receives, so a scenario states only what is particular to it.

mod harness;
mod health;

mod admin;
mod ahead;
mod alpaca;
mod audit;
mod audit_products;
mod binance;
mod binance_arrays;
mod binary;
mod bounds;
mod check;
mod churn;
mod coinbase;
mod commands;
mod compressed;
mod conflate;
mod cost;
mod cut_answers;
mod deadlines;
mod decimals;
mod deflate;
mod delayed;
mod determinism;
mod dialects;
mod drain;
mod entitled;
mod faults;
mod feeds;
mod fields;
mod frames;
mod globs;
mod judge;
mod keys;
mod kraken;
mod massive;
mod limits;
mod liveness;
mod log;
mod memory;
mod modes;
mod named;
mod numbers;
mod origin;
mod outputs;
#[path = "../support/dialects.rs"]
#[expect(dead_code, reason = "the simulator asks for more of it")]
mod protocols;
mod proxies;
mod publish;
mod publishers;
mod recordings;
mod reload;
mod replay;
mod requests;
mod resume;
mod routes;
mod sse;
mod start;
mod strange_files;
mod stream;
mod tape;
mod tardis;
mod tls;
mod tls_floods;
mod symbols;
mod trades;
mod trusted;
mod upgrade;
mod users;
mod venue_rest;
mod venues;
mod upstream;
mod venue_lists;
mod venue_manners;
mod venue_raw;
mod venue_states;
mod withdrawn;
