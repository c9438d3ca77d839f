//! Stopping in two phases: threads and tasks are signalled to stop, and then awaited.
//!
//! [`Stop`] is the first phase, for threads that block. Invariant: once set it stays set.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::wakeup::Wakeup;

/// Signals blocking threads to stop; clones share one flag.
#[derive(Clone, Default, Debug)]
pub struct Stop {
    inner: Arc<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    stopped: Mutex<bool>,
    changed: Condvar,
    /// Wakeups of threads that also wait for other things.
    wakeups: Mutex<Vec<Wakeup>>,
}

impl Stop {
    pub fn set(&self) {
        *self.inner.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.changed.notify_all();
        self.inner.wakeups.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Wakeup::notify);
    }

    /// Notifies this wakeup when it is set, or at once if it already is.
    pub fn notifies(&self, wakeup: &Wakeup) {
        self.inner.wakeups.lock().unwrap_or_else(PoisonError::into_inner).push(wakeup.clone());
        if self.is_set() {
            wakeup.notify();
        }
    }

    pub fn is_set(&self) -> bool {
        *self.inner.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `timeout` or until set, whichever is first; returns whether it is set.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut stopped = self.inner.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            stopped =
                self.inner.changed.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *stopped
    }
}
