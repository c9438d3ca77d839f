//! Venue faults on a replay: what goes wrong, when, and for whom. A [`Scenario`] is a file that tells faults as they
//! happened in public; a [`FaultEngine`] decides by it, for one connection, what becomes of each message.
//!
//! Pure: no I/O but the reading of a file at the start, no clock, no sessions, no messages of any venue. How a venue says it is
//! `wire/dialects/`, and what is done with messages `wire/faulty/`.
//!
//! Invariants: the same scenario, seed, connections and messages give the same decisions; a decision about a message depends
//! on its connection, its stream and its number, and not on how the others were merged or cut.

pub mod chance;
pub mod course;
pub mod deal;
pub mod engine;
pub mod fault;
mod fault_text;
pub mod numbering;
pub mod record;
pub mod read;
mod rulings;
pub mod ready;
pub mod running;
#[cfg(test)]
mod tests;

pub use engine::{FaultEngine, Offered, Ruling};
pub use fault::{Announcement, FaultKind, LikeClose, Scenario, VenueFault};
pub use read::ScenarioError;
pub use running::{RunningScenario, ScenarioConfig};
