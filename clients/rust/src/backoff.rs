//! How long to wait before connecting again: longer after each failure, and never the same for two clients.
//!
//! Pure: the caller passes random numbers in. Invariant: no wait is longer than [`LONGEST`].

use std::time::Duration;

/// Counts failures in a row, and computes the pause after each.
///
/// ```
/// use tickcast_client::backoff::Backoff;
/// let mut backoff = Backoff::default();
/// assert_eq!(backoff.next(1.0).as_millis(), 250);
/// assert_eq!(backoff.next(1.0).as_millis(), 500);
/// backoff.reset();
/// assert_eq!(backoff.next(0.0).as_millis(), 125);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Backoff {
    failures: u32,
}

/// The longest pause after the first failure.
pub const FIRST: Duration = Duration::from_millis(250);
/// The longest pause of all.
pub const LONGEST: Duration = Duration::from_secs(15);

// === impl Backoff ===

impl Backoff {
    /// The next pause: between half of the present limit (`chance` 0) and all of it (`chance` 1).
    pub fn next(&mut self, chance: f64) -> Duration {
        let due = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        due.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// After a success: the next failure counts as the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
        for _ in 0..100_000 {
            assert!(backoff.next(1.0) <= LONGEST);
        }
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 125);
    }
}
