//! Wakes one thread that waits for any of several events: a command, a stop, readers that have moved on.
//!
//! It carries no data: the thread that wakes checks for itself what has changed. Invariant: a notification is never lost;
//! one that comes before the wait ends the wait at once.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Clones share one flag.
#[derive(Clone, Default, Debug)]
pub struct Wakeup {
    inner: Arc<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Wakeup {
    pub fn notify(&self) {
        *self.lock() = true;
        self.inner.changed.notify_all();
    }

    /// Waits for a notification, for `timeout` at most; says whether there was one.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut notified = self.lock();
        while !*notified {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            notified =
                self.inner.changed.wait_timeout(notified, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut notified)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.inner.notified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_notification_before_the_wait_ends_one_wait() {
        let wakeup = Wakeup::default();
        wakeup.notify();
        assert!(wakeup.wait(LONG));
        assert!(!wakeup.wait(Duration::ZERO));
    }

    #[test]
    fn a_notification_from_another_thread_ends_the_wait() {
        let wakeup = Wakeup::default();
        let other = wakeup.clone();
        let notifying = std::thread::spawn(move || other.notify());
        assert!(wakeup.wait(LONG));
        notifying.join().unwrap();
    }
}
