//! Wakes one thread that waits for any of several events: a command, a stop, readers that have moved on.
//!
//! It carries nothing: who is woken looks by itself at what may have changed. Invariant: a ring is never lost; one that
//! comes before the wait ends the wait at once.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Clones are the same bell.
#[derive(Clone, Default, Debug)]
pub struct Bell {
    inner: Arc<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        *self.lock() = true;
        self.inner.changed.notify_all();
    }

    /// Waits until it rings, for `timeout` at most; says whether it rang.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut rung = self.lock();
        while !*rung {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            rung = self.inner.changed.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut rung)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.inner.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_ring_before_the_wait_is_heard_once() {
        let bell = Bell::default();
        bell.ring();
        assert!(bell.wait(LONG));
        assert!(!bell.wait(Duration::ZERO));
    }

    #[test]
    fn a_ring_from_another_thread_ends_the_wait() {
        let bell = Bell::default();
        let other = bell.clone();
        let ringing = std::thread::spawn(move || other.ring());
        assert!(bell.wait(LONG));
        ringing.join().unwrap();
    }
}
