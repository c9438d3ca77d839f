//! Limits log lines that clients can cause: the first is logged, then one in ten seconds, with the number suppressed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::tick::Nanos;

/// One kind of line, logged by any thread.
#[derive(Debug)]
pub struct Throttle {
    /// When a line was last logged; [`NEVER`] before the first.
    reported_at: AtomicI64,
    /// Lines suppressed since.
    suppressed: AtomicU64,
}

const NEVER: i64 = i64::MIN;
/// The interval between two lines of a kind.
const WINDOW_NANOS: u64 = 10_000_000_000;

impl Default for Throttle {
    fn default() -> Self {
        Throttle { reported_at: AtomicI64::new(NEVER), suppressed: AtomicU64::new(0) }
    }
}

impl Throttle {
    /// If a line may be logged now, how many were suppressed before it.
    pub fn pass(&self, now: Nanos) -> Option<u64> {
        let last = self.reported_at.load(Ordering::Relaxed);
        let is_time = last == NEVER || now.since(Nanos(last)) >= WINDOW_NANOS;
        // Of several threads at once, one logs it.
        let is_ours = is_time
            && self.reported_at.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_and_then_one_a_while_with_the_number_suppressed() {
        let throttle = Throttle::default();
        let at = |seconds: i64| throttle.pass(Nanos(seconds * 1_000_000_000));
        assert_eq!(at(5), Some(0));
        assert_eq!([at(5), at(14), at(14)], [None; 3]);
        assert_eq!(at(15), Some(3));
        assert_eq!(at(24), None);
        assert_eq!(at(100), Some(1));
        assert_eq!(at(99), None, "a clock that is set back lets nothing through");
    }
}
