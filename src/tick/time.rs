//! Points in time, as a count of nanoseconds. No clock: the name of the field that holds a time says whose it is.
//!
//! Invariant: no arithmetic overflows; it saturates or returns `None`.

/// Nanoseconds since the Unix epoch. The name of the field that holds it says whose clock it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nanos(pub i64);

/// Seconds since 1970 are below it until the year 5138; milliseconds are above it from 1973 on, and so on by thousands.
const SECONDS_BELOW: u64 = 100_000_000_000;

impl Nanos {
    /// From microseconds, as the JSON wire and recordings have them; `None` when out of range.
    pub fn from_micros(micros: i64) -> Option<Self> {
        micros.checked_mul(1_000).map(Nanos)
    }

    /// From a count since 1970 whose size shows the unit: seconds, milliseconds, microseconds or nanoseconds, which
    /// today have 10, 13, 16 and 19 digits. `None` when out of range.
    pub fn by_size(count: i64) -> Option<Self> {
        count.checked_mul(Self::unit_by_size(count.unsigned_abs())).map(Nanos)
    }

    /// The nanoseconds of the unit that is detected from a count's size.
    pub const fn unit_by_size(size: u64) -> i64 {
        match size {
            _ if size < SECONDS_BELOW => 1_000_000_000,
            _ if size < SECONDS_BELOW * 1_000 => 1_000_000,
            _ if size < SECONDS_BELOW * 1_000_000 => 1_000,
            _ => 1,
        }
    }

    /// Whole microseconds, as the JSON wire has them.
    pub fn micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Nanoseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub fn since(self, earlier: Nanos) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    pub fn plus(self, duration: std::time::Duration) -> Nanos {
        Nanos(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}
