//! How long a server wants to be left alone: the header `Retry-After`, which venues send with 429 and 418.
//!
//! Pure. Invariant: no header makes us wait longer than [`WAIT_MAX`].

use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::tick::Nanos;

/// The longest that is waited; who is banned for days asks once an hour.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Whole seconds, as every venue writes it, or a date. That is compared with the server's own `Date`, and with `now` where
/// there is none: our clocks may differ.
pub fn read(headers: &HeaderMap, now: Nanos) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let ours = || SystemTime::UNIX_EPOCH + Duration::from_nanos(now.0.unsigned_abs());
            let server_now = date(headers, &DATE).unwrap_or_else(ours);
            date(headers, &RETRY_AFTER)?.duration_since(server_now).unwrap_or_default()
        }
    };
    Some(wait.min(WAIT_MAX))
}

/// In any of the three forms of HTTP.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// Wed, 21 Oct 2026 07:28:00 GMT.
    const NOW: Nanos = Nanos(1_792_567_680_000_000_000);

    /// Seconds, of an answer with this header, and with its server's date if there is one.
    fn check(retry_after: &'static str, date: Option<&'static str>, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        assert_eq!(read(&headers, NOW), expected.map(Duration::from_secs), "{retry_after:?}, {date:?}");
    }

    #[test]
    fn seconds_are_read_and_bounded() {
        check(" 120 ", None, Some(120));
        check("0", None, Some(0));
        check("3601", None, Some(3_600));
        check("999999999", None, Some(3_600));
        for none in ["-1", "1.5", "", "soon"] {
            check(none, None, None);
        }
        assert_eq!(read(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn a_date_is_so_far_from_the_servers_own_and_else_from_ours() {
        for date in
            ["Wed, 21 Oct 2026 07:30:05 GMT", "Wednesday, 21-Oct-26 07:30:05 GMT", "Wed Oct 21 07:30:05 2026"]
        {
            check(date, None, Some(125));
            check(date, Some("Wed, 21 Oct 2026 07:30:00 GMT"), Some(5));
            check(date, Some("today"), Some(125));
        }
        check("Wed, 21 Oct 2026 07:27:59 GMT", None, Some(0));
        check("Thu, 22 Oct 2026 07:28:00 GMT", None, Some(3_600));
        check("Wed, 32 Oct 2026 07:28:00 GMT", None, None);
        check("2026-10-21T07:30:05Z", None, None);
    }
}
