//! How much a slow client may read now: a token bucket over the time that the caller passes in.
//!
//! Pure. Invariant: over any stretch of time no more than `rate * time + burst` bytes are allowed.

use std::{num::NonZeroU32, time::Duration};

use tickcast::tick::Nanos;

/// A bucket that fills at a rate, and holds a tenth of a second's worth at most.
#[derive(Clone, Debug)]
pub struct ReadPace {
    bytes_per_second: u64,
    /// Billionths of a byte.
    credit: u64,
    filled: Nanos,
}

const BILLION: u64 = 1_000_000_000;
/// Reads a second that a slow client is cut into, as long as a read is at least one byte.
const READS_PER_SECOND: u64 = 50;

// === impl ReadPace ===

impl ReadPace {
    pub fn new(bytes_per_second: NonZeroU32, now: Nanos) -> Self {
        ReadPace { bytes_per_second: u64::from(bytes_per_second.get()), credit: 0, filled: now }
    }

    /// The bytes that may be read now: 0 until a read is worth its while.
    pub fn allowance_bytes(&mut self, now: Nanos) -> usize {
        // One second at most, and a rate of 32 bits: the product stays below 2^62.
        let elapsed_nanos = now.since(self.filled).min(BILLION);
        self.filled = now;
        self.credit = (self.credit + elapsed_nanos * self.bytes_per_second).min(self.burst() * BILLION);
        let bytes = self.credit / BILLION;
        if bytes < self.read_bytes() { 0 } else { bytes as usize }
    }

    /// Pays for bytes that were read.
    pub fn spend(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_sub((bytes as u64).saturating_mul(BILLION));
    }

    /// How long until [`ReadPace::allowance_bytes`] is not 0 again.
    pub fn wait(&self) -> Duration {
        let missing = (self.read_bytes() * BILLION).saturating_sub(self.credit);
        Duration::from_nanos(missing.div_ceil(self.bytes_per_second))
    }

    fn read_bytes(&self) -> u64 {
        (self.bytes_per_second / READS_PER_SECOND).max(1)
    }

    fn burst(&self) -> u64 {
        (self.bytes_per_second / 10).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_the_wait_there_is_something_to_read() {
        for rate in [1, 49, 51, 100_000, u32::MAX] {
            let mut pace = ReadPace::new(NonZeroU32::new(rate).unwrap(), Nanos(0));
            assert_eq!(pace.allowance_bytes(Nanos(0)), 0);
            let later = Nanos(0).plus(pace.wait());
            assert_ne!(pace.allowance_bytes(later), 0, "{rate}");
        }
    }

    proptest! {
        #[test]
        fn it_never_allows_more_and_allows_a_steady_reader_no_less(
            rate in 100u32..10_000_000, steps_ms in prop::collection::vec(1i64..50, 20..200),
        ) {
            let mut pace = ReadPace::new(NonZeroU32::new(rate).unwrap(), Nanos(0));
            let mut now_ms = 0;
            let mut read = 0u64;
            for step_ms in steps_ms {
                now_ms += step_ms;
                let allowed = pace.allowance_bytes(Nanos(now_ms * 1_000_000));
                pace.spend(allowed);
                read += allowed as u64;
            }
            let due = u64::from(rate) * now_ms.unsigned_abs() / 1_000;
            prop_assert!(read <= due);
            prop_assert!(read + u64::from(rate) / 50 + 1 >= due, "{} of {}", read, due);
        }
    }
}
