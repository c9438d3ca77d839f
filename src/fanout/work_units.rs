//! Work units: a machine-independent cost. One unit is one look-up of a name, about 30 ns.
//!
//! Long work is done in slices of a number of units, so that the event loop returns to other sessions in time. Units
//! are counted, not timed: the same input is always cut at the same points, and reading the clock would cost more than
//! a look-up.

/// The budget of one slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    left: u32,
    /// Units spent so far, including those beyond the limit.
    spent: usize,
}

/// Cost of subscribing to a symbol: look it up, read its record, add it to the lists.
pub const SUBSCRIBE_UNITS: usize = 32;
/// Cost of changing or ending a subscription.
pub const CHANGE_UNITS: usize = 16;

impl Units {
    pub const fn new(units: u32) -> Self {
        Units { left: units, spent: 0 }
    }

    /// No limit, for callers that cannot yield.
    pub const fn unlimited() -> Self {
        Units { left: u32::MAX, spent: 0 }
    }

    pub fn left(self) -> usize {
        self.left as usize
    }

    /// Units spent so far. The last piece of work may have exceeded the limit.
    pub fn spent(self) -> usize {
        self.spent
    }

    pub fn is_spent(self) -> bool {
        self.left == 0
    }

    /// Spends units. Work that has started is finished, even beyond the limit.
    pub fn spend(&mut self, units: usize) {
        self.spent += units;
        if self.left < u32::MAX {
            self.left = self.left.saturating_sub(u32::try_from(units).unwrap_or(u32::MAX));
        }
    }
}
