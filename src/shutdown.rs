//! Stopping in two phases: threads and tasks are signalled to stop, and then awaited.
//!
//! [`Stop`] is the first phase, for threads that block. Invariant: once set it stays set.

use std::{
    fmt,
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
    /// Of threads that wait in a runtime.
    calls: Mutex<Vec<StopCall>>,
}

struct StopCall(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for StopCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopCall")
    }
}

impl Stop {
    pub fn set(&self) {
        *self.inner.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.changed.notify_all();
        self.inner.wakeups.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Wakeup::notify);
        self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|call| call.0());
    }

    /// Calls this when it is set, or at once if it already is. It must not block.
    pub fn calls(&self, call: impl Fn() + Send + Sync + 'static) {
        let mut calls = self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_set() {
            call();
        }
        calls.push(StopCall(Box::new(call)));
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
