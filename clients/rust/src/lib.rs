//! A client of [tickcast](https://docs.rs/tickcast), a real-time ticker fan-out service: typed messages, a mirror of the
//! market that checks what it receives, and a connection that reconnects and resumes.
//!
//! ```text
//! frame -> Messages or Decoder -> Mirror -> Events   no I/O: for any event loop, and for tests
//! Endpoint -> Socket -> Client ------^               over tokio (feature `net`, on by default)
//! ```
//!
//! # Begin
//!
//! [`Client`] is all that most programs need. It connects, subscribes and returns [`Event`]s. When the connection is lost
//! it reconnects, after a pause that grows with each failure. The state of each symbol is a [`Topic`].
//!
//! ```no_run
//! use tickcast_client::{Client, Endpoint, Event, Field, Step, Subscription};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::parse("ws://127.0.0.1:8080")?;
//! let mut client = Client::new(endpoint, Subscription::latest(["BTCUSDT", "ETH*"]).interval_ms(100));
//! loop {
//!     match client.next().await? {
//!         Step::Frame => {
//!             let mut events = client.events();
//!             while let Some(event) = events.next_event()? {
//!                 if let Event::Record(change) = event {
//!                     println!("{} bid {:?}", change.topic.symbol, change.topic.record.text(Field::Bid));
//!                 }
//!             }
//!         }
//!         Step::Over => return Ok(()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! # What is checked
//!
//! The service numbers each symbol's ticks by `seq`. `n` is the number of ticks that a message merges, and ticks that
//! are not sent are announced by a gap. So for each symbol `seq` = the previous `seq` + `n`, always. A message that
//! breaks this rule is an event like any other, with the [`Breach`] in it.
//!
//! # Decimals
//!
//! Prices and sizes are exact decimals. They are kept as the texts that the server sent: parse them into the decimal type
//! of your choice, or use [`decimal::units`] for whole units of 10⁻¹⁸. No value is converted to a float.
//!
//! # Features
//!
//! - `net` (default): connections over tokio. Without it this crate has no I/O, and needs neither tokio nor hyper.
//! - `tls`: `wss://` and `https://`, by rustls. See [`tls`].
//! - `testing`: a small server with a script, for the tests of programs that use this crate.

mod command;
mod event;
mod field;
mod json;
mod message;
mod mirror;
mod pattern;
mod printable;
mod record;
mod report;
mod seq;
mod server_time;
mod tick;
mod topic;
mod words;

pub mod backoff;
pub mod binary;
pub mod close;
pub mod decimal;
pub mod encoding;

#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
pub mod connection;
#[cfg(feature = "net")]
mod dial;
#[cfg(feature = "net")]
pub mod endpoint;
#[cfg(feature = "net")]
mod error;
#[cfg(feature = "net")]
pub mod frames;
#[cfg(feature = "net")]
mod http;
#[cfg(feature = "net")]
pub mod reconnect;
#[cfg(feature = "net")]
mod renewal;
#[cfg(feature = "net")]
mod response;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "net")]
mod token;
#[cfg(feature = "net")]
mod transport;

#[cfg(feature = "net")]
pub use client::{Client, ClientError, Lost, Step};
pub use command::{
    COMMAND_BYTES_MAX, Command, Publish, Resume, Subscribe, Subscription, TICKS_A_COMMAND, batches,
};
#[cfg(feature = "net")]
pub use endpoint::{Endpoint, EndpointError};
pub use event::{Change, Event, Loss};
pub use field::{FIELDS, Field};
pub use json::{MessageError, Messages};
pub use message::{
    Answer, Auth, ConfiguredField, Drain, Fault, Gap, Heartbeat, Id, Limits, List, Listed, Message, Pong,
    Published, RejectedTick, Sent, Status, SymbolResult, TableField, Tick, Value, Values, Welcome,
};
pub use mirror::{Events, Mirror, Totals};
pub use pattern::Pattern;
pub use printable::printable;
pub use record::{Difference, Record};
pub use report::{ReportKind, TradeReport};
pub use seq::{Breach, Cursor};
pub use server_time::ServerTime;
#[cfg(feature = "net")]
pub use token::{Secret, TOKEN_BYTES_MAX, Token, TokenError};
pub use topic::{Late, Standing, Topic};
pub use words::{GapReason, Mode, Outcome, Pace, State};

/// The program of the page is compiled with the examples of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
