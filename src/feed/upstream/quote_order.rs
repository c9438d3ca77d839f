//! Quotes of one connection in the order of the venue's numbers.
//!
//! A number that is not above the last one is late when its time is not newer either; else the venue has begun to number
//! anew, as after a restart. One that is repeated, as the venue does when nothing changes, is taken.
//!
//! Invariant: no late quote replaces a newer one, and no numbering that began again stops a symbol.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::tick::{Nanos, Symbol, Tick};

/// The last number and time of each symbol.
#[derive(Default)]
pub struct QuoteOrder {
    last: HashMap<Symbol, (u64, Option<Nanos>), RandomState>,
}

// === impl QuoteOrder ===

impl QuoteOrder {
    /// Removes from the ticks of a message with this number what is late.
    pub fn retain_newer(&mut self, number: u64, ticks: &mut Vec<Tick>) {
        ticks.retain(|tick| self.takes(number, tick));
    }

    /// Whether a quote of this number is not late.
    pub fn takes(&mut self, number: u64, tick: &Tick) -> bool {
        let new = (number, tick.ts);
        let Some(last) = self.last.get_mut(&tick.symbol) else {
            self.last.insert(tick.symbol.clone(), new);
            return true;
        };
        let is_late = number < last.0 && tick.ts <= last.1;
        if !is_late {
            *last = new;
        }
        !is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Fields;

    #[test]
    fn late_is_below_the_number_and_not_above_the_time() {
        let mut order = QuoteOrder::default();
        let tick =
            |ts| Tick { symbol: Symbol::new("A").unwrap(), ts: Some(Nanos(ts)), fields: Fields::default() };
        for (number, ts, taken) in [
            (5, 50, true),
            (7, 70, true),
            (6, 60, false),
            (6, 70, false),
            (7, 80, true),
            (1, 90, true),
            (2, 90, true),
            (7, 70, true),
        ] {
            assert_eq!(order.takes(number, &tick(ts)), taken, "{number} at {ts}");
        }
    }
}
