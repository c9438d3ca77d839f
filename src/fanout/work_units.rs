//! The cost of work, in units that are the same on every machine: a unit is a look at one name, about 30 ns.
//!
//! Long work is done in slices of so many units, so that the thread returns to its other sessions in time. Work is
//! counted and not timed, so that the same input is always cut at the same points; reading the clock would also cost
//! more than a look.

/// The work that may still be done in a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    left: u32,
    /// All units that were spent, including those beyond the limit.
    spent: usize,
}

/// To subscribe to a symbol: look it up, read its record, add it to the lists.
pub const SUBSCRIBE_UNITS: usize = 32;
/// To change or to end a subscription.
pub const CHANGE_UNITS: usize = 16;

impl Units {
    pub const fn new(units: u32) -> Self {
        Units { left: units, spent: 0 }
    }

    /// Without a limit, for callers that cannot wait.
    pub const fn unlimited() -> Self {
        Units { left: u32::MAX, spent: 0 }
    }

    pub fn left(self) -> usize {
        self.left as usize
    }

    /// The units that were spent. The last piece of work may have gone beyond the limit.
    pub fn spent(self) -> usize {
        self.spent
    }

    pub fn is_spent(self) -> bool {
        self.left == 0
    }

    /// Spends units. A piece of work that has begun is finished, even when it costs more than is left.
    pub fn spend(&mut self, units: usize) {
        self.spent += units;
        if self.left < u32::MAX {
            self.left = self.left.saturating_sub(u32::try_from(units).unwrap_or(u32::MAX));
        }
    }
}
