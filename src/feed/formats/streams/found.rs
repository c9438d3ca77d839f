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
    /// missed them, and they are not news.
    pub history: Vec<Tick>,
    /// The venue's number of the last quote, where it has one: a connector knows repetitions by it.
    pub update: Option<u64>,
    /// The venue's numbers of the ticks, as far as they have one: of each by its place, where the order is
    /// [`MessageOrder::Written`]. They never fall, and may jump.
    pub places: Vec<Option<u64>>,
    /// What says the order of a message's ticks.
    pub order: MessageOrder,
    /// The fields that are configured, beside the fixed ones.
    table: Arc<CustomFields>,
}

/// What says in which order the ticks of a message were: some venues write the newest first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum MessageOrder {
    /// Their times, where they all fall.
    #[default]
    Times,
    /// The numbers of trades, which rise, whatever their times are.
    Numbers,
    /// It is the order in which they are written.
    Written,
}

/// Of when a message's trades are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TradesOf {
    Now,
    History,
}

/// Reverses what begins with the newest.
fn oldest_first(ticks: &mut [Tick], order: MessageOrder) {
    let is_newest_first = match order {
        MessageOrder::Times => goes_back(ticks),
        MessageOrder::Numbers => falls(ticks),
        MessageOrder::Written => false,
    };
    if is_newest_first {
        ticks.reverse();
    }
}

/// Whether the numbers of trades fall: the first two of a symbol decide for all.
fn falls(ticks: &[Tick]) -> bool {
    let number = |tick: &Tick| tick.fields.name_of_trade().text().parse::<u64>().ok();
    let next_of_symbol = |at: usize| ticks[at + 1..].iter().find(|next| next.symbol == ticks[at].symbol);
    let pair = (0..ticks.len()).find_map(|at| next_of_symbol(at).map(|next| (&ticks[at], next)));
    pair.is_some_and(|(one, next)| number(one) > number(next))
}

/// Whether each time is not after the one before it, and the last of a symbol is before its first.
fn goes_back(ticks: &[Tick]) -> bool {
    let Some(first) = ticks.first() else { return false };
    let last = ticks.iter().rev().find(|tick| tick.symbol == first.symbol);
    last.is_some_and(|last| first.ts > last.ts) && ticks.windows(2).all(|pair| pair[0].ts >= pair[1].ts)
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
        FoundTicks {
            ticks: Vec::new(),
            history: Vec::new(),
            update: None,
            places: Vec::new(),
            order: MessageOrder::default(),
            table,
        }
    }

    pub fn clear(&mut self) {
        self.ticks.clear();
        self.history.clear();
        self.places.clear();
        self.order = MessageOrder::default();
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
        oldest_first(&mut self.ticks, self.order);
        oldest_first(&mut self.history, self.order);
    }

    /// Appends a tick.
    pub fn push(&mut self, tick: Tick) {
        self.ticks.push(tick);
    }

    /// Appends a tick that the venue numbers.
    pub fn push_placed(&mut self, place: Option<u64>, tick: Tick) {
        self.places.resize(self.ticks.len(), None);
        self.places.push(place);
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
