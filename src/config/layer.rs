//! The settings of one layer, before keys validate them.

use super::{fault::ConfigFault, origin::ConfigOrigin, value::GivenValue};

/// The settings of one layer, in its own order, and the faults found before keys validate them.
#[derive(Default)]
pub(super) struct Layer {
    pub given: Vec<Given>,
    pub faults: Vec<ConfigFault>,
}

/// One setting, not validated yet.
pub(super) struct Given {
    pub key: String,
    pub raw: GivenValue,
    pub origin: ConfigOrigin,
}
