//! The service's settings: gathered from flags, environment, file and defaults, in that order of precedence.
//!
//! This is the pure part: it is handed the flags, the variables and the text of the file, and touches nothing. The
//! command line reads them (`cli::settings`), `docs/CONFIGURATION.md` describes them, and [`KEYS`] is the only place
//! where a key, its kind, its range and its meaning are written down.
//!
//! Invariants: everything that was given is judged before anything is reported, also what a higher layer overrides; a
//! [`Config`] without faults holds every [`Relation`] between its limits.

mod change;
mod environment;
mod fault;
mod file;
mod flags;
mod gather;
mod key;
mod layer;
mod origin;
mod relation;
mod settings;
mod shown;
mod suggest;
mod table;
mod value;
mod variable;

pub use change::{Changes, KeyChange};
pub use fault::{Fault, Faults, Problem};
pub use flags::Flags;
pub use gather::Gathered;
pub use key::{Applies, Key, Kind};
pub use origin::Origin;
pub use relation::Relation;
pub use settings::{Config, LogFormat};
pub use table::KEYS;
pub use value::{Value, ValueUnit};
pub use variable::{CONFIG, variable};

#[cfg(test)]
mod tests;
