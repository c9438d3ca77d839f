//! For lines of the log that the outside can cause: the first is said at once, then one a while, with a count of the others.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::tick::Nanos;

/// One kind of line, said by any thread.
#[derive(Debug)]
pub struct Throttle {
    /// When a line was said last; [`NEVER`] before the first.
    said_at: AtomicI64,
    /// Left out since.
    unsaid: AtomicU64,
}

const NEVER: i64 = i64::MIN;
/// Between two lines of a kind.
const WINDOW_NANOS: u64 = 10_000_000_000;

impl Default for Throttle {
    fn default() -> Self {
        Throttle { said_at: AtomicI64::new(NEVER), unsaid: AtomicU64::new(0) }
    }
}

impl Throttle {
    /// Whether a line may be said now; then how many were left out before it.
    pub fn pass(&self, now: Nanos) -> Option<u64> {
        let last = self.said_at.load(Ordering::Relaxed);
        let is_time = last == NEVER || now.since(Nanos(last)) >= WINDOW_NANOS;
        // Of several threads at once one says it.
        let is_ours = is_time
            && self.said_at.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_and_then_one_a_while_with_the_count_of_the_others() {
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
