//! [`ReceiptTimes`]: a summary of the receive times in one frame, for message ages. The frame has the single times.
//!
//! Invariant: the sum counts nanoseconds since the oldest, and is exact even if the sum of absolute times overflows.

use crate::tick::Nanos;

/// A summary of the receive times of a frame's messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReceiptTimes {
    pub oldest: Nanos,
    pub newest: Nanos,
    pub count: u64,
    /// Sum of nanoseconds since the oldest.
    pub since_oldest_sum: u64,
}

impl ReceiptTimes {
    /// One pass, because every frame does this for all its messages.
    pub fn of(rx: &[Nanos]) -> Self {
        let Some(&Nanos(first)) = rx.first() else { return ReceiptTimes::default() };
        let (mut oldest, mut newest, mut sum) = (first, first, 0_i64);
        for &Nanos(rx) in rx {
            oldest = oldest.min(rx);
            newest = newest.max(rx);
            sum = sum.wrapping_add(rx);
        }
        let count = rx.len() as u64;
        // Both sums wrap alike, so their difference is exact.
        let since_oldest_sum = sum.cast_unsigned().wrapping_sub(oldest.cast_unsigned().wrapping_mul(count));
        ReceiptTimes { oldest: Nanos(oldest), newest: Nanos(newest), count, since_oldest_sum }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn what_a_frame_holds_was_taken_in_between_the_oldest_and_the_newest() {
        let receipt_times = ReceiptTimes::of(&[Nanos(7), Nanos(5), Nanos(9)]);
        assert_eq!(
            receipt_times,
            ReceiptTimes { oldest: Nanos(5), newest: Nanos(9), count: 3, since_oldest_sum: 6 }
        );
    }

    proptest! {
        /// Holds also when the sum of the times overflows.
        #[test]
        fn the_sum_since_the_oldest_is_exact(
            begins in prop_oneof![Just(0), Just(i64::MAX - HOUR), Just(i64::MIN)],
            since in prop::collection::vec(0..=HOUR, 0..50),
        ) {
            let rx: Vec<Nanos> = since.iter().map(|since| Nanos(begins + since)).collect();
            let oldest = rx.iter().copied().min().unwrap_or_default();
            prop_assert_eq!(ReceiptTimes::of(&rx), ReceiptTimes {
                oldest,
                newest: rx.iter().copied().max().unwrap_or_default(),
                count: rx.len() as u64,
                since_oldest_sum: rx.iter().map(|rx| rx.since(oldest)).sum(),
            });
        }
    }
}
