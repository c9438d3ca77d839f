//! The judge: what a client may be sent, by the public contract alone, and a naive model of the market to compare with.
//!
//! Shared by the integration suite, where clients speak over real sockets, and by the simulation, where network and time
//! are simulated. It uses nothing of the crate under test; binary frames are read by the client crate.

pub mod decimal;
pub mod decode;
pub mod inflate;
pub mod market;
pub mod message;
pub mod store;
pub mod subscription;

pub use decimal::Decimal;
pub use decode::{Encoding, Frames};
pub use market::Market;
pub use message::Message;
pub use store::Store;
