//! Accounts of use: who was shown what, in a file that shows when it was changed.
//!
//! ```text
//! sessions, requests -> Event -> AuditLog (a bounded queue) -> its thread -> Chain -> AuditFile (rotated)
//!                                                                                     |
//!                        reports <- Usage <- AuditReader (every line verified) <-----------+
//! ```
//! Lines of JSON, append only. Each has a running number and a hash over itself and the hash before it, so a line that was
//! changed, left out or moved is found, and named, by whoever reads the files. A tail that was cut off shows in the next
//! file, or where the reader is told the last number.
//!
//! Loss: an event that the queue or the disk does not take is counted, and the count is a record of its own as soon as
//! something can be written again. [`OnFailure`] says what happens to new sessions meanwhile.
//!
//! Invariant: nothing here waits on a shard's thread; times are the machine's clock.

mod chain;
mod check;
mod event;
mod file;
mod log;
mod month;
mod read;
mod seen;
pub mod usage;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::{Chain, Hash, Sealed};
pub use check::{AuditCheckFault, check};
pub use event::{AuditChannel, AuditUser, DEFAULT_PRODUCT, Event};
pub use file::{AuditFile, AuditFileError};
pub use log::{AuditLog, AuditSetup, OnFailure, ProductOf};
pub use month::Month;
pub use read::{AuditFault, AuditReader, AuditRecord, read_files};
