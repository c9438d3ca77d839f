//! What a session may read that may not read everything, as its fan-out looks it up.

use crate::{access::SharedRights, tick::WantedFields};

pub(in crate::fanout) struct Entitled {
    pub rights: SharedRights,
    /// Those of the rights that this service has.
    pub fields: WantedFields,
    /// Whether it is told what is said of single trades.
    pub reports: bool,
}

impl Entitled {
    /// The fields of those that are wanted that may be read; `None` when there is none.
    pub fn fields_of(&self, wanted: WantedFields) -> Option<WantedFields> {
        if self.fields == WantedFields::ALL {
            return Some(wanted);
        }
        let fields = self.fields.intersect(wanted);
        (!fields.is_empty()).then_some(fields)
    }
}
