//! [`Entitled`]: the rights of a session that may not read everything, in the form that the fan-out checks.

use crate::{access::SharedRights, tick::WantedFields};

pub(in crate::fanout) struct Entitled {
    pub rights: SharedRights,
    /// The fields that it may read, as far as this service has them.
    pub fields: WantedFields,
    /// Whether it is sent trade reports.
    pub reports: bool,
}

impl Entitled {
    /// The wanted fields that it may read; `None` when there is none.
    pub fn fields_of(&self, wanted: WantedFields) -> Option<WantedFields> {
        if self.fields == WantedFields::ALL {
            return Some(wanted);
        }
        let fields = self.fields.intersect(wanted);
        (!fields.is_empty()).then_some(fields)
    }
}
