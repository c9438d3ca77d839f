//! Interrupts of a run: the first ends the measurement, the second skips the checks.

use std::cell::Cell;

use tokio::sync::Notify;

/// The number of interrupts: the first ends the measurement, the second skips the checks.
#[derive(Default)]
pub struct Interrupt {
    count: Cell<u32>,
    changed: Notify,
}

// === impl Interrupt ===

impl Interrupt {
    pub fn raise(&self) {
        self.count.set(self.count.get() + 1);
        self.changed.notify_waiters();
    }

    pub fn is_raised(&self, times: u32) -> bool {
        self.count.get() >= times
    }

    pub async fn raised(&self, times: u32) {
        while !self.is_raised(times) {
            self.changed.notified().await;
        }
    }
}
