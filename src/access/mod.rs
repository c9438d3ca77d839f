//! Who may see what: what a token allows, as a value; and who is let in with which rights.
//!
//! Pure: no I/O, no clock, no tokio. Who holds which rights, and what ends when they do, is the session's. Where
//! keys and lists come from is not known here.

pub mod algorithm;
#[cfg(feature = "tls")]
pub mod api_keys;
pub mod authority;
pub mod bearer;
pub mod claim;
#[cfg(feature = "tls")]
pub mod faults;
#[cfg(feature = "tls")]
pub mod jwks;
#[cfg(feature = "tls")]
pub mod keys;
pub mod product_counts;
pub mod products;
mod products_held;
pub mod refused;
pub mod revoked;
pub mod rights;
pub mod settings;
#[cfg(feature = "tls")]
pub mod token;
pub mod user_share;
#[cfg(feature = "tls")]
mod verified;

pub use authority::{Authority, Policy, SessionsOver};
pub use bearer::BearerToken;
pub use product_counts::{ProductCounts, ProductId};
pub use products::{Product, Products};
pub use refused::{BadToken, Refused};
pub use rights::{Entitlement, Granted, PatternsError, Rights, SharedRights, SymbolPatterns};

#[cfg(all(test, feature = "tls"))]
mod tests;
