//! What a subscription shows of its topic. It says nothing about when: mode and interval are the subscription's own.

use crate::{
    tick::{Fields, TradeReport, WantedFields},
    topic::Stamped,
};

/// What the messages of a subscription show. Subscriptions with the same view of a topic are sent the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    pub wanted: WantedFields,
}

impl View {
    /// Every field.
    pub const WHOLE: View = View { wanted: WantedFields::ALL };

    /// Whether a tick sets or withdraws one of its fields, or reports of a trade what it shows.
    #[inline]
    pub fn wants(&self, tick: &Stamped) -> bool {
        !tick.fields.all_named().intersect(self.wanted).is_empty() || self.report_of(&tick.fields).is_some()
    }

    /// What a tick, or a record's last tick, says of a trade, when it shows that.
    #[inline]
    pub fn report_of<'a>(&self, fields: &'a Fields) -> Option<&'a TradeReport> {
        fields.report().map(|report| &**report).filter(|report| report.concerns(self.wanted.fixed))
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
