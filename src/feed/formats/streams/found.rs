//! The ticks of one line, and the configured fields that its message fills.

use std::sync::Arc;

use super::{
    super::{FormatFault, custom, moment::Unit},
    value::Raw,
};
use crate::{
    feed::ndjson::ValueFault,
    tick::{CustomFields, Fields, Nanos, Tick},
};

/// The ticks found so far.
pub struct FoundTicks {
    pub ticks: Vec<Tick>,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
}

impl FoundTicks {
    pub fn new(table: Arc<CustomFields>) -> Self {
        FoundTicks { ticks: Vec::new(), table }
    }

    pub fn push(&mut self, tick: Tick) {
        self.ticks.push(tick);
    }

    /// Sets each of these fields that is configured; an empty value, and `null`, is absent.
    pub fn fill(&self, values: &[(&str, Option<Raw<'_>>)], fields: &mut Fields) -> Result<(), FormatFault> {
        for (name, value) in values {
            let text = value.map(Raw::text).filter(|text| *text != "null").unwrap_or_default();
            custom::fill(name, text, &self.table, fields)?;
        }
        Ok(())
    }

    /// The same of a time, in microseconds; 0 is none.
    pub fn fill_time(
        &self,
        name: &str,
        value: Option<Raw<'_>>,
        fields: &mut Fields,
    ) -> Result<(), FormatFault> {
        let text = value.map(Raw::text).filter(|text| !matches!(*text, "" | "0" | "null"));
        let Some(text) = text.filter(|_| self.table.find(name).is_some()) else { return Ok(()) };
        let time: Nanos =
            Unit::BySize.read(text).ok_or(FormatFault::value("funding_time", ValueFault::Moment))?;
        custom::fill(name, &time.micros().to_string(), &self.table, fields)
    }
}
