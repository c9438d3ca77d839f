//! Times of recordings as text, written and read, in UTC. No clock.

use std::time::{Duration, UNIX_EPOCH};

use crate::tick::Nanos;

/// The texts that [`parse_time`] takes, for a person.
pub const TIME_EXPECTED: &str =
    "a time in UTC such as 2025-03-25T23:07:00Z or 2025-03-25, or microseconds since 1970";

/// Reads a time: a date or a time of ISO-8601 in UTC, or microseconds since 1970.
pub fn parse_time(text: &str) -> Option<Nanos> {
    if let Ok(micros) = text.parse::<i64>() {
        return Nanos::from_micros(micros);
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
