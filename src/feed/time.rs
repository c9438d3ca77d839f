//! Times of recordings as text, written and read, in UTC. No clock.

use std::time::{Duration, UNIX_EPOCH};

use super::ndjson;
use crate::tick::Nanos;

/// The texts that [`parse_time`] takes, for a person.
pub const TIME_EXPECTED: &str = "a time in UTC such as 2025-03-25T23:07:00Z or 2025-03-25, or seconds (10 digits), milliseconds, microseconds or \
     nanoseconds since 1970";

/// Reads a time: a date or a time of ISO-8601 in UTC, or a count since 1970 whose unit follows from its size, as in
/// lines. A count that would be in 1970 is of microseconds, for files whose times begin at 0.
pub fn parse_time(text: &str) -> Option<Nanos> {
    if let Ok(count) = text.parse::<i64>() {
        return ndjson::time_of_any(count);
    }
    let parsed = if text.len() == "2025-03-25".len() {
        humantime::parse_rfc3339(&format!("{text}T00:00:00Z"))
    } else {
        humantime::parse_rfc3339(text)
    };
    let since: Duration = parsed.ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().map(Nanos)
}

/// A receive time as text, in UTC with microseconds.
pub fn format_time(time: Nanos) -> String {
    let micros = u64::try_from(time.micros()).unwrap_or(0);
    humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_the_unit_of_its_size() {
        let moment = parse_time("2025-03-25T12:00:00Z");
        for text in ["1742904000", "1742904000000", "1742904000000000", "1742904000000000000"] {
            assert_eq!(parse_time(text), moment, "{text}");
        }
        assert_eq!(parse_time("1500"), Nanos::from_micros(1500), "in a file whose times begin at 0");
        assert_eq!(parse_time("0"), Some(Nanos(0)));
        assert_eq!(parse_time("1742904000.5s"), None);
    }
}
