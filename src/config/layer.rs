//! What one layer of the settings gives, before any key has judged it.

use super::{fault::Fault, origin::Origin, value::GivenValue};

/// What one layer gave, in its own order, and what was wrong with it before any key could judge it.
#[derive(Default)]
pub(super) struct Layer {
    pub given: Vec<Given>,
    pub faults: Vec<Fault>,
}

/// One setting, not yet judged.
pub(super) struct Given {
    pub key: String,
    pub raw: GivenValue,
    pub origin: Origin,
}
