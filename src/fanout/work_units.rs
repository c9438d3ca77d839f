//! What work costs, in units that are the same on every machine: a unit is a look at one name, some 30 ns.
//!
//! Long work is done in slices of so many units, so that the thread gets back to everybody else in time. Counted and not
//! timed: the same input is cut at the same places, and asking for the time would cost more than a look.

/// Work that may still be done in a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    left: u32,
    /// All that was done, what went beyond them too.
    spent: usize,
}

/// To subscribe to a symbol: look it up, ask for its image, enter it in its lists.
pub const SUBSCRIBE_UNITS: usize = 32;
/// To change, or end, a subscription.
pub const CHANGE_UNITS: usize = 16;

impl Units {
    pub const fn new(units: u32) -> Self {
        Units { left: units, spent: 0 }
    }

    /// No end of them, for who cannot wait.
    pub const fn unlimited() -> Self {
        Units { left: u32::MAX, spent: 0 }
    }

    pub fn left(self) -> usize {
        self.left as usize
    }

    /// What has been done; more than there were when the last piece could not be cut.
    pub fn spent(self) -> usize {
        self.spent
    }

    pub fn is_spent(self) -> bool {
        self.left == 0
    }

    /// What costs more than is left is done all the same, once it has begun.
    pub fn spend(&mut self, units: usize) {
        self.spent += units;
        if self.left < u32::MAX {
            self.left = self.left.saturating_sub(u32::try_from(units).unwrap_or(u32::MAX));
        }
    }
}
