//! Durations as they are gathered and as they are reported: histograms of microseconds, and what is read off them.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Of a histogram of microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
pub struct Quantiles {
    pub count: u64,
    pub p50_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
}

/// What is longer than an hour counts as an hour.
const US_MAX: u64 = 3_600_000_000;

// === impl Quantiles ===

impl Quantiles {
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Quantiles {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

/// For microseconds, exact to three digits. It holds its counts in 180 KB, whatever is recorded.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, US_MAX, 3).unwrap_or_else(|_| unreachable!("the bounds are constants"))
}
