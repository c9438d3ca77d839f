//! The service's settings: combined from flags, environment, file and defaults, in that order of precedence.
//!
//! This is the pure part: it is given the flags, the variables and the text of the file, and does no I/O. The command
//! line reads them (`cli::settings`), `docs/CONFIGURATION.md` describes them, and only [`KEYS`] defines a key, its
//! kind, its range and its meaning.
//!
//! Invariants: all values are validated before any fault is reported, also those that a higher layer overrides; a
//! [`Config`] without faults satisfies every [`relation::Relation`] between its limits.

mod auth;
mod audit_keys;
mod auth_keys;
mod change;
mod dialect_keys;
mod environment;
mod epoch_key;
mod fault;
mod feeds;
mod fields;
mod file;
mod flags;
mod gather;
pub mod key;
mod layer;
mod origin;
mod products;
mod proxy_keys;
mod relation;
mod replay_keys;
mod settings;
mod shown;
mod suggest;
mod table;
mod value;
pub mod variable;

pub use auth::AuthConfig;
pub use change::{Changes, KeyChange};
pub use fault::{ConfigFault, ConfigFaults, Problem};
pub use fields::of_flags as fields_of_flags;
pub use flags::Flags;
pub use gather::Gathered;
pub use key::{Applies, Kind};
pub use origin::ConfigOrigin;
pub use settings::{Config, LogFormat};
pub use table::KEYS;
pub use value::ConfigValue;
pub use variable::{CONFIG, TOKEN, TOKEN_FILE};

#[cfg(test)]
mod fields_tests;
#[cfg(test)]
mod products_tests;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod tests;
