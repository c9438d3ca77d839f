//! The ticks of one message, and the configured fields that it fills.
//!
//! Invariant: what a venue sends again of trades before the subscription is apart from what is new.

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
    /// Trades from before the subscription, which a venue sends with its answer: a capture and a connection have not
    /// missed them, and they are no news.
    pub history: Vec<Tick>,
    /// The venue's number of the last quote, where it has one: a connector knows repetitions by it.
    pub update: Option<u64>,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
}

/// Of when a message's trades are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TradesOf {
    Now,
    History,
}

/// Reverses what begins with the newest.
fn oldest_first(ticks: &mut [Tick]) {
    let Some(first) = ticks.first() else { return };
    if ticks.iter().rev().find(|tick| tick.symbol == first.symbol).is_some_and(|last| first.ts > last.ts) {
        ticks.reverse();
    }
}

// === impl TradesOf ===

impl TradesOf {
    /// By the `type` of a message or of an event.
    pub fn by_kind(kind: Option<Raw<'_>>) -> Self {
        match kind.map(Raw::text) {
            Some("snapshot") => TradesOf::History,
            _ => TradesOf::Now,
        }
    }
}

// === impl FoundTicks ===

impl FoundTicks {
    pub fn new(table: Arc<CustomFields>) -> Self {
        FoundTicks { ticks: Vec::new(), history: Vec::new(), update: None, table }
    }

    pub fn clear(&mut self) {
        self.ticks.clear();
        self.history.clear();
    }

    /// Appends a trade, or one of the history.
    pub fn push_trade(&mut self, told: TradesOf, tick: Tick) {
        match told {
            TradesOf::Now => self.ticks.push(tick),
            TradesOf::History => self.history.push(tick),
        }
    }

    /// Some venues write the newest first.
    pub fn oldest_first(&mut self) {
        oldest_first(&mut self.ticks);
        oldest_first(&mut self.history);
    }

    /// Appends a tick.
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
