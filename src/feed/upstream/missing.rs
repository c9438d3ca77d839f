//! The numbers that were told missing, so that one which comes after all is known from a repetition. Pure.
//!
//! Invariant: at most [`SPANS_MAX`] spans are kept, the newest: what is longer ago is a repetition.

use std::collections::VecDeque;

/// Spans of numbers, from first to last, in the order in which they were missed.
#[derive(Default, Debug)]
pub struct MissingNumbers {
    spans: VecDeque<(u64, u64)>,
}

const SPANS_MAX: usize = 64;

// === impl MissingNumbers ===

impl MissingNumbers {
    pub fn add(&mut self, first: u64, last: u64) {
        if self.spans.len() >= SPANS_MAX {
            self.spans.pop_front();
        }
        self.spans.push_back((first, last));
    }

    /// Whether this number was missing; from now on it is not.
    pub fn take(&mut self, number: u64) -> bool {
        let Some(at) = self.spans.iter().position(|(first, last)| (*first..=*last).contains(&number)) else {
            return false;
        };
        let Some((first, last)) = self.spans.remove(at) else { return false };
        if number < last {
            self.spans.insert(at, (number + 1, last));
        }
        if first < number {
            self.spans.insert(at, (first, number - 1));
        }
        self.spans.truncate(SPANS_MAX);
        true
    }

    pub fn clear(&mut self) {
        self.spans.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_missing_number_is_taken_once(numbers in prop::collection::vec(0u64..60, 0..200)) {
            let mut missing = MissingNumbers::default();
            for span in [(3, 3), (10, 14), (20, 40), (0, 1)] {
                missing.add(span.0, span.1);
            }
            let mut left: Vec<u64> = [3].into_iter().chain(10..=14).chain(20..=40).chain(0..=1).collect();
            for number in numbers {
                let at = left.iter().position(|other| *other == number);
                prop_assert_eq!(missing.take(number), at.is_some(), "{}", number);
                at.map(|at| left.remove(at));
            }
        }
    }

    #[test]
    fn the_newest_spans_are_kept() {
        let mut missing = MissingNumbers::default();
        for number in 0..1_000 {
            missing.add(number * 10, number * 10 + 4);
        }
        assert!(!missing.take(0) && missing.take(9_990));
        for number in 936..1_000 {
            missing.take(number * 10 + 2);
        }
        assert!(missing.spans.len() <= SPANS_MAX);
        missing.clear();
        assert!(!missing.take(9_991));
    }
}
