//! A client of [tickcast](https://docs.rs/tickcast), a real-time ticker fan-out service: what its messages mean, a mirror of
//! the market that checks what it is sent, and a connection that comes back and resumes.
//!
//! ```text
//! frame -> Messages -> Mirror -> Events          no I/O: for any event loop, and for tests
//! Endpoint -> Socket -> Client --^               over tokio (feature `net`, on by default)
//! ```
//!
//! # Begin
//!
//! [`Client`] is all that most programs need: it connects, subscribes, hands out [`Event`]s, and comes back when the
//! connection is lost, after a pause that grows with each failure. What it holds of each symbol is a [`Topic`].
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
//! The service counts each symbol's ticks in `seq`; a message that stands for several says so in `n`; whatever is not sent is
//! announced by a gap. So `seq` = the previous `seq` + `n`, for each symbol, always. A message that breaks it is an event like
//! any other, with the [`Breach`] in it.
//!
//! # Decimals
//!
//! Prices and sizes are exact decimals. They stay the texts that the server sent: give them to the decimal type of your
//! choice, or take [`decimal::units`] for whole units of 10⁻¹⁸. Nothing here passes through a float.
//!
//! # Features
//!
//! - `net` (default): connections over tokio. Without it this crate has no I/O, and needs neither tokio nor hyper.
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
mod seq;
mod server_time;
mod topic;
mod words;

pub mod backoff;
pub mod close;
pub mod decimal;
pub mod encoding;

#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
pub mod connection;
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
mod response;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "net")]
pub use client::{Client, ClientError, Lost, Step};
pub use command::{COMMAND_BYTES_MAX, Command, Resume, Subscribe, Subscription, batches};
#[cfg(feature = "net")]
pub use endpoint::{Endpoint, EndpointError};
pub use event::{Change, Event, Loss};
pub use field::{FIELDS, Field};
pub use json::{MessageError, Messages};
pub use message::{
    Answer, Drain, Fault, Gap, Heartbeat, Id, Limits, List, Listed, Message, Pong, Status, SymbolResult,
    Tick, Value, Values, Welcome,
};
pub use mirror::{Events, Mirror, Totals};
pub use pattern::Pattern;
pub use printable::printable;
pub use record::{Difference, Record};
pub use seq::{Breach, Cursor};
pub use server_time::ServerTime;
pub use topic::{Standing, Topic};
pub use words::{GapReason, Mode, Outcome, Pace, State};

/// The page's program is compiled with the examples of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
