//! Who may see what: what a token allows, as a value.
//!
//! Pure: no I/O, no clock, no tokio. Who holds which rights, and what ends when they do, is the session's.

pub mod rights;

pub use rights::{Entitlement, PatternsError, Rights, SymbolPatterns};
