//! What a subscription shows of its topic. It says nothing about when: mode and interval are the subscription's own.

use crate::{tick::WantedFields, topic::Stamped};

/// What the messages of a subscription show. Subscriptions with the same view of a topic are sent the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    pub wanted: WantedFields,
}

impl View {
    /// Every field.
    pub const WHOLE: View = View { wanted: WantedFields::ALL };

    /// Whether a tick sets or withdraws one of its fields.
    #[inline]
    pub fn wants(&self, tick: &Stamped) -> bool {
        !tick.fields.all_named().intersect(self.wanted).is_empty()
    }

    /// Whether it wants every tick.
    #[inline]
    pub fn has_every_field(&self) -> bool {
        self.wanted == WantedFields::ALL
    }
}

impl Default for View {
    fn default() -> Self {
        View::WHOLE
    }
}
